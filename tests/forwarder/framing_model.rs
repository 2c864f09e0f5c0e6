//! The framing of requests once more, as plainly as can be: what `forwarder::framing` is compared with.

/// What some octets are.
#[derive(Debug, PartialEq, Eq)]
pub enum Model {
    /// So many requests, and nothing else.
    Whole(u64),
    /// Something at their end is not there whole.
    Partial,
    Refused,
}

enum Stop {
    Partial,
    Refused,
}

use Stop::{Partial, Refused};

/// Without limits other than those of chunks.
pub fn read(mut octets: &[u8]) -> Model {
    let mut requests = 0;
    while !octets.is_empty() {
        match request(octets) {
            Ok(rest) => octets = rest,
            Err(Partial) => return Model::Partial,
            Err(Refused) => return Model::Refused,
        }
        requests += 1;
    }
    Model::Whole(requests)
}

fn request(octets: &[u8]) -> Result<&[u8], Stop> {
    let (mut first, mut rest) = line(octets)?;
    while first.is_empty() {
        (first, rest) = line(rest)?;
    }
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, version @ ("HTTP/1.0" | "HTTP/1.1")] = words[..] else {
        return Err(Refused);
    };
    let is_graphic = |c: char| c > ' ' && c != '\x7f';
    if !is_token(method) || target.is_empty() || !target.chars().all(is_graphic) {
        return Err(Refused);
    }
    // What a target may be beyond that is hyper's to say.
    let octets: Vec<u8> = target.chars().map(|c| c as u8).collect();
    if hyper::Uri::try_from(&octets[..]).is_err() {
        return Err(Refused);
    }
    let (fields, rest) = fields(rest)?;
    let of = |wanted: &str| -> Vec<&str> {
        let same = fields.iter().filter(|field| field.0 == wanted);
        same.map(|field| &*field.1).collect()
    };
    match (&of("content-length")[..], &of("transfer-encoding")[..]) {
        ([], []) => Ok(rest),
        ([length], []) => {
            let is_number = !length.is_empty() && length.chars().all(|c| c.is_ascii_digit());
            let length: u64 = length.parse().map_err(|_| Refused)?;
            if !is_number || length >= 1 << 63 {
                return Err(Refused);
            }
            rest.get(length as usize..).ok_or(Partial)
        }
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") && version == "HTTP/1.1" => {
            chunks(rest)
        }
        _ => Err(Refused),
    }
}

fn chunks(mut octets: &[u8]) -> Result<&[u8], Stop> {
    let mut spent = 0;
    loop {
        let (size, rest) = line(octets)?;
        let digits: String = size.chars().take_while(char::is_ascii_hexdigit).collect();
        let extensions = &size[digits.len()..];
        // A character is an octet.
        spent += extensions.chars().count();
        if size.chars().count() > 256
            || digits.len() > 15
            || spent > 4096
            || !are_following(extensions)
        {
            return Err(Refused);
        }
        let size = usize::from_str_radix(&digits, 16).map_err(|_| Refused)?;
        if size == 0 {
            return fields(rest).map(|(_, rest)| rest);
        }
        let (Some(_), Some(rest)) = (rest.get(..size), rest.get(size..)) else {
            return Err(Partial);
        };
        octets = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Err(Partial),
            _ => return Err(Refused),
        };
    }
}

fn are_extensions(text: &str) -> bool {
    let text = text.trim_start_matches([' ', '\t']);
    let Some(text) = text.strip_prefix(';') else {
        return false;
    };
    let text = text.trim_start_matches([' ', '\t']);
    let name: String = text.chars().take_while(|&c| is_tchar(c)).collect();
    let rest = &text[name.len()..];
    if name.is_empty() {
        return false;
    }
    let Some(value) = rest.trim_start_matches([' ', '\t']).strip_prefix('=') else {
        return are_following(rest);
    };
    let value = value.trim_start_matches([' ', '\t']);
    let Some(quoted) = value.strip_prefix('"') else {
        let token: String = value.chars().take_while(|&c| is_tchar(c)).collect();
        return !token.is_empty() && are_following(&value[token.len()..]);
    };
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if c != '\t' && (c < ' ' || c == '\x7f') => return false,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return are_following(&quoted[at + 1..]),
            _ => {}
        }
    }
    false
}

/// Nothing, or more extensions: space alone is neither.
fn are_following(text: &str) -> bool {
    text.is_empty() || !text.trim_start_matches([' ', '\t']).is_empty() && are_extensions(text)
}

/// Fields up to an empty line: names in lower case, and values.
#[allow(clippy::type_complexity)]
fn fields(mut octets: &[u8]) -> Result<(Vec<(String, String)>, &[u8]), Stop> {
    let mut fields = Vec::new();
    loop {
        let (text, rest) = line(octets)?;
        octets = rest;
        if text.is_empty() {
            return Ok((fields, rest));
        }
        let (name, value) = text.split_once(':').ok_or(Refused)?;
        let is_right = |c: char| c == '\t' || c >= ' ' && c != '\x7f';
        if !is_token(name) || !value.chars().all(is_right) {
            return Err(Refused);
        }
        let value = value.trim_matches([' ', '\t']);
        fields.push((name.to_ascii_lowercase(), value.to_owned()));
    }
}

/// Up to CR and LF, an octet as a character each.
fn line(octets: &[u8]) -> Result<(String, &[u8]), Stop> {
    for (at, octet) in octets.iter().enumerate() {
        match (octet, octets.get(at + 1)) {
            (b'\r', Some(b'\n')) => {
                let line = octets[..at].iter().map(|&octet| char::from(octet));
                return Ok((line.collect(), &octets[at + 2..]));
            }
            (b'\r', None) => return Err(Partial),
            (b'\r' | b'\n' | 0, _) => return Err(Refused),
            _ => {}
        }
    }
    Err(Partial)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_tchar)
}

fn is_tchar(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}
