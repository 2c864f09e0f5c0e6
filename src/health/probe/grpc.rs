//! The gRPC probe: `grpc.health.v1.Health/Check` (grpc/grpc, doc/health-checking.md; PROTOCOL-HTTP2.md).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE, USER_AGENT};
use hyper::{Method, Request};

use super::allowance::Allowance;
use super::deadline::Deadline;
use super::http::AGENT;
use super::session::Session;
use super::tls::{Alpn, TlsConfigs};
use super::{Ask, Asking, Outcome, dial};
use crate::config::{GrpcProbe, HttpVersion};
use crate::health::failure::Failure;
use crate::health::target::default_host;

const PATH: &str = "/grpc.health.v1.Health/Check";
/// Octets of an answer, which takes seven.
const ANSWER_MAX: usize = 1024;
/// In front of each message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// Field 1 of both messages; its wire types are 2 (octets) and 0 (number).
const SERVICE_TAG: u8 = 1 << 3 | 2;
const STATUS_TAG: u8 = 1 << 3;
const SERVING: u64 = 1;

/// Asks one address for the health of a service.
#[derive(Debug)]
pub struct GrpcAsker {
    pub address: SocketAddr,
    pub timeout: Duration,
    pub probe: GrpcProbe,
    pub tls: TlsConfigs,
}

impl GrpcAsker {
    async fn attempt(&self) -> Outcome {
        let deadline = Deadline::new(self.timeout);
        let mut session = self.dial(&deadline).await?;
        let mut answer = session.ask(self.request()?, &deadline).await?;
        let status = answer.head.status().as_u16();
        if status != 200 {
            return Err(Failure::Status(status));
        }
        let mut message = Vec::new();
        while let Some(piece) = answer.piece(&deadline).await? {
            if message.len() + piece.len() > ANSWER_MAX {
                return Err(Failure::protocol("the message is too long"));
            }
            message.extend_from_slice(&piece);
        }
        // Where there is no message, the status may come with the head.
        let heads = [&answer.trailers, answer.head.headers()];
        match heads.into_iter().find_map(called) {
            Some((0, _)) => judge(&message),
            Some((code, said)) => Err(Failure::grpc(code, &said)),
            None => Err(Failure::protocol("no gRPC status")),
        }
    }

    async fn dial(&self, deadline: &Deadline) -> Result<Session, Failure> {
        let GrpcProbe { way, tls, host, .. } = &self.probe;
        let (version, allowance) = (HttpVersion::Two, Allowance::new(ANSWER_MAX));
        match tls {
            None => {
                let stream = dial::connect(self.address, way, deadline).await?;
                Session::open(allowance.on(stream), version, deadline).await
            }
            Some(tls) => {
                let (host, known) = (host.as_deref(), (&self.tls, Alpn::Http(version)));
                let address = self.address;
                let stream =
                    dial::secure(address, way, tls, host, known, &allowance, deadline).await?;
                Session::open(stream, version, deadline).await
            }
        }
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, Failure> {
        let (scheme, default_port) = match self.probe.tls {
            Some(_) => ("https", 443),
            None => ("http", 80),
        };
        let host = self.probe.host.clone();
        let host = host.unwrap_or_else(|| default_host(self.address, default_port));
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{scheme}://{host}{PATH}"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))
            .header(TE, HeaderValue::from_static("trailers"))
            .header(USER_AGENT, HeaderValue::from_static(AGENT))
            .header("grpc-timeout", format!("{}m", self.timeout.as_millis()))
            .body(Full::from(question(&self.probe.service)));
        request.map_err(|error| Failure::Local(error.to_string()))
    }
}

impl Ask for GrpcAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(self.attempt())
    }
}

/// `HealthCheckRequest { service }`. A field that is empty is left out.
fn question(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(SERVICE_TAG);
        let mut length = service.len();
        while length > 0x7F {
            message.push(length as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(&message);
    framed
}

/// The call's status and its message, if they are among these fields.
fn called(fields: &HeaderMap) -> Option<(u16, String)> {
    let code = fields.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    let said = fields.get("grpc-message");
    let said = said.map(|said| String::from_utf8_lossy(said.as_bytes()).into_owned());
    Some((code, said.unwrap_or_default()))
}

/// Whether the answer says that the service serves.
fn judge(framed: &[u8]) -> Outcome {
    let message = framed.split_first_chunk::<PREFIX>();
    let whole = message.filter(|(prefix, message)| {
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
        prefix[0] == 0 && length as usize == message.len()
    });
    let status = whole.and_then(|(_, message)| status(message));
    match status {
        Some(SERVING) => Ok(()),
        Some(0) => Err(Failure::NotServing("UNKNOWN")),
        Some(2) => Err(Failure::NotServing("NOT_SERVING")),
        Some(3) => Err(Failure::NotServing("SERVICE_UNKNOWN")),
        _ => Err(Failure::protocol("the message is no HealthCheckResponse")),
    }
}

/// `HealthCheckResponse.status`: 0 where it is left out.
fn status(message: &[u8]) -> Option<u64> {
    let Some((&tag, rest)) = message.split_first() else {
        return Some(0);
    };
    match rest {
        [value @ 0..=0x7F] if tag == STATUS_TAG => Some(u64::from(*value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_framed() {
        assert_eq!(question(""), [0; 5]);
        assert_eq!(question("ab"), *b"\0\0\0\0\x04\x0a\x02ab");
        let long = question(&"a".repeat(300));
        assert_eq!(long[..8], *b"\0\0\0\x01\x2f\x0a\xac\x02");
        assert_eq!(long.len(), 5 + 303);
    }

    #[test]
    fn only_serving_is_up() {
        assert_eq!(judge(b"\0\0\0\0\x02\x08\x01"), Ok(()));
        for (answer, said) in [
            (&b"\0\0\0\0\0"[..], "the service says UNKNOWN"),
            (b"\0\0\0\0\x02\x08\x02", "the service says NOT_SERVING"),
            (b"\0\0\0\0\x02\x08\x03", "the service says SERVICE_UNKNOWN"),
            (
                b"\0\0\0\0\x02\x08\x04",
                "bad answer: the message is no HealthCheckResponse",
            ),
            (b"", "bad answer: the message is no HealthCheckResponse"),
            (
                b"\x01\0\0\0\x02\x08\x01",
                "bad answer: the message is no HealthCheckResponse",
            ),
            (
                b"\0\0\0\0\x03\x08\x01",
                "bad answer: the message is no HealthCheckResponse",
            ),
        ] {
            let failure = judge(answer).expect_err("not serving");
            assert_eq!(failure.to_string(), said);
        }
    }
}
