//! Regular expressions, bounded in size; matching takes time linear in the text.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// Octets that the program of an expression may take.
const SIZE_MAX: usize = 1 << 20;
/// Groups within each other.
const NESTING_MAX: u32 = 64;

/// An expression for a whole text: it is anchored at both ends. Classes are those of ASCII.
#[derive(Clone)]
pub struct Pattern {
    regex: Regex,
    written: Box<str>,
}

impl Pattern {
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(written: &str) -> Result<Self, String> {
        let build = |text: &str| {
            RegexBuilder::new(text)
                .unicode(false)
                .size_limit(SIZE_MAX)
                .dfa_size_limit(SIZE_MAX)
                .nest_limit(NESTING_MAX)
                .build()
        };
        // Alone first: what closes a group that it did not open must not get past the anchors.
        let words = |error: regex::Error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            error => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                last.trim_start_matches("error: ").to_owned()
            }
        };
        build(written).map_err(words)?;
        let regex = build(&format!(r"\A(?:{written})\z")).map_err(words)?;
        Ok(Pattern {
            regex,
            written: written.into(),
        })
    }

    /// Whether all of `text` is as it says.
    pub fn fits(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }

    /// How many groups it has, counted from 1.
    pub fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// `with` where `$1` stands for what the first group has; `None`: `text` does not fit.
    pub fn replace(&self, text: &[u8], with: &str) -> Option<Vec<u8>> {
        let captures = self.regex.captures(text)?;
        let mut replaced = Vec::new();
        captures.expand(with.as_bytes(), &mut replaced);
        Some(replaced)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.written, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_text_must_fit() {
        let pattern = Pattern::new("/a|/b[0-9]+").expect("a pattern");
        for (text, fits) in [
            ("/a", true),
            ("/b12", true),
            ("/ab", false),
            ("x/a", false),
            ("/a\n", false),
        ] {
            assert_eq!(pattern.fits(text.as_bytes()), fits, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_or_too_large_is_refused() {
        for written in ["(", "a)|(?:b", "(?x) a # b", r"\p{Greek}"] {
            let result = Pattern::new(written);
            let anchors_hold = result.as_ref().map_or(true, |p| !p.fits(b"xax"));
            assert!(anchors_hold, "{written}");
        }
        assert_eq!(
            Pattern::new("(?:a{1000}){1000}"),
            Err("it is too large".to_owned())
        );
    }

    #[test]
    fn groups_are_put_where_they_are_named() {
        let pattern = Pattern::new("/old/(.*)").expect("a pattern");
        let replaced = pattern.replace(b"/old/x/y", "/new/${1}z");
        assert_eq!(replaced.as_deref(), Some(&b"/new/x/yz"[..]));
        assert_eq!(pattern.replace(b"/other", "/new"), None);
    }
}
