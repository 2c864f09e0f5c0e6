//! Which endpoints a client gets, and why: policy -> pools -> endpoints -> [`Decision`].

use crate::model::{ANSWERS_MAX, EndpointId, PoolId};

/// What steering chose for one query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub outcome: Outcome,
    endpoints: [EndpointId; ANSWERS_MAX],
    count: u8,
    /// The pool that the endpoints are of.
    pub pool: Option<PoolId>,
    /// Of the answer, within the name's range.
    pub ttl_s: u32,
    /// SCOPE PREFIX-LENGTH; meaningful only where the client had a subnet.
    pub scope: u8,
}

/// What becomes of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoints are up.
    Answer,
    /// Nothing is up, and `when_all_down` answers nevertheless (all, or the fallback pool).
    AnswerAllDown,
    /// The name has no endpoint of this family at all.
    NoFamily,
    /// Nothing of this family is up, and `when_all_down` or `family_fallback` says so with NODATA.
    NoData,
    ServFail,
    Refuse,
}

impl Decision {
    /// What is answered, in order.
    pub fn endpoints(&self) -> &[EndpointId] {
        &self.endpoints[..usize::from(self.count)]
    }
}
