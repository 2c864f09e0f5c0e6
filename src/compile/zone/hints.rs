//! What does a service's record say without its hints?
//!
//! Where a balanced name offers the service, hints are chosen for each query, and put in where the keys'
//! order wants them (RFC 9460, 2.2).

use crate::dns::name;
use crate::dns::service_params::{PARAM_FIXED, key, split_at_key};
use crate::model::ANSWERS_MAX;

/// Octets that the hints of one record take at most.
pub(super) const HINTS_LEN_MAX: usize = 2 * PARAM_FIXED + ANSWERS_MAX * (4 + 16);

/// Appends the data of an SVCB or HTTPS record without `ipv4hint` and `ipv6hint`.
pub(super) fn append_without_hints(rdata: &[u8], to: &mut Vec<u8>) {
    let target_len = rdata.get(2..).and_then(name::len).unwrap_or(0);
    let (head, params) = rdata.split_at((2 + target_len).min(rdata.len()));
    to.extend_from_slice(head);
    let mut rest = params;
    for hint in [key::IPV4HINT, key::IPV6HINT] {
        let (before, from) = split_at_key(rest, hint);
        to.extend_from_slice(before);
        (_, rest) = split_at_key(from, hint + 1);
    }
    to.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_left_out_and_nothing_else() {
        const HEAD: &[u8] = b"\0\x01\x01a\0";
        const PORT: &[u8] = b"\0\x03\0\x02\x01\xbb";
        const V4: &[u8] = b"\0\x04\0\x04\xc0\0\x02\x01";
        const ECH: &[u8] = b"\0\x05\0\x01x";
        const V6: &[u8] = b"\0\x06\0\x10xxxxxxxxxxxxxxxx";
        const OTHER: &[u8] = b"\x01\0\0\0";
        let without = |parts: &[&[u8]]| {
            let mut to = Vec::new();
            append_without_hints(&[HEAD, &parts.concat()].concat(), &mut to);
            to
        };
        let bare = [HEAD, PORT, ECH, OTHER].concat();
        assert_eq!(without(&[PORT, V4, ECH, V6, OTHER]), bare);
        assert_eq!(without(&[PORT, ECH, V6, OTHER]), bare);
        assert_eq!(without(&[PORT, ECH, OTHER]), bare);
        assert_eq!(without(&[V4, V6]), HEAD);
        assert_eq!(without(&[]), HEAD);
    }
}
