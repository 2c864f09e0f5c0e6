//! The values of one record, one after another: tokens -> octets on the wire.

use std::borrow::Cow;
use std::fmt;

use super::super::lexer::Token;
use crate::dns::presentation;

/// What is wrong with the values of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// Something about the value read last.
    Wrong(Cow<'static, str>),
    /// A value is missing.
    Missing,
    /// There are more values than the type has.
    TooMany,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValueError::Wrong(reason) => reason,
            ValueError::Missing => "a value is missing",
            ValueError::TooMany => "one value too many",
        })
    }
}

pub type Result<T> = std::result::Result<T, ValueError>;

/// An error about the value read last.
pub fn wrong<T>(reason: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(ValueError::Wrong(reason.into()))
}

/// A walk over the values of one record.
pub struct Values<'t> {
    text: &'t [u8],
    tokens: &'t [Token],
    /// The next token.
    at: usize,
    /// On the wire.
    origin: &'t [u8],
}

impl<'t> Values<'t> {
    pub fn new(text: &'t [u8], tokens: &'t [Token], origin: &'t [u8]) -> Self {
        Values {
            text,
            tokens,
            at: 0,
            origin,
        }
    }

    /// The index of the token that `error` is about; past the last one for one that is missing.
    pub fn culprit(&self, error: &ValueError) -> usize {
        match error {
            ValueError::Wrong(_) => self.at.saturating_sub(1),
            ValueError::Missing | ValueError::TooMany => self.at,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.at == self.tokens.len()
    }

    pub fn finish(&self) -> Result<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(ValueError::TooMany)
        }
    }

    pub fn peek(&self) -> Option<(Token, &'t [u8])> {
        let token = *self.tokens.get(self.at)?;
        Some((token, token.bytes(self.text)))
    }

    fn next(&mut self) -> Result<&'t [u8]> {
        let (_, bytes) = self.peek().ok_or(ValueError::Missing)?;
        self.at += 1;
        Ok(bytes)
    }

    /// The next value as it is written; it is not empty.
    pub fn word(&mut self) -> Result<&'t [u8]> {
        match self.next()? {
            [] => wrong("an empty value"),
            word => Ok(word),
        }
    }

    /// Whether the next token is an unquoted `word`; then it is taken.
    pub fn takes(&mut self, word: &[u8]) -> bool {
        let is_it = self
            .peek()
            .is_some_and(|(token, bytes)| !token.quoted && bytes == word);
        self.at += usize::from(is_it);
        is_it
    }

    /// The next token, when it is quoted and follows without a space: the `"v"` of `key="v"`.
    pub fn joined_quoted(&mut self) -> Option<&'t [u8]> {
        let (_, bytes) = self.peek().filter(|(t, _)| t.joined && t.quoted)?;
        self.at += 1;
        Some(bytes)
    }

    /// A decimal number of at most `max`.
    pub fn number(&mut self, max: u32) -> Result<u32> {
        number(self.word()?, max)
    }

    /// A name, relative to the origin.
    pub fn name(&mut self, wire: &mut Vec<u8>) -> Result<()> {
        let token = self.next()?;
        presentation::append_relative(token, self.origin, wire)
            .map_err(|error| ValueError::Wrong(error.to_string().into()))
    }

    /// A character-string (RFC 1035, 3.3), with its length octet.
    pub fn string(&mut self, wire: &mut Vec<u8>) -> Result<()> {
        let token = self.next()?;
        let len_at = wire.len();
        wire.push(0);
        unescape(token, wire)?;
        match u8::try_from(wire.len() - len_at - 1) {
            Ok(len) => wire[len_at] = len,
            Err(_) => return wrong("a string of more than 255 octets"),
        }
        Ok(())
    }

    /// The octets of a value, without a length.
    pub fn octets(&mut self, wire: &mut Vec<u8>) -> Result<()> {
        unescape(self.next()?, wire)
    }

    /// All that follows, at least one value, as hexadecimal digits.
    pub fn hex_to_end(&mut self, wire: &mut Vec<u8>) -> Result<()> {
        let mut high = None;
        loop {
            for &digit in self.word()? {
                let Some(value) = char::from(digit).to_digit(16) else {
                    return wrong("expected hexadecimal digits");
                };
                match high.take() {
                    None => high = Some(value),
                    Some(high) => wire.push((high << 4 | value) as u8),
                }
            }
            if self.is_empty() {
                break;
            }
        }
        if high.is_some() {
            return wrong("an odd number of hexadecimal digits");
        }
        Ok(())
    }

    /// All that follows, at least one value, as base 64 (RFC 4648, 4).
    pub fn base64_to_end(&mut self, wire: &mut Vec<u8>) -> Result<()> {
        let mut decoder = Base64::default();
        loop {
            decoder.decode(self.word()?, wire)?;
            if self.is_empty() {
                return decoder.finish();
            }
        }
    }
}

/// A decimal number of at most `max`.
pub fn number(text: &[u8], max: u32) -> Result<u32> {
    let mut number = 0u32;
    for &digit in text {
        if !digit.is_ascii_digit() {
            return wrong("expected a decimal number");
        }
        let next = number
            .checked_mul(10)
            .and_then(|n| n.checked_add(u32::from(digit - b'0')));
        match next.filter(|&n| n <= max) {
            Some(next) => number = next,
            None => return wrong(format!("a number above {max}")),
        }
    }
    if text.is_empty() {
        return wrong("expected a decimal number");
    }
    Ok(number)
}

/// Appends what a text is in base 64.
pub fn base64(text: &[u8], wire: &mut Vec<u8>) -> Result<()> {
    let mut decoder = Base64::default();
    decoder.decode(text, wire)?;
    decoder.finish()
}

/// Appends the octets that a token stands for.
pub fn unescape(token: &[u8], wire: &mut Vec<u8>) -> Result<()> {
    let mut rest = token;
    loop {
        let Some(plain) = rest.iter().position(|&b| b == b'\\') else {
            wire.extend_from_slice(rest);
            return Ok(());
        };
        wire.extend_from_slice(&rest[..plain]);
        let Some((octet, len)) = presentation::escape(&rest[plain + 1..]) else {
            return wrong("an escape that is neither \\X nor \\DDD (000..255)");
        };
        wire.push(octet);
        rest = &rest[plain + 1 + len..];
    }
}

/// Base 64, which may be spread over several tokens.
#[derive(Default)]
struct Base64 {
    bits: u32,
    /// Digits in `bits`, padding included.
    digits: u8,
    padding: u8,
    is_over: bool,
}

impl Base64 {
    fn decode(&mut self, text: &[u8], wire: &mut Vec<u8>) -> Result<()> {
        for &digit in text {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' if self.digits >= 2 => {
                    self.padding += 1;
                    0
                }
                _ => return wrong("expected base 64"),
            };
            if self.is_over || self.padding > 0 && digit != b'=' {
                return wrong("base 64 goes on behind its end");
            }
            self.bits = self.bits << 6 | u32::from(value);
            self.digits += 1;
            if self.digits == 4 {
                self.quantum(wire)?;
            }
        }
        Ok(())
    }

    fn quantum(&mut self, wire: &mut Vec<u8>) -> Result<()> {
        let [_, octets @ ..] = self.bits.to_be_bytes();
        let (octets, rest) = octets.split_at(3 - usize::from(self.padding));
        if rest.iter().any(|&octet| octet != 0) {
            return wrong("base 64 with bits behind its end");
        }
        wire.extend_from_slice(octets);
        self.is_over = self.padding > 0;
        (self.bits, self.digits, self.padding) = (0, 0, 0);
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if self.digits == 0 {
            Ok(())
        } else {
            wrong("base 64 that is cut short (is `=` missing at its end?)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(tokens: &[&str]) -> Option<Vec<u8>> {
        let mut wire = Vec::new();
        let mut decoder = Base64::default();
        for token in tokens {
            decoder.decode(token.as_bytes(), &mut wire).ok()?;
        }
        decoder.finish().ok()?;
        Some(wire)
    }

    #[test]
    fn rfc_4648_section_10_base_64_is_read() {
        for (text, octets) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(
                decoded(&[text]).as_deref(),
                Some(octets.as_bytes()),
                "{text}"
            );
        }
        assert_eq!(
            decoded(&["Zm", "9vY", "g=", "="]).as_deref(),
            Some(&b"foob"[..])
        );
        for bad in [
            "Z", "Zg", "Zg=", "Zm9v=", "Zg==Zg==", "Zh==", "Zg=v", "Zg===", "=", "Z-8=",
        ] {
            assert_eq!(decoded(&[bad]), None, "{bad}");
        }
    }

    #[test]
    fn numbers_end_where_their_field_does() {
        assert_eq!(number(b"255", 255), Ok(255));
        assert_eq!(number(b"0004294967295", u32::MAX), Ok(u32::MAX));
        for (text, max) in [
            ("256", 255),
            ("4294967296", u32::MAX),
            ("+1", 9),
            ("", 9),
            ("1x", 99),
        ] {
            assert!(number(text.as_bytes(), max).is_err(), "{text}");
        }
    }
}
