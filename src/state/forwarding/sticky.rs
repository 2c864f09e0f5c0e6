//! Which endpoint does a client's cookie name?
//!
//! An endpoint is a number that only who has the secret can make of its address; nodes with equal secrets make the
//! same. The cookie has that number and when it was given out, and is signed, so that nobody chooses for themselves:
//!
//! ```text
//! version (1 octet) | number (8) | minutes since 1970 (4) | HMAC-SHA256 of those and the cookie's name (32)
//! ```
//!
//! in hexadecimal digits.

use std::fmt::Write;
use std::sync::Arc;

use ring::hmac::{self, HMAC_SHA256, Key, Tag};

use crate::model::{EndpointId, PoolId};

/// Secrets that cookies are verified with at most.
pub const SECRETS_MAX: usize = 4;

const VERSION: u8 = 1;
const SIGNED_LEN: usize = 1 + 8 + 4;
const LEN: usize = SIGNED_LEN + 32;

/// Secrets, the one that signs first.
#[derive(Debug)]
pub struct Keys(Box<[Key]>);

/// Sessions of a route.
#[derive(Debug)]
pub struct Sticky {
    pub cookie: Box<str>,
    /// Beside the value: `; Path=/; HttpOnly` and so on, without `Secure`.
    pub attributes: Box<str>,
    pub secure: Secure,
    /// How long a cookie is good, in minutes.
    pub max_age_min: Option<u32>,
    keys: Arc<Keys>,
    /// The endpoints within reach by their numbers, which ascend; by those of old secrets, too.
    places: Box<[(u64, Place)]>,
    /// The numbers that are given out, by endpoint.
    numbers: Box<[(EndpointId, u64)]>,
}

/// Whether browsers send the cookie over TLS only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secure {
    /// Where the request came so.
    #[default]
    AsAsked,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    pool: PoolId,
    endpoint: EndpointId,
}

/// What a cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    pub pool: PoolId,
    pub endpoint: EndpointId,
    /// Whether the client should get a new one that says the same: it is half as old as it may become, or of an old
    /// secret.
    pub is_stale: bool,
}

impl Keys {
    /// Of 1 to [`SECRETS_MAX`] secrets; `None`: of other numbers.
    pub fn new(secrets: &[impl AsRef<[u8]>]) -> Option<Self> {
        let key = |secret: &_| Key::new(HMAC_SHA256, AsRef::<[u8]>::as_ref(secret));
        let is_right = (1..=SECRETS_MAX).contains(&secrets.len());
        is_right.then(|| Keys(secrets.iter().map(key).collect()))
    }
}

/// Of one endpoint, by one secret.
fn number(key: &Key, pool: &str, destination: &str) -> u64 {
    let mut signing = hmac::Context::with_key(key);
    for part in ["meridian endpoint", pool, destination] {
        signing.update(part.as_bytes());
        signing.update(&[0]);
    }
    let tag = signing.sign();
    let octets = tag.as_ref().iter().take(8);
    octets.fold(0, |number, &octet| number << 8 | u64::from(octet))
}

fn sign(key: &Key, cookie: &str, signed: &[u8]) -> Tag {
    hmac::sign(key, &to_sign(cookie, signed))
}

fn to_sign(cookie: &str, signed: &[u8]) -> Vec<u8> {
    [b"meridian cookie\0", cookie.as_bytes(), &[0], signed].concat()
}

/// How a route's sessions are kept.
#[derive(Clone, Debug)]
pub struct Form {
    pub cookie: Box<str>,
    pub attributes: Box<str>,
    pub secure: Secure,
    pub max_age_min: Option<u32>,
}

impl Sticky {
    /// For endpoints, each with the name of its pool and where it is.
    pub fn new<'e>(
        form: Form,
        keys: &Arc<Keys>,
        endpoints: impl IntoIterator<Item = (PoolId, &'e str, EndpointId, String)>,
    ) -> Self {
        let (mut places, mut numbers) = (Vec::new(), Vec::new());
        for (pool, pool_name, endpoint, destination) in endpoints {
            let of = |key| number(key, pool_name, &destination);
            places.extend(keys.0.iter().map(|key| (of(key), Place { pool, endpoint })));
            numbers.extend(keys.0.first().map(|key| (endpoint, of(key))));
        }
        places.sort_unstable_by_key(|&(number, _)| number);
        numbers.sort_unstable();
        Sticky {
            cookie: form.cookie,
            attributes: form.attributes,
            secure: form.secure,
            max_age_min: form.max_age_min,
            keys: Arc::clone(keys),
            places: places.into(),
            numbers: numbers.into(),
        }
    }

    /// The value of a cookie that names `endpoint`, given out at `now_min`, minutes since 1970; `None`: it is not
    /// within reach.
    pub fn value(&self, endpoint: EndpointId, now_min: u32) -> Option<String> {
        let place = self.numbers.binary_search_by_key(&endpoint, |&(id, _)| id);
        let (_, number) = self.numbers.get(place.ok()?)?;
        let mut octets = [0; LEN];
        octets[0] = VERSION;
        octets[1..9].copy_from_slice(&number.to_be_bytes());
        octets[9..13].copy_from_slice(&now_min.to_be_bytes());
        let tag = sign(self.keys.0.first()?, &self.cookie, &octets[..SIGNED_LEN]);
        octets[SIGNED_LEN..].copy_from_slice(tag.as_ref());
        let mut value = String::with_capacity(2 * LEN);
        octets.iter().for_each(|octet| {
            let _ = write!(value, "{octet:02x}");
        });
        Some(value)
    }

    /// What a cookie's value says at `now_min`; `None`: nothing that counts. Whether a signature is right is told in
    /// the same time wherever it is wrong.
    pub fn read(&self, value: &[u8], now_min: u32) -> Option<Named> {
        let octets = octets_of(value)?;
        let (signed, tag) = octets.split_at(SIGNED_LEN);
        if signed[0] != VERSION {
            return None;
        }
        let to_sign = to_sign(&self.cookie, signed);
        let mut keys = self.keys.0.iter();
        let by = keys.position(|key| hmac::verify(key, &to_sign, tag).is_ok())?;
        let number = u64::from_be_bytes(signed[1..9].try_into().ok()?);
        let given_min = u32::from_be_bytes(signed[9..13].try_into().ok()?);
        let age_min = now_min.saturating_sub(given_min);
        if self.max_age_min.is_some_and(|max| age_min > max) {
            return None;
        }
        let place = self.places.binary_search_by_key(&number, |&(at, _)| at);
        let (_, place) = self.places.get(place.ok()?)?;
        Some(Named {
            pool: place.pool,
            endpoint: place.endpoint,
            is_stale: by > 0 || self.max_age_min.is_some_and(|max| age_min > max / 2),
        })
    }
}

fn octets_of(digits: &[u8]) -> Option<[u8; LEN]> {
    let digits: &[u8; 2 * LEN] = digits.try_into().ok()?;
    let mut octets = [0; LEN];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        *octet = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u32 = 29_900_000;

    fn sticky(secrets: &[&[u8]], max_age_min: Option<u32>, cookie: &str) -> Sticky {
        let form = Form {
            cookie: cookie.into(),
            attributes: Box::default(),
            secure: Secure::AsAsked,
            max_age_min,
        };
        let endpoint = |id: u32| (PoolId(3), "web", EndpointId(id), format!("192.0.2.{id}"));
        let keys = Arc::new(Keys::new(secrets).unwrap());
        Sticky::new(form, &keys, (0..40).map(endpoint))
    }

    fn named(id: u32, is_stale: bool) -> Option<Named> {
        Some(Named {
            pool: PoolId(3),
            endpoint: EndpointId(id),
            is_stale,
        })
    }

    #[test]
    fn a_cookie_names_its_endpoint_on_every_node_with_the_secret() {
        let (one, other) = (sticky(&[b"a"], None, "s"), sticky(&[b"a"], None, "s"));
        for id in 0..40 {
            let value = one.value(EndpointId(id), NOW).unwrap();
            assert_eq!(value.len(), 90);
            assert_eq!(
                other.read(value.as_bytes(), NOW + 100_000),
                named(id, false)
            );
        }
        assert_eq!(one.value(EndpointId(40), NOW), None);
    }

    #[test]
    fn old_secrets_are_good_and_others_are_not() {
        let old = sticky(&[b"old"], None, "s");
        let value = old.value(EndpointId(7), NOW).unwrap();
        let both = sticky(&[b"new", b"old"], None, "s");
        assert_eq!(both.read(value.as_bytes(), NOW), named(7, true));
        let renewed = both.value(EndpointId(7), NOW).unwrap();
        assert_eq!(both.read(renewed.as_bytes(), NOW), named(7, false));
        let new = sticky(&[b"new"], None, "s");
        assert_eq!(new.read(value.as_bytes(), NOW), None);
        // One route's cookie is no other's.
        let elsewhere = sticky(&[b"old"], None, "t");
        assert_eq!(elsewhere.read(value.as_bytes(), NOW), None);
    }

    #[test]
    fn a_cookie_is_renewed_and_ends() {
        let sticky = sticky(&[b"a"], Some(60), "s");
        let value = sticky.value(EndpointId(1), NOW).unwrap();
        for (age, expected) in [
            (0, named(1, false)),
            (30, named(1, false)),
            (31, named(1, true)),
            (60, named(1, true)),
            (61, None),
        ] {
            assert_eq!(sticky.read(value.as_bytes(), NOW + age), expected, "{age}");
        }
        // Of another node's clock.
        assert_eq!(sticky.read(value.as_bytes(), NOW - 5), named(1, false));
    }

    #[test]
    fn numbers_tell_nothing_of_addresses() {
        let keys = [Key::new(HMAC_SHA256, b"a"), Key::new(HMAC_SHA256, b"b")];
        let of = |key: usize, pool, at| number(&keys[key], pool, at);
        let one = of(0, "web", "192.0.2.1");
        assert_ne!(one, of(1, "web", "192.0.2.1"));
        assert_ne!(one, of(0, "api", "192.0.2.1"));
        assert_ne!(one, of(0, "web1", "92.0.2.1"));
    }

    proptest! {
        #[test]
        fn what_is_changed_names_nothing(at in 0usize..90, to in any::<u8>()) {
            let sticky = sticky(&[b"a"], None, "s");
            let mut value = sticky.value(EndpointId(1), NOW).unwrap().into_bytes();
            prop_assume!(value[at] != to);
            value[at] = to;
            prop_assert_eq!(sticky.read(&value, NOW), None);
        }

        #[test]
        fn anything_may_come(value in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(sticky(&[b"a"], None, "s").read(&value, NOW), None);
        }
    }
}
