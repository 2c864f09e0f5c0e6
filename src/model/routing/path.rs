//! What does the path of a request mean? The one form in which paths are matched, and in which backends get them: what
//! two spellings of one resource have in common, so that no spelling goes past a route.

use std::borrow::Cow;
use std::fmt;

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsound {
    /// It does not begin with a slash.
    Relative,
    /// A `%` that two hexadecimal digits do not follow (RFC 3986, 2.1).
    Escape,
    /// A NUL, a backslash or another character that no path has, and that readers disagree on.
    Character,
    /// A dot segment that only some readers take for one: with parameters (`/..;/`), or between encoded slashes
    /// (`..%2F`).
    HiddenDots,
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unsound::Relative => "the path does not begin with a slash",
            Unsound::Escape => "the path has a % without two hexadecimal digits behind it",
            Unsound::Character => "the path has a character that no path may have",
            Unsound::HiddenDots => "the path has dot segments in disguise",
        })
    }
}

/// The path in the form in which it is matched and sent on (RFC 3986, 6.2.2):
///
/// - escapes of unreserved characters are undone, all others have capital digits: `%7e%2f` is `~%2F`;
/// - characters that stand in no path are escaped;
/// - slashes that follow each other are one: `//a` is `/a`;
/// - dot segments are resolved (5.2.4): `/a/../b` and `/a/%2E%2e/b` are `/b`, and nothing lies above the root.
///
/// An encoded slash stays one: it is part of a segment.
///
/// # Errors
/// Where readers would disagree on what it means.
pub fn normalise(path: &str) -> Result<Cow<'_, str>, Unsound> {
    if !path.starts_with('/') {
        return Err(Unsound::Relative);
    }
    match is_normal(path.as_bytes()) {
        true => Ok(Cow::Borrowed(path)),
        false => resolve(path).map(Cow::Owned),
    }
}

/// Whether nothing in it has to be looked at closely.
fn is_normal(path: &[u8]) -> bool {
    let mut before = 0;
    path.iter().all(|&octet| {
        let is_plain = is_plain(octet) && !(before == b'/' && matches!(octet, b'/' | b'.'));
        before = octet;
        is_plain
    })
}

/// Unreserved characters (RFC 3986, 2.3).
const fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

/// Those that stand in a path as they are (RFC 3986, 3.3).
#[inline]
fn is_plain(octet: u8) -> bool {
    const PLAIN: [bool; 256] = {
        let mut plain = [false; 256];
        let mut octet = 0;
        while octet < 256 {
            plain[octet] = is_unreserved(octet as u8)
                || matches!(
                    octet as u8,
                    b'/' | b'!'
                        | b'$'
                        | b'&'
                        | b'\''
                        | b'('
                        | b')'
                        | b'*'
                        | b'+'
                        | b','
                        | b';'
                        | b'='
                        | b':'
                        | b'@'
                );
            octet += 1;
        }
        plain
    };
    PLAIN[octet as usize]
}

#[cold]
fn resolve(path: &str) -> Result<String, Unsound> {
    let mut out = String::with_capacity(path.len() + 8);
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let start = out.len();
        out.push('/');
        spell(segment, &mut out)?;
        let spelt = &out[start + 1..];
        check_dots(spelt)?;
        let is_last = segments.peek().is_none();
        match spelt {
            "" | "." => out.truncate(start),
            ".." => {
                out.truncate(start);
                out.truncate(out.rfind('/').unwrap_or(0));
            }
            _ => continue,
        }
        if is_last {
            out.push('/');
        }
    }
    Ok(out)
}

/// Appends a segment, each character in its one spelling.
fn spell(segment: &str, out: &mut String) -> Result<(), Unsound> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let escape = |octet: u8, out: &mut String| {
        out.push('%');
        out.push(char::from(DIGITS[usize::from(octet >> 4)]));
        out.push(char::from(DIGITS[usize::from(octet & 15)]));
    };
    let mut octets = segment.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'%' => {
                let digit = |octet: Option<u8>| char::from(octet?).to_digit(16);
                let (high, low) = (digit(octets.next()), digit(octets.next()));
                let (Some(high), Some(low)) = (high, low) else {
                    return Err(Unsound::Escape);
                };
                match (high << 4 | low) as u8 {
                    0 => return Err(Unsound::Character),
                    octet if is_unreserved(octet) => out.push(char::from(octet)),
                    octet => escape(octet, out),
                }
            }
            octet if is_plain(octet) => out.push(char::from(octet)),
            b'\\' | b'?' | b'#' | 0..=b' ' | 0x7f => return Err(Unsound::Character),
            octet => escape(octet, out),
        }
    }
    Ok(())
}

/// Refuses what is a dot segment to some readers only.
fn check_dots(segment: &str) -> Result<(), Unsound> {
    if !segment.contains('.') {
        return Ok(());
    }
    let is_dots = |part: &str| {
        let name = part.split(';').next().unwrap_or_default();
        let name = name.split("%3B").next().unwrap_or_default();
        matches!(name, "." | "..")
    };
    let is_plain_dots = matches!(segment, "." | "..");
    let mut parts = segment.split("%2F").flat_map(|part| part.split("%5C"));
    match !is_plain_dots && parts.any(is_dots) {
        true => Err(Unsound::HiddenDots),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_path_are_one() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/a/./b", "/a/b"),
            ("/..", "/"),
            ("/../../a", "/a"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("//a///b//", "/a/b/"),
            ("/a//../b", "/b"),
            ("/%61%7e%7E", "/a~~"),
            ("/a%2fb", "/a%2Fb"),
            ("/a%252e%252e", "/a%252e%252e"),
            ("/é|", "/%C3%A9%7C"),
            ("/.well-known/x", "/.well-known/x"),
            ("/...", "/..."),
            ("/a;v=1/b", "/a;v=1/b"),
            ("/a.b;c%2Fd.e", "/a.b;c%2Fd.e"),
        ] {
            assert_eq!(normalise(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn what_readers_disagree_on_is_refused() {
        for (path, why) in [
            ("", Unsound::Relative),
            ("a", Unsound::Relative),
            ("*", Unsound::Relative),
            ("/%", Unsound::Escape),
            ("/%4", Unsound::Escape),
            ("/%zz", Unsound::Escape),
            ("/%00", Unsound::Character),
            ("/a\\..\\b", Unsound::Character),
            ("/a b", Unsound::Character),
            ("/a/..;/b", Unsound::HiddenDots),
            ("/a/..%3bx/b", Unsound::HiddenDots),
            ("/a/..%2fb", Unsound::HiddenDots),
            ("/a%2f..%2fb", Unsound::HiddenDots),
            ("/a%5c%2e%2e", Unsound::HiddenDots),
        ] {
            assert_eq!(normalise(path), Err(why), "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_is_normal_stays_and_has_no_dots(path in "/[a./%2eEfF;\\\\~é]{0,24}") {
            if let Ok(normal) = normalise(&path) {
                let again = normalise(&normal);
                prop_assert_eq!(again.as_deref(), Ok(&*normal));
                prop_assert!(normal.starts_with('/') && !normal.contains("//") && normal.is_ascii());
                prop_assert!(normal.split('/').all(|segment| !matches!(segment, "." | "..")));
            }
        }
    }
}
