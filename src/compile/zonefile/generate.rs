//! `$GENERATE`: one entry for each number of a range, as BIND defines it.
//!
//! ```text
//! $GENERATE start-stop[/step] owner [TTL] [class] type data
//! ```
//!
//! In owner and data, `$` is the number, and `${offset,width,base}` the number and `offset`, padded
//! with zeros to `width`, in base `d`, `o`, `x` or `X`; or, with `n` or `N`, as hexadecimal digits
//! with dots between and the last one first, as under ip6.arpa. `$$` and `\$` are a plain `$`. Data that
//! has spaces may be quoted as a whole, as BIND wants it; then a quote within is `\"`.

use super::file::{FileReader, LastOwner, Mistake, shown};
use super::header::read_header;
use super::lexer::{Lexer, Token};
use super::reader::ZoneReader;

/// How many records `$GENERATE` may make in one zone.
pub const GENERATED_MAX: u32 = 1 << 20;

const USAGE: &str = "`$GENERATE 1-100 host-$ A 192.0.2.$`";
const RANGE: &str = "a range such as `1-100` or `0-254/2`, from 0 to 2147483647";
const MODIFIER: &str = "`${offset}`, `${offset,width}` or `${offset,width,base}` with width 0 to 255 \
                        and base d, o, x, X, n or N";

/// A range of numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u32,
    stop: u32,
    step: u32,
}

impl Range {
    fn parse(text: &[u8]) -> Option<Range> {
        let text = std::str::from_utf8(text).ok()?;
        let (range, step) = text.split_once('/').unwrap_or((text, "1"));
        let (start, stop) = range.split_once('-')?;
        let number = |text: &str| {
            let is_number = text.bytes().all(|b| b.is_ascii_digit());
            let number = text.parse::<i32>().ok().filter(|_| is_number)?;
            u32::try_from(number).ok()
        };
        let range = Range {
            start: number(start)?,
            stop: number(stop)?,
            step: number(step).filter(|&step| step > 0)?,
        };
        Some(range).filter(|range| range.start <= range.stop)
    }

    fn count(self) -> u32 {
        (self.stop - self.start) / self.step + 1
    }

    fn numbers(self) -> impl Iterator<Item = u32> {
        (self.start..=self.stop).step_by(self.step as usize)
    }
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Format {
    offset: i64,
    width: usize,
    base: u8,
}

impl Format {
    const PLAIN: Format = Format {
        offset: 0,
        width: 0,
        base: b'd',
    };

    /// What stands between `${` and `}`.
    fn parse(text: &[u8]) -> Option<Format> {
        let mut parts = std::str::from_utf8(text).ok()?.split(',');
        let offset = parts.next()?.parse::<i32>().ok()?;
        let width = parts.next().map_or(Ok(0), str::parse::<u8>).ok()?;
        let base = match parts.next().unwrap_or("d").as_bytes() {
            &[base @ (b'd' | b'o' | b'x' | b'X' | b'n' | b'N')] => base,
            _ => return None,
        };
        let format = Format {
            offset: offset.into(),
            width: width.into(),
            base,
        };
        Some(format).filter(|_| parts.next().is_none())
    }

    /// Appends the number; `None` where it cannot be written.
    fn append(self, number: u32, text: &mut Vec<u8>) -> Option<()> {
        let value = i64::from(number) + self.offset;
        let value = i32::try_from(value).ok()?;
        let width = self.width;
        if self.base != b'd' && value < 0 {
            return None;
        }
        let written = match self.base {
            b'd' => format!("{value:0width$}"),
            b'o' => format!("{value:0width$o}"),
            b'x' => format!("{value:0width$x}"),
            b'X' => format!("{value:0width$X}"),
            b'n' => nibbles(value, width),
            _ => nibbles(value, width).to_ascii_uppercase(),
        };
        text.extend_from_slice(written.as_bytes());
        Some(())
    }
}

/// Hexadecimal digits from the last to the first with dots between; the width counts the dots, too,
/// and may end in one.
fn nibbles(value: i32, width: usize) -> String {
    let mut text = String::new();
    let mut rest = value;
    loop {
        text.extend(char::from_digit((rest & 0xf) as u32, 16));
        rest >>= 4;
        if rest == 0 && text.len() >= width {
            return text;
        }
        text.push('.');
        if rest == 0 && text.len() >= width {
            return text;
        }
    }
}

/// Text with places for the number.
#[derive(Debug, Default, PartialEq, Eq)]
struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Number(Format),
}

impl Template {
    /// Adds text that stays as it is.
    fn push(&mut self, text: &[u8]) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.extend_from_slice(text),
            _ => self.parts.push(Part::Text(text.to_vec())),
        }
    }

    /// Adds a text with its numbers; an error is the part of it that is wrong.
    fn parse<'t>(&mut self, text: &'t [u8]) -> Result<(), &'t [u8]> {
        let mut rest = text;
        loop {
            match rest {
                [] => return Ok(()),
                [b'$', b'$', after @ ..] => {
                    self.push(b"$");
                    rest = after;
                }
                [b'$', b'{', after @ ..] => {
                    let end = after.iter().position(|&b| b == b'}').ok_or(rest)?;
                    let format = Format::parse(&after[..end]).ok_or(&rest[..end + 3])?;
                    self.parts.push(Part::Number(format));
                    rest = &after[end + 1..];
                }
                [b'$', after @ ..] => {
                    self.parts.push(Part::Number(Format::PLAIN));
                    rest = after;
                }
                // The escape means something where the entry is read.
                [b'\\', _, after @ ..] => {
                    self.push(&rest[..2]);
                    rest = after;
                }
                [first, after @ ..] => {
                    self.push(&[*first]);
                    rest = after;
                }
            }
        }
    }

    fn fill(&self, number: u32, text: &mut Vec<u8>) -> Option<()> {
        for part in &self.parts {
            match part {
                Part::Text(part) => text.extend_from_slice(part),
                Part::Number(format) => format.append(number, text)?,
            }
        }
        Some(())
    }
}

impl ZoneReader<'_, '_> {
    pub fn generate(
        &mut self,
        file: &FileReader<'_>,
        directive: &Token,
        arguments: &[Token],
    ) -> Result<(), Mistake> {
        let [range, owner, rest @ ..] = arguments else {
            let last = arguments.last().unwrap_or(directive);
            let message = format!("{} needs a range and an owner", file.shown(directive));
            return Err(file.error_after(last, message, USAGE));
        };
        if rest.is_empty() {
            let message = format!("{} has no record", file.shown(directive));
            return Err(file.error_after(owner, message, USAGE));
        }
        let Some(numbers) = Range::parse(file.bytes(range)) else {
            let message = format!("{} is no range", file.shown(range));
            return Err(file.error_at(range, message, RANGE));
        };
        match self.generated_left.checked_sub(numbers.count()) {
            Some(left) => self.generated_left = left,
            None => {
                let message = format!("{}: too many records", file.shown(range));
                let help = format!("`$GENERATE` makes at most {GENERATED_MAX} in one zone");
                return Err(file.error_at(range, message, help));
            }
        }
        let template = template(file, owner, rest)?;
        for number in numbers.numbers() {
            self.generate_one(file, directive, &template, number)?;
        }
        Ok(())
    }

    fn generate_one(
        &mut self,
        file: &FileReader<'_>,
        directive: &Token,
        template: &Template,
        number: u32,
    ) -> Result<(), Mistake> {
        let mut text = Vec::new();
        if template.fill(number, &mut text).is_none() {
            let message = format!("{number} and its offset cannot be written");
            let help = "from 0 to 2147483647; with base d, from -2147483648";
            return Err(file.error_at(directive, message, help));
        }
        let Some(left) = self.bytes_left.checked_sub(text.len() as u64) else {
            let message = "the text of a zone is limited to 1 GiB, generated entries included";
            return Err(file.error_at(directive, message.to_owned(), "split the zone"));
        };
        self.bytes_left = left;
        self.read_generated(file, directive, &text)
            .map_err(|mistake| Mistake {
                message: format!("{}, where `$` is {number}", mistake.message),
                ..mistake
            })
    }

    fn read_generated(
        &mut self,
        file: &FileReader<'_>,
        directive: &Token,
        text: &[u8],
    ) -> Result<(), Mistake> {
        let mut lexer = Lexer::new(text);
        let tokens = match lexer.next_entry() {
            Some(entry) => entry.tokens,
            None => return Ok(()),
        };
        let tokens = tokens.map_err(|(_, error)| {
            let message = format!("{}: {}", shown(text), error.message());
            file.error_at(directive, message, error.help())
        })?;
        let mut made = FileReader {
            text,
            path: file.path.clone(),
            number: file.number,
            origin: file.origin.clone(),
            owner: LastOwner::None,
            owner_name: Vec::new(),
            made_at: Some(file.spot((*directive).into())),
        };
        match tokens {
            [owner, rest @ ..] if !rest.is_empty() => {
                self.read_owner(&mut made, owner)?;
                self.read_record(&mut made, rest)
            }
            _ => {
                let message = format!("{} is no record", shown(text));
                Err(file.error_at(directive, message, USAGE))
            }
        }
    }
}

/// The entry with places for its number: owner, header, data.
fn template(file: &FileReader<'_>, owner: &Token, rest: &[Token]) -> Result<Template, Mistake> {
    let header = read_header(file, rest)?;
    let (header, data) = rest.split_at(header.len);
    let mut template = Template::default();
    let mut parse = |token: &Token, text: &[u8]| {
        if !template.parts.is_empty() && !token.joined {
            template.push(b" ");
        }
        template.parse(text).map_err(|wrong| {
            let message = format!("{} cannot be filled in", shown(wrong));
            file.error_at(token, message, MODIFIER)
        })
    };
    parse(owner, file.bytes(owner))?;
    for token in header {
        // A type has no `$`.
        parse(token, file.bytes(token))?;
    }
    match data {
        // The data as a whole.
        [token] if token.quoted => parse(token, &unquoted(file.bytes(token)))?,
        _ => {
            for token in data {
                let bytes = file.bytes(token);
                match token.quoted {
                    true => parse(token, &[b"\"", bytes, b"\""].concat())?,
                    false => parse(token, bytes)?,
                }
            }
        }
    }
    Ok(template)
}

/// With `\"` as a quote; other escapes stay.
fn unquoted(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        match rest {
            [b'\\', b'"', after @ ..] => {
                text.push(b'"');
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                text.extend_from_slice(&[b'\\', *escaped]);
                rest = after;
            }
            _ => {
                text.push(*first);
                rest = after;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, number: u32) -> Option<String> {
        let mut template = Template::default();
        template.parse(text.as_bytes()).ok()?;
        let mut filled = Vec::new();
        template.fill(number, &mut filled)?;
        String::from_utf8(filled).ok()
    }

    /// What named-compilezone 9.18 makes of the same.
    #[test]
    fn numbers_are_written_as_bind_writes_them() {
        for (text, number, expected) in [
            ("a$", 7, "a7"),
            ("a${10}b$", 7, "a17b7"),
            ("${-1,0,d}", 1, "0"),
            ("${-9}", 2, "-7"),
            ("${+3}", 1, "4"),
            ("${0,3,d}", 7, "007"),
            ("${0,5,x}", 1, "00001"),
            ("${250,4,X}", 1, "00FB"),
            ("${0,3,o}", 8, "010"),
            ("${250,0,n}", 1, "b.f"),
            ("${250,4,n}", 1, "b.f."),
            ("${250,1,N}", 1, "B.F"),
            ("${250,5,n}", 1, "b.f.0"),
            ("${250,6,n}", 1, "b.f.0."),
            ("${250,7,n}", 1, "b.f.0.0"),
            ("${0,0,n}", 0, "0"),
            ("${0,3,n}", 0, "0.0"),
            ("${0,4,n}", 0, "0.0."),
            ("$$-$", 1, "$-1"),
            (r"\$$\\$", 1, r"\$1\\1"),
            ("${0}${1}$", 1, "121"),
        ] {
            assert_eq!(filled(text, number).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for text in [
            "${",
            "${0,1,q}",
            "${}",
            "${,3}",
            "${ 0 }",
            "${0,256}",
            "${0,1,d,1}",
            "${0,1,dd}",
        ] {
            assert_eq!(filled(text, 1), None, "{text}");
        }
        assert_eq!(filled("${1}", i32::MAX as u32), None);
        assert_eq!(filled("${-2,0,x}", 1), None);
    }

    #[test]
    fn ranges_ascend_within_31_bits() {
        let numbers =
            |text: &str| Some(Range::parse(text.as_bytes())?.numbers().collect::<Vec<_>>());
        assert_eq!(numbers("1-3"), Some(vec![1, 2, 3]));
        assert_eq!(numbers("1-10/4"), Some(vec![1, 5, 9]));
        assert_eq!(numbers("0-0"), Some(vec![0]));
        assert_eq!(Range::parse(b"1-10/4").unwrap().count(), 3);
        for bad in [
            "1",
            "3-1",
            "1-2/0",
            "-1-2",
            "1-2x",
            "0-2147483648",
            "1-+2",
            "",
            "1-2/1/1",
        ] {
            assert_eq!(numbers(bad), None, "{bad}");
        }
    }
}
