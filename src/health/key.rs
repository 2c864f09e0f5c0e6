//! The meaning of a probe as text: what tells targets apart, outlives restarts and is shown.

use std::fmt::Display;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::target::Whom;
use crate::config::{
    DnsProbe, GrpcProbe, HttpMethod, HttpProbe, HttpVersion, LoadFrom, Monitor, ProbeKind,
    ProxyProtocol, Source, TlsProbe, Way,
};
use crate::model::TargetKey;

/// The key of what a monitor asks at an address; `None` for one that does not probe.
pub fn key(monitor: &Monitor, whom: &Whom) -> Option<TargetKey> {
    let mut key = match &monitor.probe {
        ProbeKind::Http(probe) => http(probe, whom),
        ProbeKind::Tcp(probe) => {
            let mut words = Words::new(format!("tcp://{whom}"));
            words.add_secret("send", &probe.send);
            if !probe.expect.is_empty() {
                words.add("expect", probe.expect.escape_ascii());
                words.add("within", probe.limit);
            }
            words.with_way(&probe.way)
        }
        ProbeKind::Tls(probe) => {
            let words = Words::new(format!("tls://{whom}"));
            words.with_tls(&probe.tls).with_way(&probe.way)
        }
        ProbeKind::Grpc(probe) => grpc(probe, whom),
        ProbeKind::Dns(probe) => dns(probe, whom),
        ProbeKind::Udp(probe) => {
            let mut words = Words::new(format!("udp://{whom}"));
            words.add_secret("send", &probe.send);
            if !probe.expect.is_empty() {
                words.add("expect", probe.expect.escape_ascii());
            }
            words.with_source(probe.source)
        }
        ProbeKind::Icmp(source) => {
            Words::new(format!("icmp://{}", place(whom))).with_source(*source)
        }
        ProbeKind::Command(probe) => {
            let mut words = Words::new(format!("command://{whom}"));
            words.add("run", probe.program.to_string_lossy());
            for argument in &probe.arguments {
                words.add("with", argument);
            }
            words
        }
        ProbeKind::File(probe) => {
            let mut words = Words::new(format!("file://{}", place(whom)));
            words.add("path", probe.path.to_string_lossy());
            if let Some(max_age) = probe.max_age {
                words.add("max-age", format_args!("{max_age:?}"));
            }
            words
        }
        ProbeKind::Calculated(_) | ProbeKind::Push(_) | ProbeKind::None => return None,
    };
    key.0.push_str(&format!(
        " every={:?} timeout={:?} jitter={} rise={} fall={}",
        monitor.interval, monitor.timeout, monitor.jitter, monitor.rise, monitor.fall
    ));
    key.0.push_str(&monitor.options.key());
    Some(TargetKey(key.0.into()))
}

/// A key as far as it is written.
struct Words(String);

impl Words {
    fn new(first: impl Display) -> Self {
        Words(word(&first.to_string()))
    }

    fn add(&mut self, name: &str, value: impl Display) {
        let value = word(&value.to_string());
        self.0.push_str(&format!(" {name}={value}"));
    }

    /// What may be a secret, which is not shown: only whether it is the same. Nothing where it is empty.
    fn add_secret(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            let mut hasher = SipHasher13::new();
            hasher.write(value);
            let hash = hasher.finish128().as_u128();
            self.add(name, format_args!("#{hash:032x}"));
        }
    }

    fn with_source(mut self, source: Source) -> Self {
        if let Some(v4) = source.v4 {
            self.add("from", v4);
        }
        if let Some(v6) = source.v6 {
            self.add("from", v6);
        }
        self
    }

    fn with_way(mut self, way: &Way) -> Self {
        self = self.with_source(way.source);
        match way.proxy_protocol {
            Some(ProxyProtocol::V1) => self.add("proxy", "v1"),
            Some(ProxyProtocol::V2) => self.add("proxy", "v2"),
            None => {}
        }
        self
    }

    fn with_tls(mut self, tls: &TlsProbe) -> Self {
        if let Some(sni) = &tls.sni {
            self.add("sni", sni);
        }
        if let Some(ca) = &tls.ca {
            self.add("ca", ca.value.to_string_lossy());
        }
        if tls.insecure {
            self.add("certificate", "any");
        }
        if let Some(least) = tls.valid_for {
            self.add("valid", format_args!("{least:?}"));
        }
        self
    }
}

fn http(probe: &HttpProbe, whom: &Whom) -> Words {
    let scheme = if probe.tls.is_some() { "https" } else { "http" };
    let mut words = Words::new(format!("{scheme}://{whom}{}", probe.path));
    if let Some(host) = &probe.host {
        words.add("host", host);
    }
    if let Some(tls) = &probe.tls {
        words = words.with_tls(tls);
    }
    if probe.version == HttpVersion::Two {
        words.add("version", 2);
    }
    if probe.method == HttpMethod::Head {
        words.add("method", "HEAD");
    }
    for (name, value) in &probe.headers {
        // An empty value is no secret, and a field all the same.
        match value.is_empty() {
            true => words.add(&format!("header:{name}"), ""),
            false => words.add_secret(&format!("header:{name}"), value.as_bytes()),
        }
    }
    if probe.redirects > 0 {
        words.add("redirects", probe.redirects);
    }
    if probe.reuse {
        words.add("connection", "kept");
    }
    words.add("expect", status_ranges(&probe.expect_status));
    if let Some(body) = &probe.expect_body {
        words.add("body", body);
        words.add("within", probe.body_limit);
    }
    match probe.load.as_deref() {
        Some(LoadFrom::Header(name)) => words.add("load-header", name),
        Some(LoadFrom::Json(pointer)) => {
            words.add("load-json", pointer);
            words.add("of", probe.body_limit);
        }
        None => {}
    }
    words.with_way(&probe.way)
}

fn grpc(probe: &GrpcProbe, whom: &Whom) -> Words {
    let scheme = if probe.tls.is_some() { "grpcs" } else { "grpc" };
    let mut words = Words::new(format!("{scheme}://{whom}/{}", probe.service));
    if let Some(host) = &probe.host {
        words.add("host", host);
    }
    if let Some(tls) = &probe.tls {
        words = words.with_tls(tls);
    }
    words.with_way(&probe.way)
}

fn dns(probe: &DnsProbe, whom: &Whom) -> Words {
    let over = if probe.over_tcp { "dns-tcp" } else { "dns" };
    let mut words = Words::new(format!("{over}://{whom}/{}", probe.name));
    words.add("type", probe.rtype);
    words.add("rcode", probe.rcode);
    if let Some(answer) = &probe.answer {
        words.add("answer", answer);
    }
    words.with_source(probe.source)
}

/// Where there is no port.
fn place(whom: &Whom) -> String {
    match whom {
        Whom::Address(address) => address.ip().to_string(),
        Whom::Name(..) => whom.name().unwrap_or_default(),
    }
}

fn status_ranges(ranges: &[(u16, u16)]) -> String {
    let range = |&(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

/// The text as it is where it stands out as one word, else quoted: so that no value can pass for
/// another field.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '"';
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::config::{At, CommandProbe, FileProbe, HandshakeProbe, Place, TcpProbe, UdpProbe};
    use crate::health::target::tests::monitor;

    fn key_of(probe: ProbeKind) -> String {
        let whom = Whom::Address("127.0.10.1:8080".parse().expect("an address"));
        let key = key(&monitor(probe), &whom).expect("a key");
        key.to_string()
    }

    fn http() -> HttpProbe {
        HttpProbe::get("/healthz")
    }

    #[test]
    fn the_key_states_the_meaning_in_words() {
        assert_eq!(
            key_of(ProbeKind::Http(http())),
            "http://127.0.10.1:8080/healthz expect=200-299 every=500ms timeout=400ms jitter=0.1 \
             rise=2 fall=2"
        );
        let tcp = key_of(ProbeKind::Tcp(TcpProbe::default()));
        assert!(tcp.starts_with("tcp://127.0.10.1:8080 every=500ms"));
    }

    /// That each edit makes another key than all others do.
    fn all_differ(keys: Vec<String>) {
        let distinct: BTreeSet<&String> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{keys:#?}");
    }

    fn tls_edits() -> Vec<TlsProbe> {
        let tls = TlsProbe::default;
        let ca = At {
            value: "/ca.pem".into(),
            place: Place::file("c.toml"),
        };
        vec![
            tls(),
            TlsProbe {
                insecure: true,
                ..tls()
            },
            TlsProbe {
                sni: Some("a.example".into()),
                ..tls()
            },
            TlsProbe {
                ca: Some(ca),
                ..tls()
            },
            TlsProbe {
                valid_for: Some(Duration::from_secs(86_400)),
                ..tls()
            },
        ]
    }

    fn way_edits() -> Vec<Way> {
        let way = Way::default;
        let source = |v4: &str, v6: &str| Source {
            v4: v4.parse().ok(),
            v6: v6.parse().ok(),
        };
        vec![
            way(),
            Way {
                source: source("192.0.2.1", ""),
                ..way()
            },
            Way {
                source: source("", "2001:db8::1"),
                ..way()
            },
            Way {
                source: source("192.0.2.1", "2001:db8::1"),
                ..way()
            },
            Way {
                proxy_protocol: Some(ProxyProtocol::V1),
                ..way()
            },
            Way {
                proxy_protocol: Some(ProxyProtocol::V2),
                ..way()
            },
        ]
    }

    #[test]
    fn every_edit_of_a_request_is_another_key() {
        let load = |from| Some(Box::new(from));
        let field = |name: &str, value: &str| vec![(name.into(), value.into())];
        let mut probes = vec![
            HttpProbe::get("/other"),
            HttpProbe {
                host: Some("a.example".into()),
                ..http()
            },
            HttpProbe {
                expect_status: vec![(200, 200), (301, 302)],
                ..http()
            },
            HttpProbe {
                expect_body: Some("ok".into()),
                ..http()
            },
            HttpProbe {
                expect_body: Some("ok expect=1".into()),
                ..http()
            },
            HttpProbe {
                load: load(LoadFrom::Header("load".into())),
                ..http()
            },
            HttpProbe {
                load: load(LoadFrom::Json("/load".into())),
                ..http()
            },
            HttpProbe {
                version: HttpVersion::Two,
                ..http()
            },
            HttpProbe {
                method: HttpMethod::Head,
                ..http()
            },
            HttpProbe {
                headers: field("a", ""),
                ..http()
            },
            HttpProbe {
                headers: field("a", "b"),
                ..http()
            },
            HttpProbe {
                headers: field("a", "c"),
                ..http()
            },
            HttpProbe {
                headers: field("b", "b"),
                ..http()
            },
            HttpProbe {
                redirects: 1,
                ..http()
            },
            HttpProbe {
                reuse: true,
                ..http()
            },
        ];
        probes.extend(
            way_edits()
                .into_iter()
                .map(|way| HttpProbe { way, ..http() }),
        );
        let with_tls = |tls| HttpProbe {
            tls: Some(tls),
            ..http()
        };
        probes.extend(tls_edits().into_iter().map(with_tls));
        all_differ(
            probes
                .into_iter()
                .map(|probe| key_of(ProbeKind::Http(probe)))
                .collect(),
        );
    }

    #[test]
    fn every_edit_of_a_conversation_or_a_handshake_is_another_key() {
        let tcp = TcpProbe::default;
        let expect = |limit| TcpProbe {
            expect: b"a".into(),
            limit,
            ..tcp()
        };
        let mut probes = vec![
            TcpProbe {
                send: b"a".into(),
                ..tcp()
            },
            TcpProbe {
                send: b"b".into(),
                ..tcp()
            },
            expect(1),
            expect(2),
        ];
        probes.extend(way_edits().into_iter().map(|way| TcpProbe { way, ..tcp() }));
        let mut keys: Vec<_> = probes
            .into_iter()
            .map(|p| key_of(ProbeKind::Tcp(p)))
            .collect();
        let tls = |tls| HandshakeProbe {
            tls,
            way: Way::default(),
        };
        let handshakes = tls_edits().into_iter().map(tls);
        keys.extend(handshakes.map(|probe| key_of(ProbeKind::Tls(probe))));
        all_differ(keys);
    }

    #[test]
    fn every_edit_of_a_call_or_a_query_is_another_key() {
        let way = Way::default();
        let source = way_edits()[1].source;
        let grpc = |service: &str, host: Option<&str>, tls, way| {
            ProbeKind::Grpc(GrpcProbe {
                way,
                tls,
                service: service.into(),
                host: host.map(str::to_owned),
            })
        };
        let dns = |name: &str, rtype, rcode, answer: Option<&str>, over_tcp, source| {
            ProbeKind::Dns(DnsProbe {
                source,
                name: crate::dns::Name::parse(name).expect("a name"),
                rtype,
                rcode,
                answer: answer.map(str::to_owned),
                over_tcp,
            })
        };
        let udp = |send: &str, expect: &str, source| {
            ProbeKind::Udp(UdpProbe {
                source,
                send: send.into(),
                expect: expect.into(),
            })
        };
        let none = Source::default();
        let mut probes = vec![
            grpc("", None, None, way),
            grpc("a", None, None, way),
            grpc("", Some("a"), None, way),
            grpc("", None, Some(TlsProbe::default()), way),
            grpc("", None, None, way_edits()[4]),
            dns("a.", 1, 0, None, false, none),
            dns("b.", 1, 0, None, false, none),
            dns("a.", 6, 0, None, false, none),
            dns("a.", 1, 3, None, false, none),
            dns("a.", 1, 0, Some("192.0.2.1"), false, none),
            dns("a.", 1, 0, None, true, none),
            dns("a.", 1, 0, None, false, source),
            udp("a", "", none),
            udp("b", "", none),
            udp("a", "a", none),
            udp("a", "", source),
        ];
        let command = |program: &str, arguments: &[&str]| {
            let arguments = arguments.iter().map(|&word| word.into()).collect();
            let program = program.into();
            ProbeKind::Command(CommandProbe { program, arguments })
        };
        let file = |path: &str, max_age| {
            let path = path.into();
            ProbeKind::File(FileProbe { path, max_age })
        };
        probes.extend([
            command("/a", &[]),
            command("/b", &[]),
            command("/a", &["b"]),
            command("/a", &["b", "c"]),
            command("/a", &["b with=c"]),
            file("/a", None),
            file("/b", None),
            file("/a", Some(Duration::from_secs(60))),
        ]);
        probes.extend([ProbeKind::Icmp(none), ProbeKind::Icmp(source)]);
        all_differ(probes.into_iter().map(key_of).collect());
    }

    #[test]
    fn a_value_cannot_pass_for_another_field() {
        let mut sly = http();
        sly.path = "/healthz host=a".into();
        let mut plain = http();
        plain.host = Some("a".into());
        assert_ne!(key_of(ProbeKind::Http(sly)), key_of(ProbeKind::Http(plain)));
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let mut http = http();
        http.headers = vec![("authorization".into(), "Bearer s3cret".into())];
        let tcp = TcpProbe {
            send: b"AUTH s3cret\r\n".into(),
            ..TcpProbe::default()
        };
        for key in [key_of(ProbeKind::Http(http)), key_of(ProbeKind::Tcp(tcp))] {
            assert!(!key.contains("s3cret") && key.contains("=#"), "{key}");
        }
    }
}
