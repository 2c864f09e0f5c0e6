//! SVCB and HTTPS: service parameters (RFC 9460, 2.1 and 2.2).

use super::field::{named, push_u16, v4, v6};
use super::values::{Result, Values, number, unescape, wrong};
use crate::dns::service_params::key::{
    ALPN, DOHPATH, ECH, IPV4HINT, IPV6HINT, MANDATORY, NO_DEFAULT_ALPN, OHTTP, PORT,
};

/// IANA "DNS SVCB Service Parameter Keys": RFC 9460, 14.3.2; RFC 9461, 5; RFC 9540, 4.
const KEYS: [(&[u8], u16); 9] = [
    (b"mandatory", MANDATORY),
    (b"alpn", ALPN),
    (b"no-default-alpn", NO_DEFAULT_ALPN),
    (b"port", PORT),
    (b"ipv4hint", IPV4HINT),
    (b"ech", ECH),
    (b"ipv6hint", IPV6HINT),
    (b"dohpath", DOHPATH),
    (b"ohttp", OHTTP),
];

/// A key with its value on the wire.
struct Param {
    key: u16,
    value: Vec<u8>,
}

/// Parameters to the end, in any order; on the wire they are in order of their keys.
pub fn read(values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    let mut params: Vec<Param> = Vec::new();
    while !values.is_empty() {
        let param = param(values)?;
        if params.iter().any(|other| other.key == param.key) {
            return wrong("a parameter that was there before");
        }
        params.push(param);
    }
    params.sort_unstable_by_key(|param| param.key);
    for Param { key, value } in &params {
        if value.len() > usize::from(u16::MAX) {
            return wrong("a parameter of more than 65,535 octets");
        }
        push_u16((*key).into(), wire);
        push_u16(value.len() as u32, wire);
        wire.extend_from_slice(value);
    }
    are_consistent(&params)
}

/// `key`, `key=value` or `key="value"`.
fn param(values: &mut Values<'_>) -> Result<Param> {
    let word = values.word()?;
    let (name, text) = match word.iter().position(|&b| b == b'=') {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    };
    let Some(key) = key(name) else {
        return wrong("no key of a parameter (alpn, port, ipv4hint, ..., or key0 to key65534)");
    };
    let text = match text {
        Some(b"") => values.joined_quoted().unwrap_or_default(),
        text => text.unwrap_or_default(),
    };
    let mut octets = Vec::new();
    unescape(text, &mut octets)?;
    let value = if name.eq_ignore_ascii_case(numbered(key).as_bytes()) {
        // The value on the wire itself (RFC 9460, 2.1).
        octets
    } else {
        value(key, octets)?
    };
    if !is_value(key, &value) {
        return wrong("octets that are no value of this key");
    }
    Ok(Param { key, value })
}

fn numbered(key: u16) -> String {
    format!("key{key}")
}

/// A key by its name or its number: `key65534`, without zeros in front; key65535 is invalid
/// (RFC 9460, 14.3.2).
fn key(name: &[u8]) -> Option<u16> {
    let number = || {
        let key = crate::dns::mnemonic::numbered(name, b"key")?;
        let is_exact = name.len() == numbered(key).len();
        Some(key).filter(|&key| key != u16::MAX && is_exact)
    };
    named(name, &KEYS).or_else(number)
}

/// The value of a key with a format of its own.
fn value(key: u16, text: Vec<u8>) -> Result<Vec<u8>> {
    if matches!(key, NO_DEFAULT_ALPN | OHTTP) {
        return match &text[..] {
            [] => Ok(text),
            _ => wrong("this key has no value"),
        };
    }
    if text.is_empty() {
        return wrong("this key needs a value");
    }
    let mut value = Vec::new();
    match key {
        MANDATORY => mandatory(&text, &mut value)?,
        ALPN => alpn(&text, &mut value)?,
        PORT => push_u16(number(&text, u16::MAX.into())?, &mut value),
        IPV4HINT => {
            for address in text.split(|&b| b == b',') {
                value.extend_from_slice(&v4(address)?);
            }
        }
        IPV6HINT => {
            for address in text.split(|&b| b == b',') {
                value.extend_from_slice(&v6(address)?);
            }
        }
        ECH => super::values::base64(&text, &mut value)?,
        _ => value = text,
    }
    Ok(value)
}

/// Keys, ascending on the wire (RFC 9460, 8).
fn mandatory(text: &[u8], value: &mut Vec<u8>) -> Result<()> {
    let mut keys = Vec::new();
    for name in text.split(|&b| b == b',') {
        match key(name) {
            Some(key) => keys.push(key),
            None => return wrong("expected keys with commas between"),
        }
    }
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return wrong("the same key is mandatory twice");
    }
    for key in keys {
        push_u16(key.into(), value);
    }
    Ok(())
}

/// Protocols with commas between; `\,` and `\\` stand for a comma and a backslash (RFC 9460, A.1).
fn alpn(text: &[u8], value: &mut Vec<u8>) -> Result<()> {
    let mut len_at = value.len();
    value.push(0);
    let mut octets = text.iter();
    loop {
        let octet = octets.next();
        if matches!(octet, None | Some(b',')) {
            match u8::try_from(value.len() - len_at - 1) {
                Ok(0) => return wrong("an empty protocol"),
                Ok(len) => value[len_at] = len,
                Err(_) => return wrong("a protocol of more than 255 octets"),
            }
            len_at = value.len();
        }
        match octet {
            None => return Ok(()),
            Some(b',') => value.push(0),
            Some(b'\\') => match octets.next() {
                Some(&escaped) => value.push(escaped),
                None => return wrong("an escape without a character"),
            },
            Some(&octet) => value.push(octet),
        }
    }
}

/// Whether the octets are a value of their key on the wire (RFC 9460, 7 and 8; RFC 9461, 5; RFC 9540, 4).
fn is_value(key: u16, value: &[u8]) -> bool {
    match key {
        MANDATORY => {
            let keys: Vec<_> = value.chunks(2).map(key_of).collect();
            let ascend = keys.windows(2).all(|pair| pair[0] < pair[1]);
            !value.is_empty() && value.len().is_multiple_of(2) && ascend
        }
        ALPN => is_alpn(value),
        NO_DEFAULT_ALPN | OHTTP => value.is_empty(),
        PORT => value.len() == 2,
        IPV4HINT => !value.is_empty() && value.len().is_multiple_of(4),
        ECH => !value.is_empty(),
        IPV6HINT => !value.is_empty() && value.len().is_multiple_of(16),
        DOHPATH => is_doh_path(value),
        _ => true,
    }
}

fn key_of(octets: &[u8]) -> u16 {
    octets
        .iter()
        .fold(0, |key, &octet| key << 8 | u16::from(octet))
}

fn is_alpn(value: &[u8]) -> bool {
    let mut rest = value;
    while let [len, after @ ..] = rest {
        if *len == 0 {
            return false;
        }
        match after.get(usize::from(*len)..) {
            Some(next) => rest = next,
            None => return false,
        }
    }
    rest.is_empty() && !value.is_empty()
}

/// A relative URI template with the variable `dns` (RFC 9461, 5).
fn is_doh_path(value: &[u8]) -> bool {
    let has_dns = std::str::from_utf8(value).is_ok_and(|text| {
        text.split('{').skip(1).any(|after| {
            let expression = after.split('}').next().unwrap_or_default();
            let names = expression.trim_start_matches(|c: char| !c.is_alphanumeric());
            names.split(',').any(|name| name == "dns")
        })
    });
    has_dns && value.starts_with(b"/")
}

/// What is mandatory is there (RFC 9460, 8), and without the default protocols there are others
/// (7.1.1).
fn are_consistent(params: &[Param]) -> Result<()> {
    let has = |key: u16| params.iter().any(|param| param.key == key);
    if has(NO_DEFAULT_ALPN) && !has(ALPN) {
        return wrong("no-default-alpn without alpn (RFC 9460, 7.1.1)");
    }
    let Some(mandatory) = params.iter().find(|param| param.key == MANDATORY) else {
        return Ok(());
    };
    for key in mandatory.value.chunks(2).map(key_of) {
        if key == MANDATORY {
            return wrong("`mandatory` cannot be mandatory (RFC 9460, 8)");
        }
        if !has(key) {
            return wrong("a mandatory parameter is missing (RFC 9460, 8)");
        }
    }
    Ok(())
}

/// Whether octets are parameters on the wire.
pub fn are_well_formed(wire: &[u8]) -> bool {
    let mut params: Vec<Param> = Vec::new();
    let mut rest = wire;
    while let [a, b, c, d, after @ ..] = rest {
        let key = key_of(&[*a, *b]);
        let Some((value, next)) = after.split_at_checked(key_of(&[*c, *d]).into()) else {
            return false;
        };
        let ascends = params.last().is_none_or(|last| last.key < key);
        if !ascends || key == u16::MAX || !is_value(key, value) {
            return false;
        }
        let value = value.to_vec();
        params.push(Param { key, value });
        rest = next;
    }
    rest.is_empty() && are_consistent(&params).is_ok()
}
