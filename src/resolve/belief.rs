//! What is believed of one name: the last good addresses, as long as that may be.
//!
//! A family that answers is believed at once. One that does not, and a name that has addresses in
//! neither, leave everything as it was for as long as is configured (compare RFC 8767): a name that
//! is in use does not lose all its addresses on purpose.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Answer;
use crate::config::{ALIAS_ADDRESSES_MAX, Resolved, is_for_clients};
use crate::model::Family;
use crate::random::Random;

/// An answer is asked for again no sooner and no later than this after it came.
const AGAIN_MIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(3600);
/// After the first failure, and each time twice as long, up to the second.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Of a TTL, what is added to it at most, so that names which came together do not stay together.
const JITTER: f64 = 0.05;
/// What is made of TTLs, in seconds: an answer out of a cache has less of it left each time, and not every second of that
/// is to be a change.
const TTL_STEPS: [u32; 14] = [
    0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600,
];

/// Whether a name can be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    No,
    /// Why not, in words; what was known is used on.
    Kept(String),
    /// The same, and nothing is known any more, or yet.
    Without(String),
}

/// Of one name, in both families.
#[derive(Clone, Debug)]
pub struct Belief {
    families: [OfFamily; 2],
}

#[derive(Clone, Debug)]
struct OfFamily {
    last: Option<Answer>,
    /// In order; those of the last good answer.
    addresses: Vec<IpAddr>,
    /// What else the last answer had, to which no client can connect.
    unusable: Vec<IpAddr>,
    /// Of that answer and, with the same addresses, of the one before: a cache that is about to ask
    /// again itself has a record with next to no time left.
    ttls_s: [u32; 2],
    failing_since: Option<Instant>,
    failures: u32,
    due: Instant,
    is_under_way: bool,
}

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

impl Belief {
    /// Of a name that nobody was asked about yet: both families are due.
    pub fn new(now: Instant) -> Self {
        let family = OfFamily {
            last: None,
            addresses: Vec::new(),
            unusable: Vec::new(),
            ttls_s: [0; 2],
            failing_since: None,
            failures: 0,
            due: now,
            is_under_way: false,
        };
        Belief {
            families: [family.clone(), family],
        }
    }

    /// When there is next something to do, unless an answer comes before.
    pub fn due(&self, keep: Duration) -> Option<Instant> {
        let due = self.families.iter().flat_map(|family| {
            let question = (!family.is_under_way).then_some(family.due);
            let end = family.end(keep);
            question.into_iter().chain(end)
        });
        due.min()
    }

    /// A family that is to be asked now, if any; it counts as asked from then on.
    pub fn next_question(&mut self, now: Instant) -> Option<Family> {
        let is_due = |family: &Family| {
            let of = &self.families[*family as usize];
            !of.is_under_way && of.due <= now
        };
        let family = FAMILIES.into_iter().find(is_due)?;
        self.families[family as usize].is_under_way = true;
        Some(family)
    }

    /// Both families are due: somebody else is to be asked.
    pub fn hurry(&mut self, now: Instant) {
        for family in &mut self.families {
            family.due = family.due.min(now);
        }
    }

    /// Whether both families were answered once, however.
    pub fn is_asked(&self) -> bool {
        self.families.iter().all(|family| family.last.is_some())
    }

    /// Takes an answer to the question that was under way.
    pub fn hear(&mut self, family: Family, answer: Answer, now: Instant, random: &mut Random) {
        let (answer, unusable) = usable(answer);
        let other_has = matches!(
            self.families[1 - family as usize].last,
            Some(Answer::Addresses { .. })
        );
        let of = &mut self.families[family as usize];
        of.is_under_way = false;
        of.unusable = unusable;
        let again = match &answer {
            Answer::Addresses { addresses, ttl_s } => {
                of.succeed(addresses.clone(), *ttl_s);
                after_ttl(*ttl_s, random)
            }
            Answer::Nothing { ttl_s } if other_has => {
                of.succeed(Vec::new(), *ttl_s);
                after_ttl(*ttl_s, random)
            }
            Answer::Nothing { .. } | Answer::Failure(_) => of.fail(now),
        };
        of.due = now + again;
        let has_addresses = matches!(answer, Answer::Addresses { .. });
        of.last = Some(answer);
        // What was in doubt as long as the name seemed to have no address at all.
        let other = &mut self.families[1 - family as usize];
        if let (true, Some(Answer::Nothing { ttl_s })) = (has_addresses, &other.last) {
            let ttl_s = *ttl_s;
            other.succeed(Vec::new(), ttl_s);
        }
    }

    /// Gives up what was kept for too long.
    pub fn look(&mut self, now: Instant, keep: Duration) {
        for family in &mut self.families {
            if family.end(keep).is_some_and(|end| end <= now) {
                family.addresses.clear();
            }
        }
    }

    /// What the name leads to, in order.
    pub fn addresses(&self) -> Vec<Resolved> {
        let all = self.families.iter().flat_map(|family| {
            let ttl_s = family.ttl_bound_s();
            let addresses = family.addresses.iter().take(ALIAS_ADDRESSES_MAX);
            addresses.map(move |&address| Resolved { address, ttl_s })
        });
        all.collect()
    }

    /// What was left out because no client can connect to it.
    pub fn unusable(&self) -> Vec<IpAddr> {
        let all = self.families.iter().map(|family| &family.unusable[..]);
        all.flatten().copied().collect()
    }

    /// How many addresses there are more than are used.
    pub fn too_many(&self) -> usize {
        let all = self.families.iter().map(|family| family.addresses.len());
        all.map(|count| count.saturating_sub(ALIAS_ADDRESSES_MAX))
            .sum()
    }

    pub fn trouble(&self) -> Trouble {
        let failing = FAMILIES.into_iter().find_map(|family| {
            let of = &self.families[family as usize];
            of.failing_since?;
            Some(match &of.last {
                Some(Answer::Failure(why)) => format!("{family}: {why}"),
                _ => "it has no address".to_owned(),
            })
        });
        match failing {
            None => Trouble::No,
            Some(why) if self.families.iter().all(|of| of.addresses.is_empty()) => {
                Trouble::Without(why)
            }
            Some(why) => Trouble::Kept(why),
        }
    }
}

impl OfFamily {
    fn succeed(&mut self, mut addresses: Vec<IpAddr>, ttl_s: u32) {
        addresses.sort_unstable();
        addresses.dedup();
        let before_s = match addresses == self.addresses {
            true => self.ttls_s[0],
            false => 0,
        };
        self.ttls_s = [ttl_s, before_s];
        self.addresses = addresses;
        self.failing_since = None;
        self.failures = 0;
    }

    /// How long to wait for the next attempt.
    fn fail(&mut self, now: Instant) -> Duration {
        self.failing_since.get_or_insert(now);
        let wait = RETRY_MIN * (1 << self.failures.min(5));
        self.failures += 1;
        wait.min(RETRY_MAX)
    }

    /// When addresses are to be given up that are only kept.
    fn end(&self, keep: Duration) -> Option<Instant> {
        let since = self.failing_since.filter(|_| !self.addresses.is_empty())?;
        Some(since + keep)
    }

    fn ttl_bound_s(&self) -> u32 {
        let ttl_s = self.ttls_s[0].max(self.ttls_s[1]);
        let steps = TTL_STEPS.iter().rev();
        steps.copied().find(|&step| step <= ttl_s).unwrap_or(0)
    }
}

fn after_ttl(ttl_s: u32, random: &mut Random) -> Duration {
    let ttl = Duration::from_secs(ttl_s.into()).clamp(AGAIN_MIN, AGAIN_MAX);
    ttl.mul_f64(1.0 + JITTER * random.fraction())
}

/// The answer without addresses that no client can connect to, and those.
fn usable(answer: Answer) -> (Answer, Vec<IpAddr>) {
    let Answer::Addresses { addresses, ttl_s } = answer else {
        return (answer, Vec::new());
    };
    let (addresses, others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|&it| is_for_clients(it));
    let answer = match addresses.is_empty() {
        true => Answer::Failure("no address that a client can connect to".to_owned()),
        false => Answer::Addresses { addresses, ttl_s },
    };
    (answer, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(3600);

    /// A belief, and the time as seconds since it was made.
    struct World {
        belief: Belief,
        begun: Instant,
        random: Random,
    }

    impl World {
        fn new() -> Self {
            let begun = crate::clock::now();
            World {
                belief: Belief::new(begun),
                begun,
                random: Random::from_seed(1),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.begun + Duration::from_secs(seconds)
        }

        fn hear(&mut self, seconds: u64, family: Family, answer: Answer) {
            let now = self.at(seconds);
            self.belief.hear(family, answer, now, &mut self.random);
        }

        /// Both families, as they are mostly heard.
        fn hear_both(&mut self, seconds: u64, v4: Answer, v6: Answer) {
            self.hear(seconds, Family::V4, v4);
            self.hear(seconds, Family::V6, v6);
        }

        fn look(&mut self, seconds: u64) {
            let now = self.at(seconds);
            self.belief.look(now, KEEP);
        }

        fn known(&self) -> Vec<String> {
            let known = self.belief.addresses();
            known
                .iter()
                .map(|known| known.address.to_string())
                .collect()
        }

        fn bounds(&self) -> Vec<u32> {
            let known = self.belief.addresses();
            known.iter().map(|known| known.ttl_s).collect()
        }

        /// How long after `seconds` the next question is due.
        fn wait(&self, seconds: u64) -> Duration {
            let due = self.belief.due(KEEP).expect("something is due");
            due.saturating_duration_since(self.at(seconds))
        }
    }

    fn good(addresses: &[&str], ttl_s: u32) -> Answer {
        let addresses = addresses.iter().map(|text| text.parse().unwrap());
        Answer::Addresses {
            addresses: addresses.collect(),
            ttl_s,
        }
    }

    fn nothing() -> Answer {
        Answer::Nothing { ttl_s: 60 }
    }

    fn failure() -> Answer {
        Answer::Failure("SERVFAIL".to_owned())
    }

    #[test]
    fn both_families_are_asked_at_once_and_again_when_their_ttl_ends() {
        let mut world = World::new();
        let now = world.at(0);
        assert_eq!(world.belief.next_question(now), Some(Family::V4));
        assert_eq!(world.belief.next_question(now), Some(Family::V6));
        assert_eq!(world.belief.next_question(now), None);
        assert_eq!(world.belief.due(KEEP), None);
        world.hear(0, Family::V4, good(&["192.0.2.2", "192.0.2.1"], 20));
        assert!(!world.belief.is_asked());
        world.hear(0, Family::V6, good(&["2001:db8::1"], 300));
        assert!(world.belief.is_asked());
        assert_eq!(world.known(), ["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
        assert_eq!(world.bounds(), [20, 20, 300]);
        let wait = world.wait(0);
        assert!((20.0..=21.0).contains(&wait.as_secs_f64()), "{wait:?}");
        let (sooner, later) = (world.at(19), world.at(21));
        assert_eq!(world.belief.next_question(sooner), None);
        assert_eq!(world.belief.next_question(later), Some(Family::V4));
        assert_eq!(world.belief.next_question(later), None);
    }

    #[test]
    fn no_ttl_makes_a_storm_and_none_puts_a_name_to_sleep() {
        for (ttl_s, least_s, most_s) in [(0, 1.0, 1.05), (u32::MAX, 3600.0, 3780.0)] {
            let mut world = World::new();
            world.hear_both(0, good(&["192.0.2.1"], ttl_s), good(&["::1"], ttl_s));
            let wait = world.wait(0).as_secs_f64();
            assert!((least_s..=most_s).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn failures_are_asked_again_ever_more_seldom() {
        let mut world = World::new();
        world.hear(0, Family::V6, good(&["2001:db8::1"], 3600));
        let waits: Vec<_> = (0..8)
            .map(|_| {
                world.hear(0, Family::V4, failure());
                world.wait(0).as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        world.hear(0, Family::V4, good(&["192.0.2.1"], 10));
        world.hear(0, Family::V4, failure());
        assert_eq!(world.wait(0).as_secs(), 1);
    }

    #[test]
    fn what_was_known_is_kept_for_its_time_and_no_longer() {
        for answer in [failure(), nothing()] {
            let mut world = World::new();
            world.hear_both(0, good(&["192.0.2.1"], 5), nothing());
            assert_eq!(world.belief.trouble(), Trouble::No);
            world.hear_both(10, answer.clone(), answer.clone());
            assert_eq!(world.known(), ["192.0.2.1"]);
            assert!(matches!(world.belief.trouble(), Trouble::Kept(_)));
            world.hear_both(3_000, answer.clone(), answer);
            world.look(3_609);
            assert_eq!(world.known(), ["192.0.2.1"]);
            world.look(3_610);
            assert!(world.known().is_empty());
            assert!(matches!(world.belief.trouble(), Trouble::Without(_)));
            world.hear_both(3_620, good(&["192.0.2.7"], 5), nothing());
            assert_eq!(world.known(), ["192.0.2.7"]);
            assert_eq!(world.belief.trouble(), Trouble::No);
        }
    }

    #[test]
    fn the_end_of_what_is_kept_is_something_to_wait_for() {
        let mut world = World::new();
        world.hear_both(0, good(&["192.0.2.1"], 5), good(&["::1"], 5));
        world.hear_both(10, failure(), failure());
        let keep = Duration::from_millis(400);
        assert_eq!(world.belief.due(keep), Some(world.at(10) + keep));
    }

    #[test]
    fn a_family_goes_at_once_if_the_other_one_is_there() {
        let mut world = World::new();
        world.hear_both(0, good(&["192.0.2.1"], 5), good(&["2001:db8::1"], 5));
        world.hear(5, Family::V6, nothing());
        assert_eq!(world.known(), ["192.0.2.1"]);
        assert_eq!(world.belief.trouble(), Trouble::No);
        // And the last one does not: a name without any address is a mistake rather than a wish.
        world.hear(6, Family::V4, nothing());
        assert_eq!(world.known(), ["192.0.2.1"]);
        // Until it is clear that it moved to the other family.
        world.hear(7, Family::V6, good(&["2001:db8::2"], 5));
        assert_eq!(world.known(), ["2001:db8::2"]);
        assert_eq!(world.belief.trouble(), Trouble::No);
    }

    #[test]
    fn a_family_that_cannot_be_asked_takes_nothing_from_the_other() {
        let mut world = World::new();
        world.hear_both(0, failure(), good(&["2001:db8::1"], 5));
        assert_eq!(world.known(), ["2001:db8::1"]);
        let Trouble::Kept(why) = world.belief.trouble() else {
            panic!("half of it is known");
        };
        assert_eq!(why, "IPv4: SERVFAIL");
    }

    #[test]
    fn what_no_client_can_connect_to_is_left_out() {
        let mut world = World::new();
        let answer = good(&["0.0.0.0", "255.255.255.255", "127.0.0.1"], 5);
        world.hear_both(0, answer, good(&["::ffff:192.0.2.1"], 5));
        assert_eq!(world.known(), ["127.0.0.1"]);
        assert_eq!(world.belief.unusable().len(), 3);
        assert!(matches!(world.belief.trouble(), Trouble::Kept(_)));
    }

    #[test]
    fn addresses_are_no_more_than_can_be_used() {
        let mut world = World::new();
        let many: Vec<_> = (0..100).map(|n| format!("192.0.2.{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        world.hear_both(0, good(&many, 5), good(&["::1"], 5));
        // One family takes no room from the other.
        assert_eq!(world.known().len(), ALIAS_ADDRESSES_MAX + 1);
        assert_eq!(world.belief.too_many(), 36);
    }

    #[test]
    fn a_record_that_is_about_to_leave_a_cache_says_nothing_of_its_ttl() {
        let mut world = World::new();
        let mut bounds = Vec::new();
        for ttl_s in [300, 0, 300, 299, 45, 45] {
            world.hear_both(0, good(&["192.0.2.1"], ttl_s), nothing());
            bounds.extend(world.bounds());
        }
        assert_eq!(bounds, [300, 300, 300, 300, 120, 30]);
        // Of another address it is all that is known.
        world.hear(0, Family::V4, good(&["192.0.2.2"], 7));
        assert_eq!(world.bounds(), [5]);
    }
}
