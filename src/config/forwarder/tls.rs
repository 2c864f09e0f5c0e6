//! Reads `tls` of listeners and of backends.

use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::reader::{Reader, Table, Value, quoted};
use crate::config::scalar::{boolean, choice, list, path, text};
use crate::config::units::duration;
use crate::config::{At, Place};
use crate::dns::Name;

/// `tls` of a listener.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerTls {
    /// Each is for the names that it says; the first is also for those that ask for another name or none. One at least.
    pub certificates: Vec<CertificateFiles>,
    /// `strict_sni = true`: those that ask for another name or none are refused. Default: false.
    pub strict_sni: bool,
    /// `versions = ["1.2", "1.3"]`. Default: both.
    pub versions: Versions,
    /// What may be spoken, best first (RFC 7301). Default: `["h2", "http/1.1"]`, or with `mode = "tcp"` nothing.
    pub alpn: Vec<String>,
    /// `client_ca` and `client_certificates`. Default: clients are not asked for any.
    pub clients: Option<ClientCertificates>,
    /// How long a handshake may take: 100 ms..=5 min. Default 10 s.
    pub handshake_timeout: Duration,
    pub place: Place,
}

/// `{ chain = "www.pem", key = "www.key" }`: PEM. They are read at the start and at each reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and behind it those that lead from it to a trust anchor.
    pub chain: At<PathBuf>,
    /// PKCS #8, PKCS #1 or SEC1. Others than its owner and group may not read it.
    pub key: At<PathBuf>,
}

/// Versions of TLS: one at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub v1_2: bool,
    pub v1_3: bool,
}

/// What clients show of themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificates {
    /// Trust anchors, PEM.
    pub ca: At<PathBuf>,
    /// `client_certificates = "required"` (the default where there is a `client_ca`), or `"optional"`: who has none is
    /// served, too.
    pub are_required: bool,
}

/// `tls` of a backend: `true`, or a table.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendTls {
    /// Whom the endpoints' certificates must be of. Default: of the endpoint's address.
    pub sni: Option<String>,
    /// Trust anchors, PEM. Default: the machine's.
    pub ca: Option<At<PathBuf>>,
    /// `insecure = true`: any certificate is taken. Default: false.
    pub insecure: bool,
    /// `certificate` and `key`: what is shown of oneself. Default: nothing.
    pub own: Option<CertificateFiles>,
    pub place: Place,
}

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Certificates of one listener.
const CERTIFICATES_MAX: usize = 10_000;
/// Longest name of a protocol (RFC 7301, 3.1).
const ALPN_LEN_MAX: usize = 255;
/// Protocols that are offered.
const ALPN_MAX: usize = 16;

pub(super) fn server_tls<'t>(
    reader: &mut Reader,
    value: &'t Value<'t>,
    is_tcp: bool,
) -> Option<ServerTls> {
    let expected =
        "a table such as { certificates = [{ chain = \"www.pem\", key = \"www.key\" }] }";
    let mut table = Table::of(reader, "`tls`", value, expected)?;
    let place = reader.place(value.span().start);
    let example = "[{ chain = \"www.pem\", key = \"www.key\" }]";
    let certificates = table.required(reader, "certificates", example, |reader, value| {
        let all = list(reader, value, "a list of tables", certificate)?;
        let written = value.get_ref().as_array().map_or(0, |array| array.len());
        if !(1..=CERTIFICATES_MAX).contains(&written) {
            let message = format!("expected 1 to {CERTIFICATES_MAX} certificates, found {written}");
            reader.error(value.span(), message, None);
        }
        Some(all)
    });
    let strict_sni = table.optional(reader, "strict_sni", boolean);
    let versions = table.optional(reader, "versions", versions);
    let alpn = table.optional(reader, "alpn", |r, v| alpn(r, v, is_tcp));
    let clients = clients(reader, &mut table);
    let handshake_timeout = table.optional(reader, "handshake_timeout", |r, v| {
        duration(r, v, Duration::from_millis(100)..=Duration::from_secs(300))
    });
    table.finish(reader);
    Some(ServerTls {
        certificates: certificates?,
        strict_sni: strict_sni.unwrap_or(false),
        versions: versions.unwrap_or(Versions {
            v1_2: true,
            v1_3: true,
        }),
        alpn: alpn.unwrap_or_else(|| match is_tcp {
            true => Vec::new(),
            false => vec!["h2".to_owned(), "http/1.1".to_owned()],
        }),
        clients,
        handshake_timeout: handshake_timeout.unwrap_or(HANDSHAKE_TIMEOUT),
        place,
    })
}

fn certificate<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<CertificateFiles> {
    let expected = "a table such as { chain = \"www.pem\", key = \"www.key\" }";
    let mut table = Table::of(reader, "a certificate", value, expected)?;
    let chain = table.required(reader, "chain", "\"www.pem\"", path);
    let key = table.required(reader, "key", "\"www.key\"", path);
    table.finish(reader);
    Some(CertificateFiles {
        chain: chain?,
        key: key?,
    })
}

fn versions<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Versions> {
    let mut versions = Versions {
        v1_2: false,
        v1_3: false,
    };
    list(
        reader,
        value,
        "a list such as [\"1.2\", \"1.3\"]",
        |reader, value| {
            match choice(reader, value, &[("1.2", false), ("1.3", true)])? {
                false => versions.v1_2 = true,
                true => versions.v1_3 = true,
            }
            Some(())
        },
    )?;
    if value
        .get_ref()
        .as_array()
        .is_some_and(|list| list.is_empty())
    {
        reader.error(value.span(), "expected \"1.2\", \"1.3\" or both", None);
    }
    (versions.v1_2 || versions.v1_3).then_some(versions)
}

fn alpn<'t>(reader: &mut Reader, value: &'t Value<'t>, is_tcp: bool) -> Option<Vec<String>> {
    let all = list(
        reader,
        value,
        "a list such as [\"h2\", \"http/1.1\"]",
        |reader, value| match is_tcp {
            true => {
                let name = text(reader, value, "the name of a protocol such as \"imap\"")?;
                let is_right = name.len() <= ALPN_LEN_MAX;
                if !is_right {
                    let message = format!("longer than {ALPN_LEN_MAX} octets");
                    reader.error(value.span(), message, None);
                }
                is_right.then(|| name.to_owned())
            }
            false => {
                choice(reader, value, &[("h2", "h2"), ("http/1.1", "http/1.1")]).map(str::to_owned)
            }
        },
    )?;
    if all.len() > ALPN_MAX {
        let message = format!("more than {ALPN_MAX} protocols");
        reader.error(value.span(), message, None);
    }
    Some(all)
}

fn clients(reader: &mut Reader, table: &mut Table) -> Option<ClientCertificates> {
    let ca = table.optional(reader, "client_ca", path);
    let are_required = table.optional(reader, "client_certificates", |r, v| {
        choice(r, v, &[("required", true), ("optional", false)])
    });
    if table.key_span("client_ca").is_none() {
        let why = "needs `client_ca`, the trust anchors that lead to those certificates";
        table.refuse(reader, "client_certificates", why);
    }
    Some(ClientCertificates {
        ca: ca?,
        are_required: are_required.unwrap_or(true),
    })
}

/// `Some(None)`: no TLS.
pub(super) fn backend_tls<'t>(
    reader: &mut Reader,
    value: &'t Value<'t>,
) -> Option<Option<BackendTls>> {
    let place = reader.place(value.span().start);
    let plain = BackendTls {
        sni: None,
        ca: None,
        insecure: false,
        own: None,
        place,
    };
    if let DeValue::Boolean(is_wanted) = value.get_ref() {
        return Some(is_wanted.then_some(plain));
    }
    let expected = "`true`, or a table such as { sni = \"www.example.com\" }";
    let mut table = Table::of(reader, "`tls`", value, expected)?;
    let sni = table.optional(reader, "sni", server_name);
    let ca = table.optional(reader, "ca", path);
    let insecure = table.optional(reader, "insecure", boolean).unwrap_or(false);
    if insecure {
        table.refuse(
            reader,
            "ca",
            "has no effect where `insecure` takes any certificate",
        );
    }
    let own = own(reader, &mut table);
    table.finish(reader);
    Some(Some(BackendTls {
        sni,
        ca,
        insecure,
        own,
        ..plain
    }))
}

fn own(reader: &mut Reader, table: &mut Table) -> Option<CertificateFiles> {
    let is_any = ["certificate", "key"]
        .iter()
        .any(|key| table.key_span(key).is_some());
    if !is_any {
        table.know(&["certificate", "key"]);
        return None;
    }
    let chain = table.required(reader, "certificate", "\"client.pem\"", path);
    let key = table.required(reader, "key", "\"client.key\"", path);
    Some(CertificateFiles {
        chain: chain?,
        key: key?,
    })
}

/// A name that certificates can be of; not an address.
fn server_name(reader: &mut Reader, value: &Value) -> Option<String> {
    const EXPECTED: &str = "a name such as \"www.example.com\"";
    let text = text(reader, value, EXPECTED)?;
    let name = text.strip_suffix('.').unwrap_or(text);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    let is_name = Name::parse(name).is_ok_and(|name| name.label_count() > 0);
    if is_name && !is_address && name.bytes().all(allowed) {
        return Some(name.to_ascii_lowercase());
    }
    let message = format!("expected {EXPECTED}, found {}", quoted(text));
    let help = is_address.then(|| "leave it out for the endpoint's own address".to_owned());
    reader.error(value.span(), message, help);
    None
}
