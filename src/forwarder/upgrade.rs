//! What becomes of a connection that another protocol was agreed on for (RFC 9110, 7.8)?

use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use tokio::io::{AsyncRead, AsyncWrite};

use super::headers;
use super::tcp::{Buffer, relay};
use super::upstream::{AtWork, Link};

/// The backend's end of such a connection.
pub(super) struct Upgraded {
    pub io: Link,
    /// What it has said already.
    pub first: Bytes,
    pub at_work: AtWork,
}

/// The protocols that a request asks for of this connection, if there is none among them that HTTP itself is to be
/// spoken in: whoever is asked for h2c here would be reached past all that is done with requests (RFC 9113, 3.1 has it
/// no more).
pub(super) fn asked_for(headers: &HeaderMap) -> Option<HeaderValue> {
    if !headers::lists(headers, CONNECTION, b"upgrade") {
        return None;
    }
    let mut asked = headers.get_all(UPGRADE).into_iter();
    let (Some(protocols), None) = (asked.next(), asked.next()) else {
        return None;
    };
    let is_http = |protocol: &str| {
        let name = protocol.trim().split('/').next().unwrap_or_default();
        ["h2c", "h2", "http", "tls"]
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
    };
    let text = protocols.to_str().ok()?;
    (!text.split(',').any(is_http)).then(|| protocols.clone())
}

/// Carries octets both ways until both sides have ended, or nothing was said for `idle`. `early` is what the client has
/// said already.
pub(super) async fn carry<I>(
    mut client: I,
    early: Vec<u8>,
    upgraded: Upgraded,
    idle: Duration,
    buffer: &Buffer,
) where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let Upgraded {
        mut io,
        first,
        at_work,
    } = upgraded;
    relay(&mut client, &mut io, (early, first.into()), idle, buffer).await;
    drop(at_work);
}
