//! What are backends told of a client's certificate?

use std::fmt::Write;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::tls::{AltName, Certificate};

const SUBJECT: HeaderName = HeaderName::from_static("x-client-cert-subject");
const NAMES: HeaderName = HeaderName::from_static("x-client-cert-san");
/// What others tell such things by (RFC 9440), and backends may know.
const CERTIFICATE: HeaderName = HeaderName::from_static("client-cert");
const CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// Octets of each of them that backends are told at most. Names that do not fit are left out, so that a certificate with
/// very many makes no header that backends refuse.
const LEN_MAX: usize = 4096;

/// Whose a certificate is that was verified.
#[derive(Debug)]
pub(super) struct Shown {
    subject: HeaderValue,
    names: Option<HeaderValue>,
}

impl Shown {
    pub fn new(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::read(der)?;
        let mut subject = certificate.subject();
        // Part of a name is another name.
        if subject.len() > LEN_MAX {
            subject.clear();
        }
        let mut names = String::new();
        for name in certificate.names() {
            let len = names.len();
            write_name(&mut names, name);
            if names.len() > LEN_MAX {
                names.truncate(len);
                break;
            }
        }
        Some(Shown {
            subject: HeaderValue::from_str(&subject).ok()?,
            names: match names.is_empty() {
                true => None,
                false => HeaderValue::from_str(&names).ok(),
            },
        })
    }
}

/// `DNS:a.example`, behind a comma if it is not the first. What could be taken for another name is escaped.
fn write_name(text: &mut String, name: AltName<'_>) {
    if !text.is_empty() {
        *text += ",";
    }
    let (kind, value) = match name {
        AltName::Dns(name) => ("DNS", name),
        AltName::Email(name) => ("email", name),
        AltName::Uri(name) => ("URI", name),
        AltName::Address(address) => {
            let _ = write!(text, "IP:{address}");
            return;
        }
    };
    *text += kind;
    *text += ":";
    for octet in value.bytes() {
        match octet {
            b',' | b'\\' => drop(write!(text, "\\{octet:02X}")),
            b'!'..=b'~' => text.push(char::from(octet)),
            _ => drop(write!(text, "\\{octet:02X}")),
        }
    }
}

/// What of a certificate is said in.
pub(super) const TOLD: [HeaderName; 4] = [SUBJECT, NAMES, CERTIFICATE, CHAIN];

/// Tells backends whose certificate the client has shown. What a client says of that itself goes no further.
pub(super) fn tell(headers: &mut HeaderMap, shown: Option<&Shown>) {
    for name in TOLD {
        headers.remove(name);
    }
    if let Some(shown) = shown {
        headers.insert(SUBJECT, shown.subject.clone());
        if let Some(names) = &shown.names {
            headers.insert(NAMES, names.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    #[test]
    fn what_clients_say_of_their_certificates_goes_no_further() {
        let mut headers = HeaderMap::new();
        for name in [
            "x-client-cert-subject",
            "x-client-cert-san",
            "client-cert",
            "x-client-cert",
        ] {
            headers.insert(name, HeaderValue::from_static("CN=root"));
        }
        tell(&mut headers, None);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-client-cert"]);
    }

    #[test]
    fn whose_a_certificate_is_stands_in_headers() {
        let mut params = CertificateParams::new(vec!["a.example".into(), "192.0.2.1".into()])
            .expect("parameters");
        let uri = "spiffe://a/b,DNS:root".try_into().expect("a URI");
        params.subject_alt_names.push(SanType::URI(uri));
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "client");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let shown = Shown::new(certificate.der()).expect("a certificate");
        let mut headers = HeaderMap::new();
        tell(&mut headers, Some(&shown));
        assert_eq!(headers["x-client-cert-subject"], "CN=client");
        assert_eq!(
            headers["x-client-cert-san"],
            r"DNS:a.example,IP:192.0.2.1,URI:spiffe://a/b\2CDNS:root"
        );
    }
}
