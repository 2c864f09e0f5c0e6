//! What a query's EDNS options other than its client subnet ask for, and what they get.

use super::answer::{Query, Transport, Worker};
use crate::dns::Rcode;
use crate::dns::compose::{Composer, OPT_LEN};
use crate::dns::cookie::{CLIENT_LEN, Cookie, SERVER_LEN, Standing};
use crate::dns::edns::{Keepalive, NSID_LEN_MAX, OptionsAt, option};
use crate::dns::{HEADER_LEN, UDP_PAYLOAD_MIN, name::NAME_LEN_MAX};
use crate::state::Identity;

/// What the options mean for the rest of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Greeting {
    /// The client's standing, if it sent a cookie and cookies are used.
    pub cookie: Option<Standing>,
    /// The options alone decide the answer.
    pub refusal: Option<Rcode>,
}

/// Everything that is added always fits, with the longest question and client subnet.
const _: () = {
    let question = NAME_LEN_MAX + 4;
    let (opt, subnet) = (OPT_LEN, 8 + 16);
    let more = (4 + CLIENT_LEN + SERVER_LEN) + (4 + NSID_LEN_MAX) + (4 + 2);
    assert!(HEADER_LEN + question + opt + subnet + more <= UDP_PAYLOAD_MIN as usize);
};

/// Adds the options that answer those of the query.
#[inline(never)]
pub fn answer_options(
    worker: &mut Worker,
    identity: &Identity,
    query: &Query<'_>,
    options: OptionsAt,
    composer: &mut Composer<'_>,
) -> Greeting {
    let asked = options.read(query.message);
    let mut greeting = Greeting::default();
    let is_tcp = matches!(query.transport, Transport::Tcp { .. });
    if let Some(cookie) = &asked.cookie {
        greeting = answer_cookie(worker, identity, query, cookie, composer);
    }
    if let (true, Some(nsid)) = (asked.nsid, &identity.nsid) {
        composer.add_option(option::NSID, &[nsid]);
    }
    match asked.keepalive {
        // Over UDP it is ignored (RFC 7828, 3.3.1).
        Keepalive::Asked | Keepalive::Malformed if !is_tcp => {}
        Keepalive::Malformed => greeting.refusal = Some(Rcode::FormErr),
        Keepalive::Asked => {
            if let Some(timeout) = worker.idle_timeout_100ms {
                composer.add_option(option::TCP_KEEPALIVE, &[&timeout.to_be_bytes()]);
            }
        }
        Keepalive::Absent => {}
    }
    greeting
}

fn answer_cookie(
    worker: &mut Worker,
    identity: &Identity,
    query: &Query<'_>,
    cookie: &Cookie,
    composer: &mut Composer<'_>,
) -> Greeting {
    let Some(cookies) = &identity.cookies else {
        return Greeting::default();
    };
    // Serial number arithmetic: only the lower 32 bits count (RFC 9018, 4.3).
    let now_s = (worker.unix_ms / 1000) as u32;
    let (standing, server) = cookies.secrets.check(cookie, query.peer, now_s);
    composer.add_option(option::COOKIE, &[&cookie.client, &server]);
    worker.has_valid_cookie = standing == Standing::Valid;
    let counters = &worker.counters;
    counters.cookies.add(1);
    counters
        .cookies_valid
        .add(u64::from(worker.has_valid_cookie));
    // Over TCP, the handshake has shown that the address is the client's own (RFC 7873, 5.3).
    let is_udp = matches!(query.transport, Transport::Udp { .. });
    let is_refused = cookies.require && is_udp && !worker.has_valid_cookie;
    Greeting {
        cookie: Some(standing),
        refusal: is_refused.then_some(Rcode::BadCookie),
    }
}
