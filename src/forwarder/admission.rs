//! Is a request taken?

use std::net::IpAddr;

use hyper::{HeaderMap, Response, StatusCode};

use super::body::ResponseBody;
use super::refusal::{refuse, refuse_for};
use crate::clock;
use crate::hashing::{mix, of_address, of_octets};
use crate::locate::{Client, locate};
use crate::state::Root;
use crate::state::forwarding::{Access, Rate, RatedBy, Route};

/// What those are told whom an access list keeps out.
pub(super) const NOT_LET_IN: &str = "this client is not let in here";

/// Whether a route takes a request: who may send it, and how many.
///
/// # Errors
/// With what is answered instead: 403, or 429 (RFC 6585, 4).
pub(super) fn admit(
    root: &Root,
    route: &Route,
    client: &Client,
    headers: &HeaderMap,
) -> Result<(), Box<Response<ResponseBody>>> {
    if let Some(access) = &route.access
        && !lets_in(root, access, client)
    {
        return Err(Box::new(refuse(StatusCode::FORBIDDEN, NOT_LET_IN)));
    }
    if let Some(table) = &root.forwarding.rates {
        for rate in &route.rates {
            let key = key(rate, client, headers);
            if let Err(again_in) = table.try_take(&key, clock::steady_ms(clock::now()), rate.pace) {
                let words = "there are too many requests of this client";
                let status = StatusCode::TOO_MANY_REQUESTS;
                return Err(Box::new(refuse_for(status, words, again_in)));
            }
        }
    }
    Ok(())
}

/// By its address, and by where it is.
pub(super) fn lets_in(root: &Root, access: &Access, client: &Client) -> bool {
    let address = client.resolver.to_canonical();
    access.lets_in(address, |map| locate(root.map(map), client).class)
}

/// What tells those apart whose requests are counted together. The table hashes it with a secret.
fn key(rate: &Rate, client: &Client, headers: &HeaderMap) -> (u64, u64, u64) {
    let of_client = || (rate.seed, 1, of_network(client.resolver));
    match &rate.by {
        RatedBy::Client => of_client(),
        RatedBy::Route => (rate.seed, 0, 0),
        RatedBy::Header(name) => {
            let value = headers.get(&**name).map(|value| value.as_bytes());
            value.map_or_else(of_client, |value| {
                (rate.seed, 2, mix(of_octets(value) ^ value.len() as u64))
            })
        }
    }
}

/// An IPv4 address, or an IPv6 network of 64 bits, which is one site's at least (RFC 4291, 2.5.1).
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::from((v6.to_bits() & !u128::from(u64::MAX)).to_be_bytes()),
        v4 => v4,
    }
}

fn of_network(address: IpAddr) -> u64 {
    of_address(network(address))
}
