//! The HTTP and HTTPS probe: one request on a fresh connection, its status and perhaps its body.
//!
//! A target may be hostile. The monitor's timeout bounds an attempt's time, [`HttpProbe::body_limit`]
//! what is read of the body, and hyper the head of the answer (100 fields; about 400 KiB).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::header::{CONNECTION, HOST, HeaderMap, HeaderValue};
use reqwest::{Client, Response, Url};

use super::body::BodySearch;
use super::tls::TlsConfigs;
use super::told::{self, Told};
use super::{Ask, Asking, Outcome, Whereabouts};
use crate::config::{HttpProbe, LoadFrom};
use crate::health::failure::{Failure, Step};
use crate::health::target::{TargetSpec, Whom};

const USER_AGENT: &str = concat!("meridian/", env!("CARGO_PKG_VERSION"));

/// Asks one target over HTTP or HTTPS.
pub struct HttpAsker {
    whom: Whom,
    timeout: Duration,
    probe: HttpProbe,
    tls: TlsConfigs,
    whereabouts: Whereabouts,
    /// Made at the first attempt, retried while it cannot be made, and made anew for another address.
    client: Option<(Client, Url, SocketAddr)>,
    told: Option<Told>,
}

impl HttpAsker {
    pub fn new(
        spec: &TargetSpec,
        probe: HttpProbe,
        tls: TlsConfigs,
        whereabouts: Whereabouts,
    ) -> Self {
        HttpAsker {
            whom: spec.whom.clone(),
            timeout: spec.monitor.timeout,
            probe,
            tls,
            whereabouts,
            client: None,
            told: None,
        }
    }

    async fn attempt(&mut self) -> Outcome {
        let deadline = tokio::time::sleep(self.timeout);
        tokio::pin!(deadline);
        let timed_out = |step| Failure::TimedOut {
            after: self.timeout,
            step,
        };
        let address = tokio::select! {
            address = self.whereabouts.of(&self.whom, self.timeout) => address?,
            () = &mut deadline => return Err(timed_out(Step::Address)),
        };
        let made = match self.client.take() {
            Some(made) if made.2 == address => made,
            _ => self.make_client(address)?,
        };
        let (client, url, _) = self.client.insert(made);
        let response = tokio::select! {
            response = client.get(url.clone()).send() => response,
            () = &mut deadline => return Err(timed_out(Step::Answer)),
        };
        let mut response = response.map_err(|e| Failure::from_http(&e))?;
        let mut body = Vec::new();
        tokio::select! {
            outcome = check(&mut response, &self.probe, &mut body) => outcome?,
            () = &mut deadline => return Err(timed_out(Step::Body)),
        }
        if let Some(from) = &self.probe.load {
            let limit = self.probe.body_limit as usize;
            self.told = Some(tokio::select! {
                told = told::read(from, &mut response, body, limit) => told,
                () = &mut deadline => Err(format!("the body was not there after {:?}", self.timeout)),
            });
        }
        Ok(())
    }

    fn make_client(&self, address: SocketAddr) -> Result<(Client, Url, SocketAddr), Failure> {
        let local = |why: String| Failure::Local(why);
        let url = url(&self.probe, &self.whom, address).map_err(local)?;
        let mut client = Client::builder()
            .tls_backend_preconfigured(self.tls.get(self.probe.tls.as_ref())?)
            .user_agent(USER_AGENT)
            .default_headers(headers(&self.probe, &self.whom).map_err(local)?)
            // A kept connection would hide that nobody accepts new ones.
            .pool_max_idle_per_host(0)
            .http1_only()
            .no_proxy()
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none());
        if let Some(name) = url.domain() {
            client = client.resolve(name, address);
        }
        let client = client.build().map_err(|e| local(e.to_string()))?;
        Ok((client, url, address))
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

/// The URL of a probe. Its host is what TLS asks for, while the connection goes to `address`; an
/// address in its place is always `address` itself, so that no probe can be led elsewhere.
fn url(probe: &HttpProbe, whom: &Whom, address: SocketAddr) -> Result<Url, String> {
    let parse = |scheme: &str, host: &str| {
        let text = format!("{scheme}://{host}:{}{}", address.port(), probe.path);
        Url::parse(&text).map_err(|e| format!("{text}: {e}"))
    };
    let by_address = |scheme| match address.ip() {
        IpAddr::V4(ip) => parse(scheme, &ip.to_string()),
        IpAddr::V6(ip) => parse(scheme, &format!("[{ip}]")),
    };
    let Some(tls) = &probe.tls else {
        return by_address("http");
    };
    let named = match (&tls.sni, &probe.host) {
        (Some(sni), _) => Some(parse("https", sni)?),
        (None, Some(host)) => Some(parse("https", without_port(host))?),
        (None, None) => match whom.name() {
            Some(name) => Some(parse("https", &name)?),
            None => None,
        },
    };
    match named {
        Some(url) if url.domain().is_some() => Ok(url),
        _ => by_address("https"),
    }
}

/// `a.example:8443` -> `a.example`. IPv6 addresses stay in their brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn headers(probe: &HttpProbe, whom: &Whom) -> Result<HeaderMap, String> {
    let default_port = if probe.tls.is_some() { 443 } else { 80 };
    let host = match &probe.host {
        Some(host) => host.clone(),
        None => whom.host(default_port),
    };
    let host = HeaderValue::from_str(&host).map_err(|e| format!("host {host:?}: {e}"))?;
    let close = HeaderValue::from_static("close");
    Ok(HeaderMap::from_iter([(HOST, host), (CONNECTION, close)]))
}

/// Whether the answer is one of those expected. The rest of it is not read. What is read of a body that tells
/// the load is added to `kept`.
async fn check(response: &mut Response, probe: &HttpProbe, kept: &mut Vec<u8>) -> Outcome {
    let status = response.status().as_u16();
    let accepted = |&(first, last): &(u16, u16)| (first..=last).contains(&status);
    if !probe.expect_status.iter().any(accepted) {
        return Err(Failure::Status(status));
    }
    let Some(wanted) = &probe.expect_body else {
        return Ok(());
    };
    let mut search = BodySearch::new(wanted);
    let mut left = probe.body_limit as usize;
    while left > 0 {
        let piece = response.chunk().await;
        let Some(piece) = piece.map_err(|e| Failure::from_http(&e))? else {
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
        expected: wanted.clone(),
        read: probe.body_limit - left as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsProbe;
    use crate::dns::Name;

    fn probe(host: Option<&str>, sni: Option<&str>) -> HttpProbe {
        HttpProbe {
            tls: Some(TlsProbe {
                sni: sni.map(str::to_owned),
                ca: None,
                insecure: false,
            }),
            path: "/health?deep=1".into(),
            host: host.map(str::to_owned),
            expect_status: vec![(200, 299)],
            expect_body: None,
            body_limit: 65_536,
            load: None,
        }
    }

    fn url_of(probe: &HttpProbe, address: &str) -> String {
        let address = address.parse().expect("an address");
        let url = url(probe, &Whom::Address(address), address);
        url.expect("a URL").to_string()
    }

    #[test]
    fn tls_asks_for_sni_then_host_then_the_address() {
        let address = "192.0.2.1:8443";
        let of = |host, sni| url_of(&probe(host, sni), address);
        let named = "https://a.example:8443/health?deep=1";
        assert_eq!(of(Some("b.example"), Some("a.example")), named);
        assert_eq!(of(Some("a.example:444"), None), named);
        assert_eq!(of(None, None), "https://192.0.2.1:8443/health?deep=1");
    }

    #[test]
    fn a_target_that_is_known_by_name_is_asked_for_by_it() {
        let address = "192.0.2.1:8443".parse().expect("an address");
        let whom = Whom::Name(Name::parse("cdn.example.net").expect("a name"), 8443);
        let of = |host, sni| url(&probe(host, sni), &whom, address).map(String::from);
        let named = |name: &str| Ok(format!("https://{name}:8443/health?deep=1"));
        assert_eq!(of(None, None), named("cdn.example.net"));
        assert_eq!(of(Some("a.example"), None), named("a.example"));
        assert_eq!(of(None, Some("b.example")), named("b.example"));
        let host = headers(&probe(None, None), &whom).expect("headers");
        assert_eq!(host[HOST], "cdn.example.net:8443");
    }

    #[test]
    fn a_host_that_is_an_address_never_leads_the_probe_elsewhere() {
        let expected = "https://192.0.2.1:8443/health?deep=1";
        for elsewhere in ["198.51.100.7", "[2001:db8::1]", "198.51.100.7:80", "0x7f.1"] {
            let probe = probe(Some(elsewhere), None);
            assert_eq!(url_of(&probe, "192.0.2.1:8443"), expected, "{elsewhere}");
        }
    }

    #[test]
    fn a_name_that_is_no_name_is_refused_with_the_reason() {
        let address = "192.0.2.1:443".parse().expect("an address");
        let whom = Whom::Address(address);
        let error = url(&probe(None, Some("a b")), &whom, address).expect_err("no URL");
        assert!(error.contains("a b"), "{error}");
    }

    #[test]
    fn without_tls_the_host_is_only_a_header() {
        let mut probe = probe(Some("a.example"), None);
        probe.tls = None;
        assert_eq!(
            url_of(&probe, "[2001:db8::1]:80"),
            "http://[2001:db8::1]/health?deep=1"
        );
    }
}
