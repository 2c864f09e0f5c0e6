//! Which targets are asked about?

use std::fmt;
use std::str::FromStr;

use crate::glob;

/// Targets by the names of those who use them:
///
/// | written | means the targets of |
/// |---|---|
/// | `eu` | the region, the pool and the monitor of that name |
/// | `region:eu`, `pool:web-eu`, `monitor:web` | the one or the other |
/// | `192.0.2.1`, `web-eu/192.0.2.1` | that endpoint, in every pool or in one |
/// | `http://192.0.2.1:8080/healthz` | itself |
///
/// `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whom {
    kind: Option<Kind>,
    pattern: String,
}

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Region,
    Pool,
    Monitor,
    /// As `pool/destination`, or the destination alone.
    Endpoint,
    Target,
}

/// Octets of a pattern.
const TEXT_MAX: usize = 1024;

/// Why a text means nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a region, pool, monitor or endpoint: a name such as `eu`, `region:eu`, \
             `pool:web-*` or `monitor:web`, an address such as `192.0.2.1`, or both: \
             `web-eu/192.0.2.1`",
        )
    }
}

impl std::error::Error for Unreadable {}

impl FromStr for Whom {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let kinds = [
            ("region:", Kind::Region),
            ("pool:", Kind::Pool),
            ("monitor:", Kind::Monitor),
        ];
        let mut kinds = kinds.into_iter();
        let named = kinds.find_map(|(prefix, kind)| Some((kind, text.strip_prefix(prefix)?)));
        let (kind, pattern) = named.map_or((None, text), |(kind, name)| (Some(kind), name));
        match pattern.is_empty() || pattern.len() > TEXT_MAX {
            true => Err(Unreadable),
            false => Ok(Whom {
                kind,
                pattern: pattern.to_owned(),
            }),
        }
    }
}

impl Whom {
    /// Whether the name of such a thing is meant.
    pub fn means(&self, kind: Kind, name: &str) -> bool {
        self.kind.is_none_or(|only| only == kind)
            && glob::fits(self.pattern.as_bytes(), name.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whom(text: &str) -> Whom {
        text.parse().expect("a pattern")
    }

    #[test]
    fn a_name_means_everything_of_that_name_unless_it_says_what_it_is() {
        assert!(whom("eu").means(Kind::Region, "eu"));
        assert!(whom("eu").means(Kind::Pool, "eu"));
        assert!(whom("region:eu").means(Kind::Region, "eu"));
        assert!(!whom("region:eu").means(Kind::Pool, "eu"));
        assert!(whom("pool:web-*").means(Kind::Pool, "web-us"));
        assert!(whom("2001:db8::1").means(Kind::Endpoint, "2001:db8::1"));
        assert!(!whom("eu").means(Kind::Pool, "web-eu"));
    }

    #[test]
    fn nothing_and_far_too_much_mean_nobody() {
        for text in ["", "pool:", &"x".repeat(2000)] {
            assert_eq!(text.parse::<Whom>(), Err(Unreadable));
        }
    }
}
