//! How does a client come back to the endpoint that it had?

use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, HeaderValue, SET_COOKIE};

use super::known::{Known, now_min};
use crate::model::EndpointId;
use crate::state::forwarding::{Forward, Secure};

/// Gives the client, who asked by TLS or not, a cookie that names the endpoint which has answered, unless it has one
/// that says so. No shared
/// cache may keep such a response (RFC 9111, 5.2.2.7): all whom it is given to would be of one session.
pub(super) fn keep(
    forward: &Forward,
    known: &Known,
    endpoint: EndpointId,
    is_tls: bool,
    headers: &mut HeaderMap,
) {
    let Some(sticky) = &forward.sticky else {
        return;
    };
    let named = known.named;
    if named.is_some_and(|named| named.endpoint == endpoint && !named.is_stale) {
        return;
    }
    let Some(value) = sticky.value(endpoint, now_min()) else {
        return;
    };
    let secure = match sticky.secure {
        Secure::AsAsked if !is_tls => "",
        Secure::Never => "",
        Secure::AsAsked | Secure::Always => "; Secure",
    };
    let cookie = format!("{}={value}{}{secure}", sticky.cookie, sticky.attributes);
    if let Ok(cookie) = HeaderValue::from_maybe_shared(bytes::Bytes::from(cookie)) {
        headers.append(SET_COOKIE, cookie);
        headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}
