//! Response rate limiting: which UDP answers are held back, so that forged queries cannot turn this
//! server against the network that they claim to come from (ISC-TN-2012-1).
//!
//! It stands between the engine and the socket, and reads an answer as its receiver would: what
//! counts is what would be sent. Clients over TCP have shown that they are where they say, and so have
//! those with a valid server cookie (RFC 7873, 5.2.3): they are not limited.
//!
//! | file | question |
//! |---|---|
//! | `account` | what does an answer count against? |
//! | `slip` | what is sent instead of an answer held back? |

mod account;
mod slip;

use std::net::IpAddr;

use super::answer::Worker;
use crate::state::Root;
use crate::state::traffic::RateLimit;
use account::Account;

/// An answer that is ready to be sent.
pub struct Answered<'a> {
    pub query: &'a [u8],
    pub peer: IpAddr,
    /// The whole reply buffer.
    pub reply: &'a mut [u8],
    pub len: usize,
}

/// How many octets of the reply are to be sent; 0: none.
pub fn sent_len(
    worker: &mut Worker,
    root: &Root,
    limit: &RateLimit,
    answered: Answered<'_>,
) -> usize {
    let len = answered.len;
    if worker.has_valid_cookie || limit.exempt.contains(answered.peer) {
        return len;
    }
    let client = limit.client(answered.peer);
    let answer = &answered.reply[..len];
    let account = Account::new(client, root, answered.query, answer, &mut worker.name);
    let Some(pace) = account.pace(limit) else {
        return len;
    };
    if limit.table.take(&account, worker.unix_ms, pace) {
        return len;
    }
    held_back(worker, limit, answered)
}

#[cold]
fn held_back(worker: &mut Worker, limit: &RateLimit, answered: Answered<'_>) -> usize {
    let counters = &worker.counters;
    if limit.dry_run {
        counters.limited_dry_run.add(1);
        return answered.len;
    }
    // Drawn, not counted off: so no pattern of queries can leave a client without its share.
    let slips = limit.slip > 0 && worker.random.below(limit.slip) == 0;
    if !slips {
        counters.limited_dropped.add(1);
        return 0;
    }
    counters.limited_slipped.add(1);
    slip::shorten(answered.reply, answered.len)
}

#[cfg(test)]
mod tests;
