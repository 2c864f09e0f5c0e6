//! DNS cookies (RFC 7873), with server cookies that every implementation understands (RFC 9018).

use std::fmt;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;

/// Octets of a client cookie (RFC 7873, 4).
pub const CLIENT_LEN: usize = 8;
/// Octets of a server cookie of ours (RFC 9018, 4).
pub const SERVER_LEN: usize = 16;
/// Octets of a server cookie before its hash.
const HASHED_LEN: usize = 8;
/// The version of such server cookies (RFC 9018, 4.1).
const VERSION: u8 = 1;

/// Older server cookies do not count (RFC 9018, 4.3).
const AGE_MAX_S: i32 = 3600;
/// Nor do those of so far in the future (RFC 9018, 4.3); the clocks of an anycast set differ a little.
const AHEAD_MAX_S: i32 = 300;
/// Older ones are replaced (RFC 9018, 4.3).
const RENEW_AGE_S: i32 = 1800;

/// What a COOKIE option says (RFC 7873, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    pub client: [u8; CLIENT_LEN],
    pub server: ServerCookie,
}

/// The part of a COOKIE option that a server has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerCookie {
    /// The client has got none yet.
    Absent,
    /// As long as ours.
    Present([u8; SERVER_LEN]),
    /// Of a length that none of ours has.
    Foreign,
}

impl Cookie {
    /// Parses the option's data. `None` is a FORMERR (RFC 7873, 5.2.2): neither 8 octets nor 16 to 40.
    pub fn parse(data: &[u8]) -> Option<Self> {
        let (client, server) = data.split_first_chunk()?;
        let server = match (server.len(), server.first_chunk()) {
            (0, _) => ServerCookie::Absent,
            (SERVER_LEN, Some(server)) => ServerCookie::Present(*server),
            (8..=32, _) => ServerCookie::Foreign,
            _ => return None,
        };
        Some(Cookie {
            client: *client,
            server,
        })
    }
}

/// How well a client is known by its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has only a cookie of its own, and may have forged its address.
    ClientOnly,
    /// Its server cookie is too old, of another server, or made up: counts as none.
    Bad,
    /// It has received an answer at its address within the last hour.
    Valid,
}

/// A server secret: 128 bits. Is never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; Secret::LEN]);

impl Secret {
    /// Octets of a secret (RFC 9018, 4.4).
    pub const LEN: usize = 16;

    pub const fn new(octets: [u8; Secret::LEN]) -> Self {
        Secret(octets)
    }

    /// For who signs by it.
    pub fn as_octets(&self) -> &[u8] {
        &self.0
    }

    /// From 32 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 2 * Secret::LEN {
            return None;
        }
        let digit = |at: usize| Some(char::from(digits[at]).to_digit(16)? as u8);
        let mut octets = [0; Secret::LEN];
        for (i, octet) in octets.iter_mut().enumerate() {
            *octet = digit(2 * i)? << 4 | digit(2 * i + 1)?;
        }
        Some(Secret(octets))
    }

    /// RFC 9018, 4.4: of the client cookie, what stands before the hash in the server cookie, and the
    /// client's address.
    fn hash(
        &self,
        client: &[u8; CLIENT_LEN],
        hashed: &[u8; HASHED_LEN],
        address: IpAddr,
    ) -> [u8; 8] {
        let mut input = [0; CLIENT_LEN + HASHED_LEN + 16];
        input[..CLIENT_LEN].copy_from_slice(client);
        let (_, rest) = input.split_at_mut(CLIENT_LEN);
        rest[..HASHED_LEN].copy_from_slice(hashed);
        let to = &mut rest[HASHED_LEN..];
        let address_len = match address {
            IpAddr::V4(address) => {
                to[..4].copy_from_slice(&address.octets());
                4
            }
            IpAddr::V6(address) => {
                to.copy_from_slice(&address.octets());
                16
            }
        };
        let input = &input[..CLIENT_LEN + HASHED_LEN + address_len];
        SipHasher24::new_with_key(&self.0).hash(input).to_le_bytes()
    }

    fn sign(&self, client: &[u8; CLIENT_LEN], address: IpAddr, now_s: u32) -> [u8; SERVER_LEN] {
        let mut server = [0; SERVER_LEN];
        server[0] = VERSION;
        server[4..8].copy_from_slice(&now_s.to_be_bytes());
        let mut hashed = [0; HASHED_LEN];
        hashed.copy_from_slice(&server[..HASHED_LEN]);
        server[HASHED_LEN..].copy_from_slice(&self.hash(client, &hashed, address));
        server
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secrets that are in use: the first signs, all verify (RFC 9018, 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets(Box<[Secret]>);

impl Secrets {
    /// `None` without a secret.
    pub fn new(secrets: Vec<Secret>) -> Option<Self> {
        (!secrets.is_empty()).then(|| Secrets(secrets.into()))
    }

    /// How well a client at `address` is known by `cookie`, and the server cookie that it gets: the
    /// one that it has while that is new enough. `now_s` is in seconds since the Unix epoch; it may wrap
    /// around (RFC 9018, 4.3: serial number arithmetic).
    pub fn check(
        &self,
        cookie: &Cookie,
        address: IpAddr,
        now_s: u32,
    ) -> (Standing, [u8; SERVER_LEN]) {
        let standing = match &cookie.server {
            ServerCookie::Absent => Standing::ClientOnly,
            ServerCookie::Foreign => Standing::Bad,
            ServerCookie::Present(server) => {
                match self.verify(&cookie.client, server, address, now_s) {
                    Some(true) => return (Standing::Valid, *server),
                    Some(false) => Standing::Valid,
                    None => Standing::Bad,
                }
            }
        };
        (standing, self.0[0].sign(&cookie.client, address, now_s))
    }

    /// Whether a server cookie that is valid may go on being used.
    fn verify(
        &self,
        client: &[u8; CLIENT_LEN],
        server: &[u8; SERVER_LEN],
        address: IpAddr,
        now_s: u32,
    ) -> Option<bool> {
        let (hashed, hash) = server.split_first_chunk::<HASHED_LEN>()?;
        let [VERSION, _, _, _, time @ ..] = *hashed else {
            return None;
        };
        let age_s = now_s.wrapping_sub(u32::from_be_bytes(time)) as i32;
        if !(-AHEAD_MAX_S..=AGE_MAX_S).contains(&age_s) {
            return None;
        }
        let signer = self
            .0
            .iter()
            .position(|secret| secret.hash(client, hashed, address) == *hash)?;
        Some(signer == 0 && age_s <= RENEW_AGE_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        assert_eq!(hex.len(), 2 * N);
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    }

    fn secrets(hex: &[&str]) -> Secrets {
        let secrets = hex.iter().map(|hex| Secret::from_hex(hex).unwrap());
        Secrets::new(secrets.collect()).unwrap()
    }

    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

    #[track_caller]
    fn assert_checked(
        secrets: &Secrets,
        (cookie, address, now_s): (&[u8], &str, u32),
        standing: Standing,
        server: &str,
    ) {
        let cookie = Cookie::parse(cookie).unwrap();
        let checked = secrets.check(&cookie, address.parse().unwrap(), now_s);
        assert_eq!(checked, (standing, octets(server)));
    }

    #[test]
    fn rfc9018_appendix_a_1_learning_a_new_server_cookie() {
        assert_checked(
            &secrets(&[SECRET]),
            (
                &octets::<8>("2464c4abcf10c957"),
                "198.51.100.100",
                1_559_731_985,
            ),
            Standing::ClientOnly,
            "010000005cf79f111f8130c3eee29480",
        );
    }

    #[test]
    fn rfc9018_appendix_a_2_the_same_client_learning_a_renewed_server_cookie() {
        let sent = octets::<24>("2464c4abcf10c957010000005cf79f111f8130c3eee29480");
        assert_checked(
            &secrets(&[SECRET]),
            (&sent, "198.51.100.100", 1_559_734_385),
            Standing::Valid,
            "010000005cf7a871d4a564a1442aca77",
        );
    }

    #[test]
    fn rfc9018_appendix_a_3_another_client_with_reserved_bits_set() {
        let sent = octets::<24>("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5");
        let secrets = secrets(&[SECRET]);
        // The example comes two hours later, when the cookie is too old; the renewed one is the same.
        assert_checked(
            &secrets,
            (&sent, "203.0.113.203", 1_559_734_700),
            Standing::Bad,
            "010000005cf7a9acf73a7810aca2381e",
        );
        assert_checked(
            &secrets,
            (&sent, "203.0.113.203", 0x5cf7_8f71 + 60),
            Standing::Valid,
            "01abcdef5cf78f71a314227b6679ebf5",
        );
    }

    #[test]
    fn rfc9018_appendix_a_4_ipv6_with_a_rolled_over_secret() {
        const OLD: &str = "dd3bdf9344b678b185a6f5cb60fca715";
        const NEW: &str = "445536bcd2513298075a5d379663c962";
        let sent = octets::<24>("22681ab97d52c298010000005cf7c57926556bd0934c72f8");
        let query = (
            &sent[..],
            "2001:db8:220:1:59de:d0f4:8769:82b8",
            1_559_741_961,
        );
        let renewed = "010000005cf7c609a6bb79d16625507a";
        assert_checked(&secrets(&[NEW, OLD]), query, Standing::Valid, renewed);
        assert_checked(&secrets(&[NEW]), query, Standing::Bad, renewed);
    }

    #[test]
    fn rfc9018_section_4_3_a_server_cookie_lives_for_an_hour_and_is_renewed_after_half() {
        let secrets = secrets(&[SECRET]);
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        // Also where the seconds wrap around.
        for made_s in [1_800_000_000, u32::MAX - 10, 10] {
            let client = Cookie::parse(&[7; 8]).unwrap();
            let (_, server) = secrets.check(&client, address, made_s);
            let cookie = Cookie {
                server: ServerCookie::Present(server),
                ..client
            };
            for (age_s, standing, is_kept) in [
                (-301, Standing::Bad, false),
                (-300, Standing::Valid, true),
                (0, Standing::Valid, true),
                (1800, Standing::Valid, true),
                (1801, Standing::Valid, false),
                (3600, Standing::Valid, false),
                (3601, Standing::Bad, false),
            ] {
                let now_s = made_s.wrapping_add_signed(age_s);
                let (found, next) = secrets.check(&cookie, address, now_s);
                assert_eq!((found, next == server), (standing, is_kept), "{age_s}");
            }
        }
    }

    #[test]
    fn rfc9018_section_4_what_is_not_ours_is_bad() {
        let secrets = secrets(&[SECRET]);
        let sent = octets::<24>("2464c4abcf10c957010000005cf79f111f8130c3eee29480");
        let standing = |cookie: &[u8], address: &str| {
            let cookie = Cookie::parse(cookie).unwrap();
            let address = address.parse().unwrap();
            secrets.check(&cookie, address, 1_559_731_985).0
        };
        assert_eq!(standing(&sent, "198.51.100.100"), Standing::Valid);
        assert_eq!(standing(&sent, "198.51.100.101"), Standing::Bad);
        // Every octet counts: client cookie, version, reserved bits, time and hash.
        for at in 0..sent.len() {
            let mut other = sent;
            other[at] ^= 1;
            assert_eq!(standing(&other, "198.51.100.100"), Standing::Bad, "{at}");
        }
        assert_eq!(standing(&[1; 40], "198.51.100.100"), Standing::Bad);
    }

    #[test]
    fn rfc7873_section_5_2_2_other_lengths_are_refused() {
        for len in 0..60 {
            let is_right = len == 8 || (16..=40).contains(&len);
            assert_eq!(Cookie::parse(&vec![1; len]).is_some(), is_right, "{len}");
        }
    }

    #[test]
    fn secrets_are_32_hexadecimal_digits_and_never_shown() {
        assert!(Secret::from_hex(&SECRET.to_uppercase()).is_some());
        for wrong in ["", &SECRET[1..], "x5e973e5a6b2a43f48e7dc849e37bfcf"] {
            assert_eq!(Secret::from_hex(wrong), None);
        }
        let digits_of_two_octets = "é".repeat(16);
        assert_eq!(Secret::from_hex(&digits_of_two_octets), None);
        assert_eq!(format!("{:?}", secrets(&[SECRET])), "Secrets([Secret(…)])");
        assert_eq!(Secrets::new(Vec::new()), None);
    }
}
