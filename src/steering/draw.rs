//! Which of the pool's endpoints are answered, in which order?

use crate::model::{ANSWERS_MAX, Balance, EndpointId};
use crate::random::Random;
use crate::state::preference::Preference;
use crate::state::usable::{Usable, Weighted};

/// What was drawn, in order; no endpoint twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    endpoints: [EndpointId; ANSWERS_MAX],
    count: u8,
}

impl Drawn {
    pub const NOTHING: Self = Drawn {
        endpoints: [EndpointId(0); ANSWERS_MAX],
        count: 0,
    };

    #[inline]
    pub fn as_slice(&self) -> &[EndpointId] {
        &self.endpoints[..usize::from(self.count)]
    }

    #[inline]
    fn push(&mut self, endpoint: EndpointId) {
        self.endpoints[usize::from(self.count)] = endpoint;
        self.count += 1;
    }

    /// Adds at most `count` of another pool's that `is_new`, up to [`ANSWERS_MAX`] in all.
    pub fn append(
        &mut self,
        other: &Drawn,
        count: usize,
        is_new: impl Fn(&Self, EndpointId) -> bool,
    ) {
        let before = usize::from(self.count);
        for &endpoint in other.as_slice() {
            let length = usize::from(self.count);
            if length - before == count || length == ANSWERS_MAX {
                break;
            }
            if is_new(self, endpoint) {
                self.push(endpoint);
            }
        }
    }

    /// Puts those that do not take it behind those that do, each in their order.
    pub fn lead_with(&mut self, takes: impl Fn(EndpointId) -> bool) {
        let mut leading = Drawn::NOTHING;
        let mut others = Drawn::NOTHING;
        for &endpoint in self.as_slice() {
            match takes(endpoint) {
                true => leading.push(endpoint),
                false => others.push(endpoint),
            }
        }
        others.as_slice().iter().for_each(|&id| leading.push(id));
        *self = leading;
    }

    /// Keeps at most `count`, and of these only those that `takes`, unless none does.
    pub fn thin(&mut self, count: usize, takes: impl Fn(EndpointId) -> bool) {
        let mut taking = Drawn::NOTHING;
        for &endpoint in self.as_slice() {
            if usize::from(taking.count) < count && takes(endpoint) {
                taking.push(endpoint);
            }
        }
        match taking.count {
            0 => self.count = self.count.min(count as u8),
            _ => *self = taking,
        }
    }
}

/// What endpoints are drawn from, and how.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub usable: &'a Usable,
    pub balance: Balance,
    pub preference: Option<&'a Preference>,
    /// The client's; used where the balance goes by it.
    pub hash: u64,
}

/// Draws `answers` endpoints, or all of them when there are fewer; never more than [`ANSWERS_MAX`].
/// `cursor` is read by those that take turns. `to` is empty.
#[inline]
pub(super) fn draw(
    from: Source<'_>,
    answers: u8,
    random: &mut Random,
    cursor: Option<&mut u32>,
    to: &mut Drawn,
) {
    let usable = from.usable;
    let count = usize::from(answers).min(usable.len()).min(ANSWERS_MAX);
    match (from.balance, usable) {
        // Who has more to do than others takes a share only.
        (
            Balance::Weighted | Balance::WeightedLeastConnections | Balance::LeastTime,
            Usable::Weighted(weighted),
        ) => by_weight(usable, weighted, count, random, to),
        (
            Balance::Weighted
            | Balance::Random
            | Balance::LeastConnections
            | Balance::WeightedLeastConnections
            | Balance::LeastTime,
            _,
        ) => {
            distinct(usable, count, usable.len() as u32, random, to, |point| {
                let (start, width) = (point, 1);
                (point as usize, Span { start, width })
            });
        }
        (Balance::Smooth, Usable::Weighted(weighted)) => {
            spread(usable, weighted, count, random, cursor, to);
        }
        (Balance::RoundRobin | Balance::Smooth, _) => {
            consecutive(usable, count, random, cursor, to);
        }
        (Balance::Failover, _) => in_a_row(usable, 0, count, to),
        (Balance::SourceHash, Usable::Weighted(weighted)) => {
            by_weight(
                usable,
                weighted,
                count,
                &mut Random::from_seed(from.hash),
                to,
            );
        }
        (Balance::SourceHash, _) => {
            let start = Random::from_seed(from.hash).below(usable.len() as u32);
            in_a_row(usable, start as usize, count, to);
        }
        (Balance::ConsistentHash | Balance::Rendezvous, _) => preferred(from, count, to),
    }
}

/// In proportion to weight, without replacement.
#[inline]
fn by_weight(
    usable: &Usable,
    weighted: &Weighted,
    count: usize,
    random: &mut Random,
    to: &mut Drawn,
) {
    distinct(usable, count, weighted.total(), random, to, |point| {
        let (index, start, width) = weighted.owner(point);
        (index, Span { start, width })
    });
}

/// Steps on the way to those that are preferred, before it is left: with nine of ten down, one in 10^23 ways
/// is longer.
const STEPS_MAX: usize = 512;

/// Those that are up of whom the client's hash prefers. Where that knows too few, because hardly one is up or
/// all are of weight 0, the hash counts them off.
#[inline(never)]
fn preferred(from: Source<'_>, count: usize, to: &mut Drawn) {
    let usable = from.usable;
    if let Some(preference) = from.preference {
        let mut steps = 0;
        preference.walk(from.hash, |endpoint| {
            steps += 1;
            if usable.contains(endpoint) && !to.as_slice().contains(&endpoint) {
                to.push(endpoint);
            }
            usize::from(to.count) >= count || steps >= STEPS_MAX
        });
    }
    let length = usable.len();
    let start = Random::from_seed(from.hash).below(length as u32) as usize;
    for turn in start..start + length {
        if usize::from(to.count) >= count {
            break;
        }
        let endpoint = usable.get(turn % length);
        if !to.as_slice().contains(&endpoint) {
            to.push(endpoint);
        }
    }
}

/// The points that one endpoint owns.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    width: u32,
}

/// Endpoints by points in `0..total`, without replacement: each further point is drawn from what is
/// left, counted as if the spans already taken were cut out. `owner` says whose a point is.
#[inline]
fn distinct(
    usable: &Usable,
    count: usize,
    total: u32,
    random: &mut Random,
    to: &mut Drawn,
    owner: impl Fn(u32) -> (usize, Span),
) {
    if count == 0 || total == 0 {
        return;
    }
    let (index, span) = owner(random.below(total));
    to.push(usable.get(index));
    if count > 1 {
        distinct_others(usable, count, total - span.width, random, to, span, owner);
    }
}

/// [`distinct`] after the first, which owns `span`.
#[inline(never)]
fn distinct_others(
    usable: &Usable,
    count: usize,
    mut left: u32,
    random: &mut Random,
    to: &mut Drawn,
    span: Span,
    owner: impl Fn(u32) -> (usize, Span),
) {
    let mut taken = [span; ANSWERS_MAX];
    for already in 1..count {
        // Only where weights saturate their sum can points run out before endpoints do.
        if left == 0 {
            break;
        }
        let point = past(&taken[..already], random.below(left));
        let (index, span) = owner(point);
        to.push(usable.get(index));
        left -= span.width;
        insert(&mut taken[..=already], span);
    }
}

/// The place of `point`, counted outside `taken`, among all points. `taken` ascends.
fn past(taken: &[Span], point: u32) -> u32 {
    taken.iter().fold(point, |point, span| {
        if point >= span.start {
            point + span.width
        } else {
            point
        }
    })
}

/// Puts `span` where it belongs in `taken`, which ascends and whose last place is free.
fn insert(taken: &mut [Span], span: Span) {
    let mut place = taken.len() - 1;
    while place > 0 && taken[place - 1].start > span.start {
        taken[place] = taken[place - 1];
        place -= 1;
    }
    taken[place] = span;
}

/// Endpoints in a row from the cursor, which moves by one: so each is first in turn, however many
/// are answered.
fn consecutive(
    usable: &Usable,
    count: usize,
    random: &mut Random,
    cursor: Option<&mut u32>,
    to: &mut Drawn,
) {
    let turn = turn(usable.len() as u32, random, cursor);
    in_a_row(usable, turn as usize, count, to);
}

/// The first by the turn's point, so that each comes as often as it weighs; then those next to it.
fn spread(
    usable: &Usable,
    weighted: &Weighted,
    count: usize,
    random: &mut Random,
    cursor: Option<&mut u32>,
    to: &mut Drawn,
) {
    let turn = turn(weighted.total(), random, cursor);
    let (index, ..) = weighted.owner(weighted.spread(turn));
    in_a_row(usable, index, count, to);
}

/// The next turn of so many; any of them where there is no cursor.
fn turn(turns: u32, random: &mut Random, cursor: Option<&mut u32>) -> u32 {
    match cursor {
        Some(cursor) => {
            let turn = cursor.checked_rem(turns).unwrap_or(0);
            *cursor = turn.wrapping_add(1);
            turn
        }
        None => random.below(turns),
    }
}

/// Endpoints one after another, around the end.
fn in_a_row(usable: &Usable, start: usize, count: usize, to: &mut Drawn) {
    for place in start..start + count {
        to.push(usable.get(place % usable.len()));
    }
}
