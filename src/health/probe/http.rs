//! The HTTP and HTTPS probe: a request, its status and perhaps its body.
//!
//! A target may be hostile. The monitor's timeout bounds an attempt's time, [`HttpProbe::body_limit`]
//! what is read of the body, [`session`](super::session) the head of the answer, and [`Allowance`] all that comes.
//! Nothing is ever unpacked.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request};
use reqwest::Url;

use super::allowance::Allowance;
use super::body::BodySearch;
use super::deadline::Deadline;
use super::dial;
use super::session::{Answer, Session};
use super::tls::{Alpn, TlsConfigs};
use super::told::{self, Told};
use super::{Ask, Asking, Outcome};
use crate::config::{HttpMethod, HttpProbe, HttpVersion, LoadFrom};
use crate::health::failure::Failure;
use crate::health::target::default_host;

pub const AGENT: &str = concat!("meridian/", env!("CARGO_PKG_VERSION"));

/// Asks one address over HTTP or HTTPS.
#[derive(Debug)]
pub struct HttpAsker {
    address: SocketAddr,
    timeout: Duration,
    probe: HttpProbe,
    tls: TlsConfigs,
    allowance: Allowance,
    /// The connection of the last attempt, where it may be used again.
    kept: Option<Session>,
    told: Option<Told>,
}

impl HttpAsker {
    pub fn new(address: SocketAddr, timeout: Duration, probe: HttpProbe, tls: TlsConfigs) -> Self {
        let allowance = Allowance::new(probe.body_limit as usize);
        HttpAsker {
            address,
            timeout,
            probe,
            tls,
            allowance,
            kept: None,
            told: None,
        }
    }

    async fn attempt(&mut self) -> Outcome {
        let deadline = Deadline::new(self.timeout);
        self.allowance.renew();
        let mut url = url(&self.probe, self.address)?;
        for _ in 0..=self.probe.redirects {
            let (session, mut answer) = self.get(&url, &deadline).await?;
            let Some(next) = self.redirect(&answer, &url)? else {
                self.judge(&mut answer, &deadline).await?;
                self.keep(session, answer, &deadline).await;
                return Ok(());
            };
            url = next;
            self.keep(session, answer, &deadline).await;
        }
        Err(Failure::redirected(url.as_str()))
    }

    /// Asks on the connection that was kept, or else on a new one.
    async fn get(&mut self, url: &Url, deadline: &Deadline) -> Result<(Session, Answer), Failure> {
        if let Some(mut kept) = self.kept.take().filter(Session::is_open) {
            match kept.ask(self.request(url)?, deadline).await {
                Ok(answer) => return Ok((kept, answer)),
                Err(late @ Failure::TimedOut { .. }) => return Err(late),
                // It may have been closed for having been idle, which is nobody's fault.
                Err(_) => {}
            }
        }
        let mut session = self.dial(deadline).await?;
        let answer = session.ask(self.request(url)?, deadline).await?;
        Ok((session, answer))
    }

    async fn dial(&self, deadline: &Deadline) -> Result<Session, Failure> {
        let HttpProbe {
            way, version, host, ..
        } = &self.probe;
        let Some(tls) = &self.probe.tls else {
            let stream = dial::connect(self.address, way, deadline).await?;
            let stream = self.allowance.on(stream);
            return Session::open(stream, *version, deadline).await;
        };
        let (host, known) = (host.as_deref(), (&self.tls, Alpn::Http(*version)));
        let (address, allowance) = (self.address, &self.allowance);
        let stream = dial::secure(address, way, tls, host, known, allowance, deadline).await?;
        Session::open(stream, *version, deadline).await
    }

    fn request(&self, url: &Url) -> Result<Request<Full<Bytes>>, Failure> {
        let method = match self.probe.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Head => Method::HEAD,
        };
        let mut target = url.path().to_owned();
        if let Some(query) = url.query() {
            target = target + "?" + query;
        }
        let host = host(&self.probe, self.address);
        let mut request = Request::builder().method(method);
        request = match self.probe.version {
            HttpVersion::One => request.uri(target).header(HOST, host),
            HttpVersion::Two => request.uri(format!("{}://{host}{target}", url.scheme())),
        };
        if self.probe.version == HttpVersion::One && !self.probe.reuse {
            request = request.header(CONNECTION, HeaderValue::from_static("close"));
        }
        for (name, value) in &self.probe.headers {
            request = request.header(name, value);
        }
        if !self
            .probe
            .headers
            .iter()
            .any(|(name, _)| USER_AGENT == **name)
        {
            request = request.header(USER_AGENT, HeaderValue::from_static(AGENT));
        }
        let request = request.body(Full::default());
        request.map_err(|error| Failure::Local(error.to_string()))
    }

    /// Where the answer leads, if redirects are followed and it is one.
    fn redirect(&self, answer: &Answer, asked: &Url) -> Result<Option<Url>, Failure> {
        let status = answer.head.status();
        if self.probe.redirects == 0 || !status.is_redirection() || self.accepts(status.as_u16()) {
            return Ok(None);
        }
        let Some(location) = answer.head.headers().get(LOCATION) else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(location.as_bytes());
        let to = asked.join(&text).ok();
        match to.filter(|to| is_here(to, asked, self.address)) {
            Some(to) => Ok(Some(to)),
            None => Err(Failure::redirected(&text)),
        }
    }

    fn accepts(&self, status: u16) -> bool {
        let ranges = &self.probe.expect_status;
        ranges
            .iter()
            .any(|&(first, last)| (first..=last).contains(&status))
    }

    /// Whether the answer is one of those expected. Of its body no more is read than that takes.
    async fn judge(&mut self, answer: &mut Answer, deadline: &Deadline) -> Outcome {
        let status = answer.head.status().as_u16();
        if !self.accepts(status) {
            return Err(Failure::Status(status));
        }
        let mut body = Vec::new();
        if let Some(wanted) = &self.probe.expect_body {
            contains(answer, wanted, &self.probe, &mut body, deadline).await?;
        }
        if let Some(from) = &self.probe.load {
            let limit = self.probe.body_limit as usize;
            self.told = Some(told::read(from, answer, body, limit, deadline).await);
        }
        Ok(())
    }

    /// Keeps the connection for the next attempt, if that is wanted and the answer comes to its end.
    async fn keep(&mut self, session: Session, mut answer: Answer, deadline: &Deadline) {
        let mut left = self.probe.body_limit as usize;
        while self.probe.reuse {
            match answer.piece(deadline).await {
                Ok(Some(piece)) if piece.len() <= left => left -= piece.len(),
                Ok(None) => {
                    self.kept = Some(session);
                    return;
                }
                _ => return,
            }
        }
    }
}

impl Ask for HttpAsker {
    fn ask(&mut self) -> Asking<'_> {
        self.told = None;
        Box::pin(self.attempt())
    }

    fn take_told(&mut self) -> Option<Told> {
        self.told.take()
    }
}

/// What is asked for, by the name that it is asked by. Connections go to the address, whatever it says.
fn url(probe: &HttpProbe, address: SocketAddr) -> Result<Url, Failure> {
    let scheme = if probe.tls.is_some() { "https" } else { "http" };
    let text = format!("{scheme}://{}{}", host(probe, address), probe.path);
    Url::parse(&text).map_err(|e| Failure::Local(format!("{text}: {e}")))
}

/// The `Host` header.
fn host(probe: &HttpProbe, address: SocketAddr) -> String {
    let default_port = if probe.tls.is_some() { 443 } else { 80 };
    let written = probe.host.clone();
    written.unwrap_or_else(|| default_host(address, default_port))
}

/// Whether a URL means who was asked: by the same name, or by the address.
fn is_here(to: &Url, asked: &Url, address: SocketAddr) -> bool {
    let by_address = Url::parse(&format!("{}://{address}", asked.scheme())).ok();
    to.origin() == asked.origin() || by_address.is_some_and(|url| url.origin() == to.origin())
}

/// Looks for a text in the body. What is read of one that tells the load is added to `kept`.
async fn contains(
    answer: &mut Answer,
    wanted: &str,
    probe: &HttpProbe,
    kept: &mut Vec<u8>,
    deadline: &Deadline,
) -> Outcome {
    let mut search = BodySearch::new(wanted.as_bytes());
    let mut left = probe.body_limit as usize;
    while left > 0 {
        let Some(piece) = answer.piece(deadline).await? else {
            break;
        };
        let piece = &piece[..piece.len().min(left)];
        if matches!(probe.load.as_deref(), Some(LoadFrom::Json(_))) {
            kept.extend_from_slice(piece);
        }
        if search.found_in(piece) {
            return Ok(());
        }
        left -= piece.len();
    }
    Err(Failure::BodyLacks {
        expected: wanted.to_owned(),
        read: probe.body_limit - left as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(host: Option<&str>) -> HttpProbe {
        HttpProbe {
            host: host.map(str::to_owned),
            ..HttpProbe::get("/health?deep=1")
        }
    }

    fn url_of(host: Option<&str>, address: &str) -> Url {
        let address = address.parse().expect("an address");
        url(&probe(host), address).expect("a URL")
    }

    #[test]
    fn the_url_is_by_the_host_or_by_the_address() {
        let of = |host, address| url_of(host, address).to_string();
        let address = "[2001:db8::1]:80";
        assert_eq!(of(None, address), "http://[2001:db8::1]/health?deep=1");
        assert_eq!(
            of(Some("a.example"), address),
            "http://a.example/health?deep=1"
        );
        assert_eq!(
            of(None, "192.0.2.1:8080"),
            "http://192.0.2.1:8080/health?deep=1"
        );
    }

    #[test]
    fn redirects_stay_with_the_name_or_the_address_and_the_scheme() {
        let address = "192.0.2.1:8080".parse().expect("an address");
        let asked = url_of(Some("a.example"), "192.0.2.1:8080");
        for (location, expected) in [
            ("/ready", true),
            ("ready", true),
            ("http://a.example/ready", true),
            ("http://A.example:80/ready", true),
            ("http://192.0.2.1:8080/ready", true),
            ("//a.example/ready", true),
            ("http://a.example:81/ready", false),
            ("https://a.example/ready", false),
            ("//b.example/", false),
            ("http://192.0.2.1/", false),
            ("http://a.example@b.example/", false),
            ("file:///etc/passwd", false),
        ] {
            let to = asked.join(location).expect("a URL");
            assert_eq!(is_here(&to, &asked, address), expected, "{location}");
        }
    }
}
