//! To which side does a request go?

use hyper::header::{HeaderMap, HeaderValue, SET_COOKIE};

use super::service::Answer;
use super::visit::Visit;
use crate::hashing::rendezvous::Liking;
use crate::hashing::{Item, mix, of_address};
use crate::model::routing::{Side, Split, Sticky, cookie_values};
use crate::random::Random;
use crate::state::forwarding::Forward;

/// A side, and what the client is told to remember of it.
pub(super) struct Chosen {
    /// Its place.
    pub side: usize,
    cookie: Option<HeaderValue>,
}

impl Chosen {
    /// The response, with what the client shall remember.
    pub fn remembered(self, mut answer: Answer) -> Answer {
        if let Some(cookie) = self.cookie {
            answer.headers_mut().append(SET_COOKIE, cookie);
        }
        answer
    }
}

/// The side that the request names, by header or else by cookie, or else the one that falls to it: by the hash that
/// steering chooses by, so that the parts are those of the weights, and a change of weights moves as few as can be.
pub(super) fn choose(
    split: &Split<Forward>,
    visit: &Visit,
    headers: &HeaderMap,
    random: &mut Random,
) -> Chosen {
    let named = |value: &[u8]| {
        split
            .sides
            .iter()
            .position(|side| side.name.as_bytes() == value)
    };
    let by_header = split.header.iter().flat_map(|name| headers.get_all(name));
    let by_header = by_header.filter_map(|value| named(value.as_bytes())).next();
    let by_cookie = || {
        let name = split.cookie.as_ref()?;
        cookie_values(headers, name).find_map(named)
    };
    if let Some(side) = by_header.or_else(by_cookie) {
        return Chosen { side, cookie: None };
    }
    let client = match split.sticky {
        Sticky::Client => mix(of_address(visit.client.resolver.to_canonical())),
        Sticky::Cookie(_) | Sticky::No => random.next_u64(),
    };
    let side = by_hash(&split.sides, client);
    let cookie = match (split.sticky, &split.cookie) {
        (Sticky::Cookie(keeps), Some(name)) => {
            let secure = if visit.is_tls { "; Secure" } else { "" };
            let cookie = format!(
                "{name}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
                split.sides[side].name,
                keeps.as_secs(),
            );
            HeaderValue::from_str(&cookie).ok()
        }
        _ => None,
    };
    Chosen { side, cookie }
}

/// The place of the side that falls to a client.
pub(super) fn by_hash<To>(sides: &[Side<To>], client: u64) -> usize {
    let liking = |side: &Side<To>| {
        let item = Item {
            seed: side.seed,
            weight: side.weight.into(),
        };
        Liking::new(client, item)
    };
    // There are two at least.
    let mut best = (0, liking(&sides[0]));
    for (place, side) in sides.iter().enumerate().skip(1) {
        let liking = liking(side);
        if liking.beats(best.1) {
            best = (place, liking);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hashing::of_octets;

    fn sides(weights: &[(&str, u16)]) -> Vec<Side<()>> {
        let side = |&(name, weight): &(&str, u16)| Side {
            name: name.into(),
            seed: of_octets(name.as_bytes()),
            weight,
            to: (),
        };
        weights.iter().map(side).collect()
    }

    fn part(sides: &[Side<()>], name: &str) -> Vec<bool> {
        (0..20_000)
            .map(|client| &*sides[by_hash(sides, mix(client))].name == name)
            .collect()
    }

    #[test]
    fn parts_are_those_of_the_weights_and_growing_ones_lose_nobody() {
        let few = part(&sides(&[("web", 95), ("canary", 5)]), "canary");
        let many = part(&sides(&[("web", 80), ("canary", 20)]), "canary");
        let count = |part: &[bool]| part.iter().filter(|is| **is).count();
        assert!((800..1200).contains(&count(&few)), "{}", count(&few));
        assert!((3700..4300).contains(&count(&many)), "{}", count(&many));
        assert!(few.iter().zip(&many).all(|(few, many)| !few || *many));
        assert_eq!(
            count(&part(&sides(&[("web", 1), ("canary", 0)]), "canary")),
            0
        );
        assert_eq!(count(&part(&sides(&[("web", 0), ("canary", 1)]), "web")), 0);
    }
}
