//! Which name does a client ask TLS for? Read out of its first message, which is passed on as it is.

/// Longest first message, in octets. With keys of post-quantum exchanges they come to two thousand.
pub const HELLO_LEN_MAX: usize = 16 * 1024;
/// Octets that are read at most to have it: each record has a head of five octets.
pub const OCTETS_MAX: usize = HELLO_LEN_MAX + RECORDS_MAX * RECORD_HEAD;
/// Records that it may be in.
const RECORDS_MAX: usize = 64;
const RECORD_HEAD: usize = 5;
/// Longest record (RFC 8446, 5.1).
const RECORD_LEN_MAX: usize = 1 << 14;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
/// Longest name of a host.
const NAME_LEN_MAX: usize = 253;

/// What there is so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is not whole; nothing is to be learned before there are so many octets in all.
    Needs(usize),
    /// The name, in lower case, if the client asks for one.
    Whole(Option<String>),
}

/// What is no such message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHello;

/// Reads what a connection begins with (RFC 8446, 4.1.2 and 5.1; RFC 6066, 3).
///
/// # Errors
/// When it is something else, or too long.
pub fn read(octets: &[u8]) -> Result<Progress, NoHello> {
    let mut message = Vec::new();
    let mut rest = octets;
    for _ in 0..RECORDS_MAX {
        let read = octets.len() - rest.len();
        // As early as can be, so that those who speak something else need not be waited for.
        if rest.first().is_some_and(|kind| *kind != HANDSHAKE)
            || rest.get(1).is_some_and(|major| *major != 3)
        {
            return Err(NoHello);
        }
        let Some((&[_, _, _, high, low], behind)) = rest.split_first_chunk() else {
            return Ok(Progress::Needs(read + RECORD_HEAD));
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len == 0 || len > RECORD_LEN_MAX {
            return Err(NoHello);
        }
        let Some((record, behind)) = behind.split_at_checked(len) else {
            return Ok(Progress::Needs(read + RECORD_HEAD + len));
        };
        message.extend_from_slice(record);
        rest = behind;
        let Some((&[kind, high, middle, low], body)) = message.split_first_chunk() else {
            continue;
        };
        let len = u32::from_be_bytes([0, high, middle, low]) as usize;
        if kind != CLIENT_HELLO || len > HELLO_LEN_MAX {
            return Err(NoHello);
        }
        if let Some(body) = body.get(..len) {
            return name(body).ok_or(NoHello).map(Progress::Whole);
        }
    }
    Err(NoHello)
}

/// The name in the body of the message; `None`: it is not such a body.
fn name(body: &[u8]) -> Option<Option<String>> {
    // Version, random.
    let (_, rest) = body.split_at_checked(2 + 32)?;
    let (session, rest) = with_len_u8(rest)?;
    let (suites, rest) = with_len_u16(rest)?;
    let (compressions, rest) = with_len_u8(rest)?;
    let is_right = session.len() <= 32
        && !suites.is_empty()
        && suites.len() % 2 == 0
        && !compressions.is_empty();
    if !is_right {
        return None;
    }
    if rest.is_empty() {
        return Some(None);
    }
    let (mut extensions, behind) = with_len_u16(rest)?;
    if !behind.is_empty() {
        return None;
    }
    let mut found = None;
    while !extensions.is_empty() {
        let (&[high, low], rest) = extensions.split_first_chunk()?;
        let (extension, rest) = with_len_u16(rest)?;
        extensions = rest;
        if u16::from_be_bytes([high, low]) == SERVER_NAME {
            // Each extension once (RFC 8446, 4.2).
            if found.is_some() {
                return None;
            }
            found = Some(host_name(extension)?);
        }
    }
    Some(found)
}

/// Of the extension: one name, and of the one kind that there is.
fn host_name(extension: &[u8]) -> Option<String> {
    let (list, behind) = with_len_u16(extension)?;
    let (&kind, rest) = list.split_first()?;
    let (name, more) = with_len_u16(rest)?;
    let is_of_names = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._".contains(octet);
    let is_right = behind.is_empty()
        && more.is_empty()
        && kind == HOST_NAME
        && (1..=NAME_LEN_MAX).contains(&name.len())
        && name.iter().all(is_of_names);
    let name = is_right.then(|| String::from_utf8_lossy(name).to_ascii_lowercase());
    name.map(|name| without_dot(&name).to_owned())
}

/// There is no dot at the end (RFC 6066, 3), but some write one.
pub fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn with_len_u8(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = octets.split_first()?;
    rest.split_at_checked(usize::from(len))
}

fn with_len_u16(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[high, low], rest) = octets.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustls::pki_types::ServerName;
    use rustls::server::Acceptor;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    /// What a real client begins with.
    fn hello(name: &str) -> Vec<u8> {
        let config = ClientConfig::builder_with_provider(crate::tls::provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut octets = Vec::new();
        client.write_tls(&mut octets).expect("a message");
        octets
    }

    /// The same in records of `len` octets.
    fn in_records(hello: &[u8], len: usize) -> Vec<u8> {
        let records = hello[RECORD_HEAD..].chunks(len);
        let record = |part: &[u8]| {
            let head = [HANDSHAKE, 3, 1];
            [&head, &(part.len() as u16).to_be_bytes()[..], part].concat()
        };
        records.flat_map(record).collect()
    }

    #[test]
    fn the_name_is_read_however_it_comes() {
        let whole = hello("WWW.example.com");
        let expected = Ok(Progress::Whole(Some("www.example.com".to_owned())));
        assert_eq!(read(&whole), expected);
        assert_eq!(read(&[&whole, b"more".as_slice()].concat()), expected);
        let parts = in_records(&whole, 10);
        assert_eq!(read(&parts), expected);
        for len in 0..parts.len() {
            match read(&parts[..len]) {
                Ok(Progress::Needs(needs)) => assert!(needs > len, "{len}"),
                other => panic!("{len}: {other:?}"),
            }
        }
    }

    #[test]
    fn clients_may_ask_for_none() {
        assert_eq!(read(&hello("192.0.2.1")), Ok(Progress::Whole(None)));
    }

    #[test]
    fn what_is_something_else_is_seen_at_once() {
        for octets in [
            b"G".as_slice(),
            b"SSH-2.0-",
            b"\x16\x02",
            b"\x15\x03\x01\0\x02\x02\x28",
            b"\x16\x03\x01\0\0",
            b"\x16\x03\x01\x40\x01",
            b"\x16\x03\x01\0\x04\x02\0\0\0",
            b"\x16\x03\x01\0\x04\x01\x01\0\0",
        ] {
            assert_eq!(read(octets), Err(NoHello), "{octets:x?}");
        }
        let tiny = in_records(&hello("www.example.com"), 1);
        assert_eq!(read(&tiny), Err(NoHello), "too many records");
    }

    fn rustls_says(octets: &[u8]) -> Option<Option<String>> {
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut &*octets).ok()?;
        let accepted = acceptor.accept().ok()??;
        let name = accepted.client_hello().server_name().map(str::to_owned);
        Some(name)
    }

    proptest! {
        /// Whatever both can read, both read alike.
        #[test]
        fn it_is_as_rustls_reads_it(
            at in 0..600_usize,
            octet in any::<u8>(),
            len in 1..2000_usize,
        ) {
            let mut octets = hello("www.example.com");
            let length = octets.len();
            octets[at % length] = octet;
            let ours = read(&octets);
            if let (Ok(Progress::Whole(ours)), Some(theirs)) = (&ours, rustls_says(&octets)) {
                prop_assert_eq!(ours, &theirs.map(|name| name.to_ascii_lowercase()));
            }
            octets.truncate(len);
            let _ = read(&octets);
        }

        #[test]
        fn no_octets_are_too_odd(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let record = (octets.len() as u16).to_be_bytes();
            let _ = read(&octets);
            let _ = read(&[&[HANDSHAKE, 3, 1], &record[..], &octets].concat());
            let body = [&[CLIENT_HELLO, 0], &record[..], &octets].concat();
            let record = (body.len() as u16).to_be_bytes();
            let _ = read(&[&[HANDSHAKE, 3, 1], &record[..], &body].concat());
        }
    }
}
