//! Explanations over DNS: TXT at `_explain.NAME` tells how A of that name is answered to whoever asks, and
//! `_explain-aaaa.NAME` how AAAA is. Off unless `explain_to` lists who may ask, and asked by hand only: the one
//! place where answering a query allocates.

use super::answer::{Query, Transport};
use super::respond::Reply;
use crate::dns::compose::{Composer, Section};
use crate::dns::edns::SubnetOption;
use crate::dns::{Name, QueryName, Rcode, rtype};
use crate::locate::{Client, Subnet};
use crate::state::Root;

/// Who knows the words: the control plane, which the nameserver does not know.
pub trait Explainer: Send + Sync {
    /// How `client` is answered records of this type of a name, and why: a line each, or why there is nothing to be
    /// told.
    fn explain(&self, root: &Root, name: &Name, rtype: u16, client: &Client) -> Vec<String>;
}

/// Octets of lines at most: what is more is left out, and said to be.
const TEXT_MAX: usize = 16_384;
/// Octets of one character-string (RFC 1035, 3.3.14).
const STRING_MAX: usize = 255;

/// What is to be explained: the rest of `name`, and a type, if its first label says so.
fn asked(name: &QueryName) -> Option<(Name, u16)> {
    let wire = name.wire();
    let (&length, rest) = wire.split_first()?;
    let (label, rest) = rest.split_at_checked(length.into())?;
    let rtype = match label {
        b"_explain" => rtype::A,
        b"_explain-aaaa" => rtype::AAAA,
        _ => return None,
    };
    Some((Name::from_wire(rest).ok()?, rtype))
}

/// The answer, if that is what is asked for, by who may. Over UDP, it is to ask again over TCP.
#[cold]
pub fn respond(
    root: &Root,
    explainer: &dyn Explainer,
    name: &QueryName,
    query: &Query<'_>,
    subnet: Option<&SubnetOption>,
    composer: &mut Composer<'_>,
) -> Option<Reply> {
    let peer = query.peer;
    let allowed = root.service.traffic.explain_to.as_ref()?;
    if !allowed.contains(peer) {
        return None;
    }
    let (name, rtype) = asked(name)?;
    if matches!(query.transport, Transport::Udp { .. }) {
        // Hardly one fits, and over UDP anybody can say that they are listed.
        composer.set_truncated();
        return Some(Reply::code(Rcode::NoError));
    }
    let client = Client {
        subnet: subnet
            .filter(|subnet| subnet.source > 0)
            .map(|subnet| Subnet {
                address: subnet.address,
                source: subnet.source,
            }),
        resolver: peer,
    };
    let lines = explainer.explain(root, &name, rtype, &client);
    composer.set_authoritative();
    if composer
        .append(Section::Answer, &record(&lines), 1)
        .is_none()
    {
        composer.set_truncated();
    }
    Some(Reply {
        rcode: Rcode::NoError,
        // It is of this client alone.
        scope: subnet.map_or(0, |subnet| subnet.source),
        error: None,
    })
}

/// One TXT record of the name that was asked for, not to be kept: each line a string, or several if it is long.
fn record(lines: &[String]) -> Vec<u8> {
    let mut data = Vec::new();
    for line in lines {
        let mut left = line.as_bytes();
        while !left.is_empty() {
            let (string, rest) = left.split_at(left.len().min(STRING_MAX));
            if data.len() + string.len() > TEXT_MAX {
                data.extend(b"\x09and so on");
                return in_record(&data);
            }
            data.push(string.len() as u8);
            data.extend(string);
            left = rest;
        }
    }
    in_record(&data)
}

fn in_record(data: &[u8]) -> Vec<u8> {
    // The question's name; TXT, IN, TTL 0.
    let mut record = b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x00".to_vec();
    let data = match data {
        [] => &[0],
        data => data,
    };
    record.extend((data.len() as u16).to_be_bytes());
    record.extend(data);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(lines: &[&str]) -> Vec<Vec<u8>> {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let record = record(&lines);
        let mut data = &record[12..];
        assert_eq!(
            usize::from(u16::from_be_bytes([record[10], record[11]])),
            data.len()
        );
        let mut strings = Vec::new();
        while let Some((&length, rest)) = data.split_first() {
            let (string, rest) = rest.split_at(length.into());
            strings.push(string.to_vec());
            data = rest;
        }
        strings
    }

    #[test]
    fn each_line_is_a_string_or_several() {
        assert_eq!(strings(&["a b", "c"]), [b"a b".to_vec(), b"c".to_vec()]);
        let long = "x".repeat(300);
        let lengths: Vec<_> = strings(&[&long]).iter().map(Vec::len).collect();
        assert_eq!(lengths, [255, 45]);
        assert_eq!(strings(&[]), [b"".to_vec()]);
        let many: Vec<&str> = std::iter::repeat_n(&*long, 100).collect();
        let strings = strings(&many);
        assert_eq!(strings.last().unwrap(), b"and so on");
        assert!(strings.iter().map(|string| string.len() + 1).sum::<usize>() < TEXT_MAX + 300);
    }

    #[test]
    fn only_the_two_labels_ask() {
        let asked_of = |name: &str| {
            let mut query = QueryName::default();
            query.read(Name::parse(name).unwrap().as_wire());
            asked(&query).map(|(name, rtype)| (name.to_string(), rtype))
        };
        let www = || "www.example.".to_owned();
        assert_eq!(asked_of("_explain.www.example"), Some((www(), rtype::A)));
        assert_eq!(
            asked_of("_EXPLAIN-aaaa.www.example"),
            Some((www(), rtype::AAAA))
        );
        for other in [
            "www.example",
            "_explain-mx.www.example",
            "x._explain.example",
            ".",
        ] {
            assert_eq!(asked_of(other), None, "{other}");
        }
    }
}
