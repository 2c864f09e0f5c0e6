//! What monitors ask: every kind with its options, and what is wrong with them.

use std::time::Duration;

use super::super::*;
use super::{parse_text, reported};

/// A configuration whose only monitor has this content.
fn with(monitor: &str) -> String {
    format!(
        "[monitor.m]\n{monitor}\n[region.eu]\nlocation = [50.11, 8.68]\n\
         [pool.p]\nregion = \"eu\"\nmonitor = \"m\"\nendpoints = [\"192.0.2.1\"]\n\
         [policy.world]\nfailover = [\"p\"]\n\
         [zone.\"example.com\"]\nfile = \"zone\"\n[zone.\"example.com\".balanced]\n\
         www = {{ policy = \"world\" }}\n"
    )
}

fn monitor(text: &str) -> Monitor {
    let mut config = match parse_text(&with(text)) {
        Ok(loaded) => loaded.config,
        Err(mistakes) => panic!("{text}: {mistakes:?}"),
    };
    config.monitors.remove(0)
}

/// Each monitor has one mistake, which is reported like this, with its line and column.
fn refused(mistakes: &[(&str, &str)]) {
    for (text, mistake) in mistakes {
        assert_eq!(reported(&with(text)), [*mistake], "{text}");
    }
}

#[test]
fn a_conversation_over_tcp_is_read() {
    let monitor = monitor(
        "tcp = { send = 'PING\\r\\n\\x00', expect = \"+PONG\" }\nport = 6379\nbody_limit = 100\n\
         source = [\"192.0.2.1\", \"2001:db8::1\"]\nproxy_protocol = \"v1\"",
    );
    assert_eq!(monitor.port, 6379);
    let expected = TcpProbe {
        way: Way {
            source: Source {
                v4: "192.0.2.1".parse().ok(),
                v6: "2001:db8::1".parse().ok(),
            },
            proxy_protocol: Some(ProxyProtocol::V1),
        },
        send: b"PING\r\n\0".to_vec(),
        expect: b"+PONG".to_vec(),
        limit: 100,
    };
    assert_eq!(monitor.probe, ProbeKind::Tcp(expected));
}

#[test]
fn what_is_wrong_with_tcp_is_said() {
    refused(&[
        (
            "tcp = {}\nport = 1",
            "2:7: error: neither `send` nor `expect` (write `tcp = true` to connect only)",
        ),
        (
            "tcp = { send = 'a\\qbcd' }\nport = 1",
            "2:16: error: \"\\\\qbc\" is no escape (there are \\r, \\n, \\t, \\\\ and \\xNN, with two \
             hexadecimal digits)",
        ),
        (
            "tcp = { send = \"\" }\nport = 1",
            "2:16: error: expected text such as \"PING\\r\\n\", found \"\"",
        ),
        (
            "tcp = { sent = \"a\", expect = \"b\" }\nport = 1",
            "2:9: error: unknown key `sent` (did you mean `send`?)",
        ),
        (
            "tcp = \"yes\"\nport = 1",
            "2:7: error: expected `true` or `false`, found the string \"yes\"",
        ),
        (
            "tcp = { send = \"a\" }\nport = 1\nbody_limit = 7",
            "4:1: error: `body_limit` has no effect without `expect`",
        ),
        (
            "tcp = true\nport = 1\nsource = [\"192.0.2.1\", \"192.0.2.2\"]",
            "4:24: error: 192.0.2.2 is a second address of the family of 192.0.2.1 (one per family: probes \
             of a target always come from the same)",
        ),
        (
            "tcp = true\nport = 1\nsource = \"0.0.0.0\"",
            "4:10: error: expected an address of this machine such as \"192.0.2.1\", found \"0.0.0.0\"",
        ),
        (
            "tcp = true\nport = 1\nproxy_protocol = \"v3\"",
            "4:18: error: \"v3\" is none of `v1` and `v2` (did you mean `v1`?)",
        ),
    ]);
}

#[test]
fn a_handshake_is_read() {
    let monitor = monitor("tls = true\nsni = \"a.example\"\ncertificate_valid_for = \"7d\"");
    assert_eq!(monitor.port, 443);
    let expected = HandshakeProbe {
        way: Way::default(),
        tls: TlsProbe {
            sni: Some("a.example".into()),
            valid_for: Some(Duration::from_secs(7 * 86_400)),
            ..TlsProbe::default()
        },
    };
    assert_eq!(monitor.probe, ProbeKind::Tls(expected));
    refused(&[
        (
            "tls = false",
            "2:7: error: expected `tls = true` (a pool that is not probed has no `monitor`)",
        ),
        (
            "tls = true\ncertificate_valid_for = \"7s\"",
            "3:25: error: 7s is out of range (expected 1h to 366d)",
        ),
        (
            "tls = true\nhost = \"a.example\"",
            "3:1: error: `host` is for `http`, `https`, `grpc` and `grpcs` monitors",
        ),
    ]);
}

#[test]
fn every_option_of_a_request_is_read() {
    let monitor = monitor(
        "https = \"/\"\nhttp_version = \"2\"\nmethod = \"HEAD\"\nredirects = 3\nreuse = true\n\
         headers = { X-Token = \"a b\", accept = \"text/plain\" }\nsource = \"2001:db8::1\"\n\
         proxy_protocol = \"v2\"",
    );
    let ProbeKind::Http(http) = monitor.probe else {
        panic!("an HTTP probe");
    };
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        http.headers,
        [field("x-token", "a b"), field("accept", "text/plain")]
    );
    assert_eq!(
        (http.version, http.method),
        (HttpVersion::Two, HttpMethod::Head)
    );
    assert_eq!((http.redirects, http.reuse), (3, true));
    assert_eq!(http.way.source.v6, "2001:db8::1".parse().ok());
    assert_eq!(http.way.proxy_protocol, Some(ProxyProtocol::V2));
}

#[test]
fn what_is_wrong_with_requests_is_said() {
    refused(&[
        (
            "http = \"/\"\nhttp_version = \"3\"",
            "3:16: error: \"3\" is none of `1.1` and `2` (did you mean `2`?)",
        ),
        (
            "http = \"/\"\nredirects = 6",
            "3:13: error: 6 is out of range (expected a whole number from 0 to 5)",
        ),
        (
            "http = \"/\"\nmethod = \"HEAD\"\nexpect_body = \"a\"",
            "4:1: error: `expect_body` needs a body, and the answer to HEAD has none",
        ),
        (
            "https = \"/\"\nreuse = true\ncertificate_valid_for = \"7d\"",
            "4:1: error: `certificate_valid_for` needs a handshake each time, and `reuse` has one only",
        ),
        (
            "http = \"/\"\nheaders = { Host = \"a\" }",
            "3:13: error: `host` is set by the probe (write `host` beside `headers`)",
        ),
        (
            "http = \"/\"\nheaders = { \"x y\" = \"a\" }",
            "3:13: error: \"x y\" is no name of a header",
        ),
        (
            "http = \"/\"\nheaders = { a = \"b\", A = \"c\" }",
            "3:22: error: header `a` is written twice",
        ),
        (
            "http = \"/\"\nheaders = { a = \"s3cret\\r\\nX: b\" }",
            "3:17: error: the value has line ends, control characters or what is not ASCII",
        ),
        (
            "http = \"/\"\nheaders = { a = 1 }",
            "3:17: error: expected the value of a header as text",
        ),
        (
            "http = \"/\"\nheaders = [\"a: b\"]",
            "3:11: error: expected a table such as { accept = \"text/plain\" }, found a list",
        ),
    ]);
}

#[test]
fn calls_queries_and_datagrams_are_read() {
    let grpc = monitor("grpcs = \"shop.Cart\"\nport = 8443\nhost = \"a.example\"\ninsecure = true");
    let expected = GrpcProbe {
        way: Way::default(),
        tls: Some(TlsProbe {
            insecure: true,
            ..TlsProbe::default()
        }),
        service: "shop.Cart".into(),
        host: Some("a.example".into()),
    };
    assert_eq!(grpc.probe, ProbeKind::Grpc(expected));
    let plain = monitor("grpc = \"\"\nport = 50051");
    assert!(matches!(plain.probe, ProbeKind::Grpc(probe) if probe.tls.is_none()));

    let dns = monitor(
        "dns = { name = \"www.example.com\", type = \"AAAA\", rcode = \"NOERROR\", \
         answer = \"2001:DB8:0::1\", over = \"tcp\" }",
    );
    assert_eq!(dns.port, 53);
    let name = |text| crate::dns::Name::parse(text).expect("a name");
    let expected = DnsProbe {
        source: Source::default(),
        name: name("www.example.com."),
        rtype: 28,
        rcode: 0,
        answer: Some("2001:db8::1".into()),
        over_tcp: true,
    };
    assert_eq!(dns.probe, ProbeKind::Dns(expected));

    let udp = monitor("udp = { send = \"ping\" }\nport = 7\nsource = \"192.0.2.1\"");
    let source = Source {
        v4: "192.0.2.1".parse().ok(),
        v6: None,
    };
    let expected = UdpProbe {
        source,
        send: b"ping".to_vec(),
        expect: Vec::new(),
    };
    assert_eq!(udp.probe, ProbeKind::Udp(expected));
    let icmp = monitor("icmp = true\nsource = \"192.0.2.1\"");
    assert_eq!((icmp.probe, icmp.port), (ProbeKind::Icmp(source), 0));
}

#[test]
fn what_is_wrong_with_calls_queries_and_datagrams_is_said() {
    refused(&[
        (
            "grpc = \"\"",
            "1:10: error: a `grpc` monitor needs a `port` (write `port = 443`)",
        ),
        (
            "grpc = true\nport = 1",
            "2:8: error: expected a service such as \"shop.Cart\", or \"\" for the server as a whole, \
             found `true`",
        ),
        (
            "grpc = \"\"\nport = 1\ninsecure = true",
            "4:1: error: `insecure` is for `https`, `tls` and `grpcs` monitors",
        ),
        (
            "dns = {}",
            "2:7: error: `name` is missing in this query (write `name = \"example.com.\"`)",
        ),
        (
            "dns = { name = \"a..b\" }",
            "2:16: error: expected a name such as \"example.com.\", found \"a..b\" (an empty label (two \
             dots in a row, or one in front))",
        ),
        (
            "dns = { name = \"a.\", type = \"AXFR\" }",
            "2:29: error: expected a type such as \"A\" or \"TYPE65280\", found \"AXFR\"",
        ),
        (
            "dns = { name = \"a.\", rcode = \"NXDOMIAN\" }",
            "2:30: error: \"NXDOMIAN\" is none of `NOERROR`, `FORMERR`, `SERVFAIL`, `NXDOMAIN`, `NOTIMP` \
             and `REFUSED` (did you mean `NXDOMAIN`?)",
        ),
        (
            "dns = { name = \"a.\", answer = \"2001:db8::1\" }",
            "2:31: error: expected an address such as \"192.0.2.1\", found \"2001:db8::1\"",
        ),
        (
            "dns = { name = \"a.\" }\nproxy_protocol = \"v1\"",
            "3:1: error: `proxy_protocol` is for `http`, `https`, `tcp`, `tls`, `grpc` and `grpcs` monitors",
        ),
        (
            "udp = {}\nport = 1",
            "2:7: error: `send` is missing in this exchange (write `send = \"ping\"`)",
        ),
        (
            "udp = true\nport = 1",
            "2:7: error: expected a table such as { send = \"ping\", expect = \"pong\" }, found `true`",
        ),
        (
            "icmp = true\nport = 1",
            "3:1: error: `port` has no meaning for icmp",
        ),
    ]);
}

#[test]
fn what_others_say_is_read() {
    let command = monitor("command = [\"/bin/check\", \"-H\", \"{address}\", \"\", \"{a: 1}\"]");
    assert_eq!(command.port, 0);
    let expected = CommandProbe {
        program: "/bin/check".into(),
        arguments: ["-H", "{address}", "", "{a: 1}"].map(String::from).to_vec(),
    };
    assert_eq!(command.probe, ProbeKind::Command(expected));
    let with_port = monitor("command = [\"/bin/check\", \"{port}\"]\nport = 25");
    assert_eq!(with_port.port, 25);

    let file = monitor("file = \"checks\"\nmax_age = \"10m\"");
    let expected = FileProbe {
        path: "/etc/meridian/checks".into(),
        max_age: Some(Duration::from_secs(600)),
    };
    assert_eq!((file.probe, file.port), (ProbeKind::File(expected), 0));
}

#[test]
fn what_is_wrong_with_what_others_say_is_said() {
    let list = "a list such as [\"/usr/lib/nagios/plugins/check_ping\", \"-H\", \"{address}\"]";
    refused(&[
        (
            "command = \"/bin/check\"",
            &format!("2:11: error: expected {list}, found the string \"/bin/check\""),
        ),
        (
            "command = []",
            &format!("2:11: error: expected {list}, found an empty one"),
        ),
        (
            "command = [\"check\"]",
            "2:11: error: \"check\" is no absolute path (there is no shell and no search: write where the \
             program is)",
        ),
        (
            "command = [\"/bin/check\", \"{adress}\"]",
            "2:26: error: \"{adress}\" stands for nothing (there are {address} and {port})",
        ),
        (
            "command = [\"/bin/check\", 1]",
            "2:26: error: expected a word such as \"{address}\", found the integer 1",
        ),
        (
            "command = [\"/bin/check\", \"a\\u0000\"]",
            "2:26: error: \"a\\0\" contains a NUL, which no argument can",
        ),
        (
            "command = [\"/bin/check\", \"{port}\"]",
            "1:10: error: a `command` monitor needs a `port` (write `port = 443`)",
        ),
        (
            "command = [\"/bin/check\"]\nsource = \"192.0.2.1\"",
            "3:1: error: `source` is for `http`, `https`, `tcp`, `tls`, `grpc`, `grpcs`, `dns`, `udp` and \
             `icmp` monitors",
        ),
        (
            "file = \"checks\"\nport = 1",
            "3:1: error: `port` has no meaning for file",
        ),
        (
            "file = \"checks\"\nmax_age = \"10ms\"",
            "3:11: error: 10ms is out of range (expected 1s to 1d)",
        ),
        (
            "http = \"/\"\nmax_age = \"10m\"",
            "3:1: error: `max_age` is for `file` monitors",
        ),
    ]);
}

#[test]
fn commands_that_run_at_a_time_are_counted() {
    let server = |text: &str| {
        let loaded = parse_text(&with(&format!("icmp = true\n[server]\n{text}")));
        loaded.map(|loaded| loaded.config.server.commands_max)
    };
    assert_eq!(server("").ok(), Some(16));
    assert_eq!(server("commands_max = 4").ok(), Some(4));
    assert!(server("commands_max = 0").is_err());
}
