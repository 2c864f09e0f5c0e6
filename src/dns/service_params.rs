//! Service parameters of SVCB and HTTPS records on the wire (RFC 9460, 2.2): keys that ascend, each with a
//! value.

/// Keys that the code speaks of by name (RFC 9460, 14.3.2).
pub mod key {
    pub const MANDATORY: u16 = 0;
    pub const ALPN: u16 = 1;
    pub const NO_DEFAULT_ALPN: u16 = 2;
    pub const PORT: u16 = 3;
    pub const IPV4HINT: u16 = 4;
    pub const ECH: u16 = 5;
    pub const IPV6HINT: u16 = 6;
    pub const DOHPATH: u16 = 7;
    pub const OHTTP: u16 = 8;
}

/// Octets of a parameter in front of its value.
pub const PARAM_FIXED: usize = 4;

/// Key and value of the first parameter, and what follows it; `None` where there is none.
fn split_first(params: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (&[k0, k1, l0, l1], rest) = params.split_first_chunk::<PARAM_FIXED>()?;
    let len = u16::from_be_bytes([l0, l1]);
    let (value, rest) = rest.split_at_checked(len.into())?;
    Some((u16::from_be_bytes([k0, k1]), value, rest))
}

/// The parameters whose keys are below `key`, and the others.
#[inline]
pub fn split_at_key(params: &[u8], key: u16) -> (&[u8], &[u8]) {
    let mut rest = params;
    while let Some((first, _, next)) = split_first(rest)
        && first < key
    {
        rest = next;
    }
    params.split_at(params.len() - rest.len())
}

/// The value of a key.
pub fn value(params: &[u8], key: u16) -> Option<&[u8]> {
    let (_, rest) = split_at_key(params, key);
    let (first, value, _) = split_first(rest)?;
    (first == key).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Port 443 (3), an IPv4 hint (4), and key 6 with the value "x".
    const PARAMS: &[u8] = b"\0\x03\0\x02\x01\xbb\0\x04\0\x04\xc0\0\x02\x01\0\x06\0\x01x";

    #[test]
    fn parameters_are_found_by_their_keys() {
        assert_eq!(value(PARAMS, key::PORT), Some(&b"\x01\xbb"[..]));
        assert_eq!(value(PARAMS, key::IPV4HINT), Some(&b"\xc0\0\x02\x01"[..]));
        assert_eq!(value(PARAMS, key::IPV6HINT), Some(&b"x"[..]));
        for absent in [key::MANDATORY, key::ALPN, key::ECH, key::DOHPATH] {
            assert_eq!(value(PARAMS, absent), None);
        }
    }

    #[test]
    fn parameters_are_split_in_front_of_a_key() {
        for (key, len) in [(0, 0), (3, 0), (4, 6), (5, 14), (6, 14), (7, 19)] {
            assert_eq!(split_at_key(PARAMS, key), PARAMS.split_at(len), "{key}");
        }
    }

    #[test]
    fn what_is_cut_short_is_left_in_one_piece() {
        for len in [1, 3, 5, 7, 13, 18] {
            let cut = &PARAMS[..len];
            let (before, rest) = split_at_key(cut, u16::MAX);
            assert_eq!([before, rest].concat(), cut);
            assert!(!rest.is_empty());
        }
    }
}
