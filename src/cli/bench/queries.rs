//! What is asked: a name, a pattern of names, or a file of them.

use std::ops::RangeInclusive;
use std::path::Path;

use crate::dns::{Name, mnemonic};

/// The most questions that are told apart, so that they fit in memory ready-made.
pub const QUESTIONS_MAX: usize = 2_000_000;

/// A name and a type.
pub type Question = (Name, u16);

/// `text` as a record type.
pub fn parse_type(text: &str) -> Result<u16, String> {
    mnemonic::rtype(text.as_bytes())
        .ok_or_else(|| format!("`{text}` is no record type; A or AAAA are usual"))
}

/// The names that `text` stands for: itself, or with `{FIRST..LAST}` in it, one for each number. With a
/// leading zero on either side all numbers are as long as the longer side, as a shell has it.
///
/// # Errors
/// In words, when it is no name or too many.
pub fn expand(text: &str, qtype: u16, into: &mut Vec<Question>) -> Result<(), String> {
    let Some((before, rest)) = text.split_once('{') else {
        return push(text, qtype, into);
    };
    let pattern = rest
        .split_once('}')
        .and_then(|(range, after)| Some((Numbers::parse(range)?, after)))
        .filter(|(_, after)| !after.contains('{'));
    let Some((numbers, after)) = pattern else {
        return Err(format!(
            "`{text}`: expected one range of numbers such as {{0..99999}}"
        ));
    };
    for number in numbers.range {
        let width = numbers.width;
        push(&format!("{before}{number:0width$}{after}"), qtype, into)?;
    }
    Ok(())
}

fn push(text: &str, qtype: u16, into: &mut Vec<Question>) -> Result<(), String> {
    if into.len() == QUESTIONS_MAX {
        return Err(format!("more than {QUESTIONS_MAX} questions"));
    }
    let name = Name::parse(text).map_err(|e| format!("`{text}` is no name: {e}"))?;
    into.push((name, qtype));
    Ok(())
}

struct Numbers {
    range: RangeInclusive<u64>,
    /// Digits at least; 0 for as many as it takes.
    width: usize,
}

impl Numbers {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once("..")?;
        let is_padded = |text: &str| text.len() > 1 && text.starts_with('0');
        let width = match is_padded(first) || is_padded(last) {
            true => first.len().max(last.len()),
            false => 0,
        };
        let range = digits(first)?..=digits(last)?;
        (!range.is_empty()).then_some(Numbers { range, width })
    }
}

fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Reads `NAME TYPE` from each line, as dnsperf does. Without a type it is `qtype`; names may be
/// patterns; what follows `#` or `;` is a comment.
///
/// # Errors
/// In words, with the line.
pub fn read(path: &Path, qtype: u16) -> Result<Vec<Question>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut questions = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        read_line(line, qtype, &mut questions)
            .map_err(|e| format!("{}:{number}: {e}", path.display()))?;
    }
    match questions.is_empty() {
        true => Err(format!("{}: no questions in it", path.display())),
        false => Ok(questions),
    }
}

fn read_line(line: &str, qtype: u16, into: &mut Vec<Question>) -> Result<(), String> {
    let line = line.split(['#', ';']).next().unwrap_or_default();
    let mut words = line.split_whitespace();
    let Some(name) = words.next() else {
        return Ok(());
    };
    let qtype = words.next().map_or(Ok(qtype), parse_type)?;
    if let Some(word) = words.next() {
        return Err(format!("expected NAME TYPE, found `{word}` as well"));
    }
    expand(name, qtype, into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::rtype;

    fn names(text: &str) -> Result<Vec<String>, String> {
        let mut questions = Vec::new();
        expand(text, rtype::A, &mut questions)?;
        Ok(questions.iter().map(|(name, _)| name.to_string()).collect())
    }

    #[test]
    fn a_pattern_stands_for_each_number() {
        assert_eq!(names("www.e").unwrap(), ["www.e."]);
        assert_eq!(names("n{9..11}.e").unwrap(), ["n9.e.", "n10.e.", "n11.e."]);
        assert_eq!(names("n{08..10}").unwrap(), ["n08.", "n09.", "n10."]);
        assert_eq!(names("n{1..1}").unwrap(), ["n1."]);
        assert_eq!(names("n{8..010}").unwrap(), ["n008.", "n009.", "n010."]);
        assert_eq!(names("n{0..2}").unwrap().len(), 3);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "n{",
            "n{}",
            "n{1}",
            "n{1..}",
            "n{..1}",
            "n{2..1}",
            "n{-1..1}",
            "n{1..+2}",
            "{1..2}.{1..2}",
            "n{0..99999999999999999999}",
        ] {
            let error = names(text).unwrap_err();
            assert!(error.contains("expected one range"), "{text}: {error}");
        }
        assert!(names("n{0..2000000}").unwrap_err().contains("more than"));
        assert!(names("a..b").unwrap_err().contains("is no name"));
    }

    #[test]
    fn a_file_has_a_question_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("questions");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write("# names\nwww.e AAAA\n\nn{1..2}.e ; both\nmail.e TYPE15\n");
        let read_all = || read(&path, rtype::A);
        let questions = read_all().unwrap();
        let types: Vec<_> = questions.iter().map(|question| question.1).collect();
        assert_eq!(types, [rtype::AAAA, rtype::A, rtype::A, rtype::MX]);
        for (text, expected) in [
            ("www.e\nwww.e FOO\n", ":2: `FOO` is no record type"),
            (
                "www.e A 1.2.3.4\n",
                ":1: expected NAME TYPE, found `1.2.3.4`",
            ),
            ("# nothing\n", "no questions"),
        ] {
            write(text);
            let error = read_all().unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let error = read(Path::new("no/such/file"), rtype::A).unwrap_err();
        assert!(error.starts_with("no/such/file: "), "{error}");
    }
}
