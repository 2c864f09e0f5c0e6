//! Which of the pool's endpoints are answered, in which order?

use crate::model::{ANSWERS_MAX, Balance, EndpointId};
use crate::random::Random;
use crate::state::usable::Usable;

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
}

/// Draws `answers` endpoints out of `usable`, or all of them when there are fewer; never more than
/// [`ANSWERS_MAX`]. `cursor` is read by round robin only. `to` is empty.
#[inline]
pub(super) fn draw(
    usable: &Usable,
    balance: Balance,
    answers: u8,
    random: &mut Random,
    cursor: Option<&mut u32>,
    to: &mut Drawn,
) {
    let count = usize::from(answers).min(usable.len()).min(ANSWERS_MAX);
    match (balance, usable) {
        (Balance::Weighted, Usable::Weighted(weighted)) => {
            distinct(usable, count, weighted.total(), random, to, |point| {
                let (index, start, width) = weighted.owner(point);
                (index, Span { start, width })
            });
        }
        (Balance::Weighted | Balance::Random, _) => {
            distinct(usable, count, usable.len() as u32, random, to, |point| {
                let (start, width) = (point, 1);
                (point as usize, Span { start, width })
            });
        }
        (Balance::RoundRobin, _) => consecutive(usable, count, random, cursor, to),
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
    let length = usable.len();
    let start = match cursor {
        Some(cursor) => {
            let start = (*cursor as usize).checked_rem(length).unwrap_or(0);
            *cursor = start as u32 + 1;
            start
        }
        None => random.below(length as u32) as usize,
    };
    for turn in start..start + count {
        to.push(usable.get(turn % length));
    }
}
