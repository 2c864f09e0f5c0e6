//! Where does steering send a client?

use std::fmt;

use super::Side;
use crate::locate::Client;
use crate::model::{Family, PolicyId, TtlRange};
use crate::random::Random;
use crate::steering::{Ask, Choice, Draw, Outcome, Recorder, Step, decide};

/// Where clients go. Regions are known by name, as ids are a root's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    Region(Box<str>),
    /// To that region, though nothing there is up.
    AllDown(Box<str>),
    /// There is no address for them.
    NoData,
    ServFail,
    Refused,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Region(name) => f.write_str(name),
            Destination::AllDown(name) => write!(f, "{name} (down)"),
            Destination::NoData => f.write_str("(no data)"),
            Destination::ServFail => f.write_str("(SERVFAIL)"),
            Destination::Refused => f.write_str("(REFUSED)"),
        }
    }
}

/// Where `client` is sent, and whether another die, or another client whom the maps know as well, could
/// be sent elsewhere.
pub(super) fn decided(
    side: &Side<'_>,
    policy: PolicyId,
    family: Family,
    client: &Client,
) -> (Destination, bool) {
    let mut choices = Choices { is_drawn: false };
    let destination = drawn(side, policy, family, client, 0, &mut choices);
    // Who takes a share only of what would come to it may have taken this one without a word.
    let is_drawn = choices.is_drawn || side.root.health.is_reduced();
    (destination, is_drawn)
}

/// Where `client` is sent when the die is made of `seed`.
pub(super) fn drawn<R: Recorder>(
    side: &Side<'_>,
    policy: PolicyId,
    family: Family,
    client: &Client,
    seed: u64,
    recorder: &mut R,
) -> Destination {
    let root = side.root;
    let ask = Ask {
        policy,
        family,
        // Clients turn to the first.
        answers: 1,
        ttl: TtlRange { min_s: 0, max_s: 0 },
    };
    let mut draw = Draw {
        random: &mut Random::from_seed(seed),
        // Without cursors, turns are drawn.
        cursors: &mut [],
    };
    let decision = decide(root, &ask, client, &mut draw, recorder);
    let region = decision.pool.map(|pool| {
        let region = root.pools.pools[pool.index()].region;
        root.pools.regions[region.index()].name.clone()
    });
    match (decision.outcome, region) {
        (Outcome::Answer, Some(region)) => Destination::Region(region),
        (Outcome::AnswerAllDown, Some(region)) => Destination::AllDown(region),
        (Outcome::ServFail, _) => Destination::ServFail,
        (Outcome::Refuse, _) => Destination::Refused,
        _ => Destination::NoData,
    }
}

/// Watches for choices among several.
struct Choices {
    is_drawn: bool,
}

impl Recorder for Choices {
    fn record(&mut self, step: impl FnOnce() -> Step) {
        if let Step::Taken { by, .. } = step() {
            self.is_drawn |= match by {
                Choice::First | Choice::LastResort => false,
                // The only one of those with a weight.
                Choice::Drawn { weight, total } => total == 0 || total != u32::from(weight),
                Choice::Turn | Choice::Hashed => true,
            };
        }
    }
}
