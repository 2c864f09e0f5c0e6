//! Which endpoints a client gets, and why: policy -> pool -> endpoints -> [`Decision`].
//!
//! [`decide`] is pure: what is configured and up ([`Root`](crate::state::Root)), who asks and what
//! the die says are arguments. It allocates nothing, and its work is bounded by the members and
//! pools that the policy can reach. A [`Recorder`] is told every reason; serving and explaining
//! are one code path.
//!
//! | file | question |
//! |---|---|
//! | `decide` | what becomes of this query? |
//! | `places` | where do the policy's maps put the client, and what is the scope? |
//! | `view` | which endpoints count as up, and so which members can serve? |
//! | `key` | who is the client, to those who go by that? |
//! | `choose` | which pool does the policy come to? |
//! | `draw` | which of the pool's endpoints are answered, in which order? |
//! | `cursor` | whose turn is it? |
//! | `ttl` | for how long may that be believed? |
//! | `recorder` | why? |
//! | `forward` | the same, for one request of the forwarder |

mod choose;
mod cursor;
mod decide;
mod draw;
pub mod forward;
mod key;
mod places;
mod recorder;
mod ttl;
mod view;

pub use cursor::cursor_count;
pub use decide::decide;
pub use recorder::{Candidate, Choice, Recorder, Step, TtlReason, Unusable};

use crate::model::{EndpointId, Family, PolicyId, PoolId, TtlRange};
use crate::random::Random;
use draw::Drawn;

/// What a balanced name asks of steering for one query.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub policy: PolicyId,
    pub family: Family,
    /// Addresses per answer, 1..=16.
    pub answers: u8,
    pub ttl: TtlRange,
}

/// Everything that differs between two equal queries: the die, and whose turn it is.
pub struct Draw<'a> {
    pub random: &'a mut Random,
    /// [`cursor_count`] round-robin cursors, initially anything. They mean nothing outside this
    /// module; after a reload they may be kept. Where one is missing, the turn is drawn uniformly.
    pub cursors: &'a mut [u32],
}

/// What steering chose for one query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub outcome: Outcome,
    drawn: Drawn,
    /// The pool that the endpoints are of; none where none is answered.
    pub pool: Option<PoolId>,
    /// Whether the endpoint is another name, which is answered alone.
    pub is_name: bool,
    /// In seconds, within the name's range: of the records, or the most for a negative answer.
    /// `u32::MAX` for [`Outcome::NoFamily`], which only a new configuration ends.
    pub ttl_s: u32,
    /// SCOPE PREFIX-LENGTH; meaningful only where the client had a subnet. 0 for
    /// [`Outcome::NoFamily`], which is true for every client.
    pub scope: u8,
}

/// What becomes of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoints are up.
    Answer,
    /// Nothing is up in either family, and `when_all_down` answers nevertheless (all, or the
    /// fallback pool).
    AnswerAllDown,
    /// The name has no endpoint of this family at all.
    NoFamily,
    /// Nothing of this family is up where `family_fallback` looks for it, but something of the
    /// other is.
    NoData,
    /// Nothing is up in either family, and `when_all_down` says so with NODATA, or finds no address
    /// of this family.
    NoDataAllDown,
    /// Nothing is up in either family, and `when_all_down` says SERVFAIL.
    ServFail,
    /// Nothing is up in either family, and `when_all_down` says REFUSED.
    Refuse,
}

impl Decision {
    const NO_FAMILY: Self = Decision {
        outcome: Outcome::NoFamily,
        drawn: Drawn::NOTHING,
        pool: None,
        is_name: false,
        ttl_s: u32::MAX,
        scope: 0,
    };

    /// What is answered, in order.
    pub fn endpoints(&self) -> &[EndpointId] {
        self.drawn.as_slice()
    }
}
