//! How does a response take less room? (RFC 9110, 8.4 and 12.5.3)

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Frame};
use hyper::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, VARY,
};
use hyper::{Method, StatusCode};

use super::body::{BodyError, ResponseBody};
use super::service::Answer;
use crate::model::routing::Compress;

/// Octets that are compressed in one go, so that others get their turn.
const PIECE: usize = 32 * 1024;
/// How far back brotli looks, in binary digits: with more, its memory would be that of whole bodies.
const BROTLI_WINDOW: u32 = 18;
/// Digests of the octets that are sent, which would be of others then (RFC 9530; RFC 3230).
const DIGESTS: [&str; 4] = ["content-digest", "repr-digest", "digest", "content-md5"];

/// What a request says that it takes, in thousandths; 0: not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Codings {
    pub gzip: u16,
    pub brotli: u16,
    identity: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Brotli,
}

impl Coding {
    pub fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Brotli => "br",
        }
    }
}

impl Codings {
    /// Who says nothing of codings gets none, although it might take them (RFC 9110, 12.5.3).
    pub fn accepted(headers: &HeaderMap) -> Self {
        let (mut gzip, mut brotli, mut identity, mut others) = (None, None, None, 0);
        let lines = headers.get_all(ACCEPT_ENCODING).into_iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        for element in lines.flat_map(|line| line.split(',')) {
            let mut parts = element.split(';').map(str::trim);
            let coding = parts.next().unwrap_or_default();
            let weight = parts.next().map_or(1000, weight);
            match () {
                () if coding.eq_ignore_ascii_case("gzip")
                    || coding.eq_ignore_ascii_case("x-gzip") =>
                {
                    gzip = Some(weight);
                }
                () if coding.eq_ignore_ascii_case("br") => brotli = Some(weight),
                () if coding.eq_ignore_ascii_case("identity") => identity = Some(weight),
                () if coding == "*" => others = weight,
                () => {}
            }
        }
        Codings {
            gzip: gzip.unwrap_or(others),
            brotli: brotli.unwrap_or(others),
            // Whatever was not said of it, it is taken where nothing else is.
            identity: identity.unwrap_or(0),
        }
    }

    /// The coding that is liked best; of equal ones, the one that makes less.
    fn choose(self, compress: &Compress) -> Option<Coding> {
        let brotli = compress.brotli.map_or(0, |_| self.brotli);
        let gzip = compress.gzip.map_or(0, |_| self.gzip);
        let (coding, weight) = match brotli >= gzip {
            true => (Coding::Brotli, brotli),
            false => (Coding::Gzip, gzip),
        };
        (weight > 0 && weight >= self.identity).then_some(coding)
    }
}

/// `q=0.5` in thousandths (RFC 9110, 12.4.2); what cannot be read is 0: nothing is done then.
fn weight(written: &str) -> u16 {
    let digits = written
        .strip_prefix("q=")
        .or_else(|| written.strip_prefix("Q="));
    let parsed = digits.and_then(|digits| digits.parse::<f32>().ok());
    parsed
        .filter(|weight| (0.0..=1.0).contains(weight))
        .map_or(0, |weight| (weight * 1000.0) as u16)
}

/// Compresses a response, if it is one that may be, and the client takes it.
pub(super) fn answer(
    compress: &Compress,
    codings: Codings,
    method: &Method,
    answer: Answer,
) -> Answer {
    if answer.status() == StatusCode::NOT_MODIFIED {
        return not_modified(compress, codings, answer);
    }
    if !may_be(compress, method, &answer) {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    // What is sent depends on it, whichever it is this time.
    vary(&mut head.headers);
    let Some(coding) = codings.choose(compress) else {
        return Answer::from_parts(head, body);
    };
    let headers = &mut head.headers;
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    weaken(headers);
    let body = match *method == Method::HEAD {
        true => body.without_length(),
        false => ResponseBody::Compressed(Box::new(Compressed::new(coding, compress, body))),
    };
    Answer::from_parts(head, body)
}

/// A 304 says what the response would say that it stands for (RFC 9110, 15.4.5).
fn not_modified(compress: &Compress, codings: Codings, mut answer: Answer) -> Answer {
    vary(answer.headers_mut());
    if codings.choose(compress).is_some() {
        weaken(answer.headers_mut());
    }
    answer
}

/// Notes that the response depends on `Accept-Encoding`.
pub(super) fn vary(headers: &mut HeaderMap) {
    let lines = headers.get_all(VARY).into_iter();
    let mut names = lines.flat_map(|line| line.as_bytes().split(|&octet| octet == b','));
    let is_said = names.any(|name| {
        let name = name.trim_ascii();
        name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding")
    });
    if !is_said {
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// A strong validator is of the very octets (RFC 9110, 8.8.1).
fn weaken(headers: &mut HeaderMap) {
    let Some(etag) = headers
        .get(ETAG)
        .filter(|etag| !etag.as_bytes().starts_with(b"W/"))
    else {
        return;
    };
    match HeaderValue::from_bytes(&[b"W/", etag.as_bytes()].concat()) {
        Ok(weak) => drop(headers.insert(ETAG, weak)),
        Err(_) => drop(headers.remove(ETAG)),
    }
}

fn may_be(compress: &Compress, method: &Method, answer: &Answer) -> bool {
    let headers = answer.headers();
    let status = answer.status();
    let has_none = status.is_informational()
        || matches!(
            status,
            StatusCode::NO_CONTENT
                | StatusCode::RESET_CONTENT
                | StatusCode::PARTIAL_CONTENT
                | StatusCode::NOT_MODIFIED
        )
        || *method == Method::CONNECT && status.is_success();
    let is_as_it_is =
        !headers.contains_key(CONTENT_ENCODING) && !headers.contains_key(CONTENT_RANGE);
    let may_be_changed = || {
        let lines = headers.get_all(CACHE_CONTROL).into_iter();
        let mut directives = lines.flat_map(|line| line.as_bytes().split(|&octet| octet == b','));
        !directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
            && !DIGESTS.iter().any(|name| headers.contains_key(*name))
    };
    let is_long = || {
        let of_body = answer
            .body()
            .size_hint()
            .exact()
            .filter(|_| *method != Method::HEAD);
        let said = || headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        let length: Option<u64> = of_body.or_else(said);
        length.is_none_or(|length| length >= compress.min_len.max(1))
    };
    !has_none && is_as_it_is && is_of_type(compress, headers) && is_long() && may_be_changed()
}

fn is_of_type(compress: &Compress, headers: &HeaderMap) -> bool {
    let Some(media) = headers.get(CONTENT_TYPE) else {
        return false;
    };
    let mut parts = media.as_bytes().split(|&octet| octet == b';');
    let media = parts.next().unwrap_or_default().trim_ascii();
    compress
        .types
        .iter()
        .any(|wanted| match wanted.strip_suffix('*') {
            Some(start) => {
                let begin = media.get(..start.len());
                begin.is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
            }
            None => media.eq_ignore_ascii_case(wanted.as_bytes()),
        })
}

enum Encoder {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
}

impl Encoder {
    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Encoder::Gzip(encoder) => encoder.write_all(octets),
            Encoder::Brotli(encoder) => encoder.write_all(octets),
        }
    }

    /// Everything that was written can be read from what comes out then.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Encoder::Gzip(encoder) => encoder.flush(),
            Encoder::Brotli(encoder) => encoder.flush(),
        }
    }

    /// What has come out.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Encoder::Gzip(encoder) => encoder.get_mut(),
            Encoder::Brotli(encoder) => encoder.get_mut(),
        })
    }

    /// The last that comes out.
    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Brotli(encoder) => Ok(encoder.into_inner()),
        }
    }
}

/// A body that is compressed on its way. Whenever there is nothing more to be had for the moment, all that there was
/// can be read by the client: events are not held back.
pub(super) struct Compressed {
    body: ResponseBody,
    /// `None`: its last octets were taken.
    encoder: Option<Encoder>,
    /// Octets to be compressed.
    waiting: Bytes,
    /// Whether some were, and did not come out yet.
    holds: bool,
    /// What comes behind the last octets.
    trailers: Option<Frame<Bytes>>,
}

impl Compressed {
    fn new(coding: Coding, compress: &Compress, body: ResponseBody) -> Self {
        let encoder = match coding {
            Coding::Gzip => {
                let level = Compression::new(compress.gzip.unwrap_or_default().into());
                Encoder::Gzip(Box::new(GzEncoder::new(Vec::new(), level)))
            }
            Coding::Brotli => {
                let level = compress.brotli.unwrap_or_default().into();
                let writer = CompressorWriter::new(Vec::new(), PIECE, level, BROTLI_WINDOW);
                Encoder::Brotli(Box::new(writer))
            }
        };
        Compressed {
            body,
            encoder: Some(encoder),
            waiting: Bytes::new(),
            holds: false,
            trailers: None,
        }
    }

    pub fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }

    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let Some(encoder) = &mut self.encoder else {
                return Poll::Ready(self.trailers.take().map(Ok));
            };
            if !self.waiting.is_empty() {
                let piece = self.waiting.split_to(self.waiting.len().min(PIECE));
                self.holds = true;
                if let Err(error) = encoder.write(&piece) {
                    return Poll::Ready(Some(Err(BodyError::Io(error))));
                }
                let out = encoder.take();
                if !out.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(out.into()))));
                }
                continue;
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(octets) => self.waiting = octets,
                    Err(trailers) => self.trailers = Some(trailers),
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => {
                    let out = self.encoder.take().map_or(Ok(Vec::new()), Encoder::finish);
                    let frame = out
                        .map(|out| Frame::data(out.into()))
                        .map_err(BodyError::Io);
                    return Poll::Ready(Some(frame));
                }
                Poll::Pending => {
                    if !std::mem::take(&mut self.holds) {
                        return Poll::Pending;
                    }
                    if let Err(error) = encoder.flush() {
                        return Poll::Ready(Some(Err(BodyError::Io(error))));
                    }
                    let out = encoder.take();
                    return match out.is_empty() {
                        true => Poll::Pending,
                        false => Poll::Ready(Some(Ok(Frame::data(out.into())))),
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::Response;

    use super::*;

    fn compress() -> Compress {
        Compress {
            types: ["text/*".into(), "application/json".into()].into(),
            min_len: 10,
            gzip: Some(6),
            brotli: Some(4),
        }
    }

    #[test]
    fn weights_choose_the_coding() {
        use Coding::{Brotli, Gzip};
        for (written, expected) in [
            (None, None),
            (Some(""), None),
            (Some("gzip"), Some(Gzip)),
            (Some("x-gzip"), Some(Gzip)),
            (Some("gzip, br"), Some(Brotli)),
            (Some("gzip;q=1, br;q=0.5"), Some(Gzip)),
            (Some("GZIP;Q=0.5"), Some(Gzip)),
            (Some("br;q=0, *"), Some(Gzip)),
            (Some("*"), Some(Brotli)),
            (Some("*;q=0"), None),
            (Some("gzip;q=0"), None),
            (Some("gzip;q=x"), None),
            (Some("gzip;q=0.5, identity"), None),
            (Some("gzip, identity;q=0"), Some(Gzip)),
            (Some("deflate"), None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(written) = written {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(written));
            }
            assert_eq!(
                Codings::accepted(&headers).choose(&compress()),
                expected,
                "{written:?}"
            );
        }
    }

    #[test]
    fn what_must_not_be_changed_is_not() {
        let response = |lines: &[(&'static str, &'static str)], status: u16| {
            let mut response = Response::builder().status(status);
            for (name, value) in lines {
                response = response.header(*name, *value);
            }
            response
                .body(ResponseBody::whole("long enough"))
                .expect("a response")
        };
        let html = ("content-type", "Text/HTML; charset=utf-8");
        for (lines, status, may) in [
            (&[html][..], 200, true),
            (&[html], 404, true),
            (&[html], 206, false),
            (&[html], 304, false),
            (&[html, ("content-encoding", "br")], 200, false),
            (
                &[html, ("cache-control", "public, No-Transform")],
                200,
                false,
            ),
            (&[html, ("content-digest", "sha-256=:x:")], 200, false),
            (&[("content-type", "image/png")], 200, false),
            (&[], 200, false),
        ] {
            let answer = response(lines, status);
            assert_eq!(
                may_be(&compress(), &Method::GET, &answer),
                may,
                "{lines:?} {status}"
            );
        }
        let short = Response::builder().header(CONTENT_TYPE, "text/html");
        let short = short
            .body(ResponseBody::whole("short"))
            .expect("a response");
        assert!(!may_be(&compress(), &Method::GET, &short));
    }

    #[test]
    fn validators_become_weak_and_vary_is_said_once() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_static("\"a\""));
        headers.insert(VARY, HeaderValue::from_static("Cookie, accept-encoding"));
        weaken(&mut headers);
        weaken(&mut headers);
        vary(&mut headers);
        assert_eq!(headers[ETAG], "W/\"a\"");
        assert_eq!(headers.get_all(VARY).iter().count(), 1);
    }
}
