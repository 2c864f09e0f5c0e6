//! Connections to probed endpoints.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::allowance::{Allowance, Bounded};
use super::deadline::Deadline;
use super::tls::{Alpn, TlsConfigs};
use crate::clock;
use crate::config::{HttpVersion, Source, TlsProbe, Way};
use crate::health::failure::{Failure, Step};
use crate::proxy_protocol::{self, Ends};
use crate::tls::Certificate;

/// A connection, with the PROXY header sent where one is wanted.
///
/// # Errors
/// Why there is none.
pub async fn connect(
    address: SocketAddr,
    way: &Way,
    deadline: &Deadline,
) -> Result<TcpStream, Failure> {
    let connecting = connect_from(way.source, address);
    let mut stream = deadline.io(Step::Connection, connecting).await?;
    if let Some(version) = way.proxy_protocol {
        let own = stream.local_addr().map_err(|e| Failure::from_io(&e))?;
        let ends = Ends {
            from: own,
            to: address,
        };
        let header = proxy_protocol::local(version, ends);
        let sending = stream.write_all(&header);
        deadline.io(Step::Connection, sending).await?;
    }
    Ok(stream)
}

async fn connect_from(source: Source, address: SocketAddr) -> io::Result<TcpStream> {
    let Some(own) = source.towards(address.ip()) else {
        return TcpStream::connect(address).await;
    };
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // The port is chosen when it connects: else each probe takes one that no other destination can have.
    setsockopt(&socket, IpBindAddressNoPort, &true)?;
    socket.bind(SocketAddr::new(own, 0))?;
    socket.connect(address).await
}

/// A connection with TLS to one that is known as `host`, if it has a name; the certificate must not end too soon.
/// No more is read than is allowed, handshake and records counted.
///
/// # Errors
/// Why there is none. What is wrong here is found before it connects.
pub async fn secure(
    address: SocketAddr,
    way: &Way,
    settings: &TlsProbe,
    host: Option<&str>,
    (known, alpn): (&TlsConfigs, Alpn),
    allowance: &Allowance,
    deadline: &Deadline,
) -> Result<TlsStream<Bounded<TcpStream>>, Failure> {
    let name = server_name(settings, host, address)?;
    let connector = TlsConnector::from(known.get(settings, alpn)?);
    let stream = connect(address, way, deadline).await?;
    let shaking = connector.connect(name, allowance.on(stream));
    let stream = deadline.within(Step::Handshake, shaking).await?;
    let stream = stream.map_err(|error| Failure::from_error(&error))?;
    let (_, connection) = stream.get_ref();
    // Some servers go on where nothing that they speak is offered, and answer in a version of their own.
    if alpn == Alpn::Http(HttpVersion::Two) && connection.alpn_protocol() != Some(b"h2") {
        return Err(Failure::Tls("the server does not offer HTTP/2".into()));
    }
    if let Some(least) = settings.valid_for {
        let own = connection.peer_certificates().and_then(|all| all.first());
        let own = own.ok_or_else(|| Failure::Tls("no certificate".into()))?;
        let now_unix_s = clock::unix_ms() / 1000;
        check_end(own, least, now_unix_s)?;
    }
    Ok(stream)
}

/// Whether a certificate is valid for at least `least` from now on.
///
/// # Errors
/// That it ends sooner, or that it cannot be read.
fn check_end(certificate: &[u8], least: Duration, now_unix_s: u64) -> Result<(), Failure> {
    let Some(Certificate { ends, .. }) = Certificate::read(certificate) else {
        return Err(Failure::Tls(
            "the end of the certificate cannot be read".into(),
        ));
    };
    let needed = i64::try_from(now_unix_s + least.as_secs()).unwrap_or(i64::MAX);
    match ends.unix_s() < needed {
        true => Err(Failure::CertificateEnds {
            at: ends.to_string(),
            least,
        }),
        false => Ok(()),
    }
}

/// Whom a certificate must be of: the server name, else the host (a name with or without a port), else the
/// address. An address in place of a name means the endpoint's own.
///
/// # Errors
/// [`Failure::Local`] when what is written is no name.
fn server_name(
    tls: &TlsProbe,
    host: Option<&str>,
    address: SocketAddr,
) -> Result<ServerName<'static>, Failure> {
    let written = tls.sni.as_deref().or(host.map(without_port));
    let own = ServerName::IpAddress(address.ip().into());
    let Some(written) = written.filter(|text| !text.starts_with('[')) else {
        return Ok(own);
    };
    match ServerName::try_from(written.to_owned()) {
        Ok(name @ ServerName::DnsName(_)) => Ok(name),
        Ok(_) => Ok(own),
        Err(error) => Err(Failure::Local(format!("server name {written:?}: {error}"))),
    }
}

/// `a.example:8443` -> `a.example`. IPv6 addresses stay in their brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(host: Option<&str>, sni: Option<&str>) -> Result<String, Failure> {
        let tls = TlsProbe {
            sni: sni.map(str::to_owned),
            ..TlsProbe::default()
        };
        let address = "192.0.2.1:8443".parse().expect("an address");
        server_name(&tls, host, address).map(|name| name.to_str().into_owned())
    }

    #[test]
    fn a_certificate_must_be_as_far_from_its_end_as_is_wanted() {
        let mut params =
            rcgen::CertificateParams::new(vec!["a.example".into()]).expect("parameters");
        params.not_after = rcgen::date_time_ymd(2030, 3, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let day = 86_400;
        let week = Duration::from_secs(7 * day);
        let at = |now| check_end(certificate.der(), week, now);
        assert_eq!(at(1_898_553_600 - 7 * day), Ok(()));
        let failure = at(1_898_553_601 - 7 * day).expect_err("it ends");
        assert_eq!(
            failure.to_string(),
            "the certificate ends at 2030-03-01 00:00 UTC, in less than 7 d"
        );
    }

    #[test]
    fn tls_asks_for_sni_then_host_then_the_address() {
        let named = Ok("a.example".to_owned());
        assert_eq!(name(Some("b.example"), Some("a.example")), named);
        assert_eq!(name(Some("a.example:444"), None), named);
        assert_eq!(name(None, None), Ok("192.0.2.1".into()));
    }

    #[test]
    fn an_address_as_a_name_means_the_endpoints_own() {
        for other in [
            "198.51.100.7",
            "[2001:db8::1]",
            "198.51.100.7:80",
            "[::1]:8",
        ] {
            assert_eq!(name(Some(other), None), Ok("192.0.2.1".into()), "{other}");
        }
    }

    #[test]
    fn a_name_that_is_no_name_is_refused_with_the_reason() {
        let failure = name(None, Some("a b")).expect_err("no name");
        assert!(failure.is_local() && failure.to_string().contains("a b"));
    }
}
