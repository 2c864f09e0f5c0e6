//! Whose connections are, told by proxies in front and to backends.

use meridian::proxy_protocol::{Ends, Version, header, local};

use crate::harness::*;
use crate::pki::*;

const TRUSTING: &str = "proxy_protocol = true\ntrusted_proxies = [\"127.0.0.1/32\"]";

fn ends() -> Ends {
    Ends {
        from: "192.0.2.7:4000".parse().unwrap(),
        to: "192.0.2.1:443".parse().unwrap(),
    }
}

#[test]
fn what_a_trusted_proxy_says_is_believed() {
    let site = Site::with(TRUSTING, "", echoing());
    for version in [Version::V1, Version::V2] {
        let header = header(version, ends());
        // However it comes, and with what stands behind it.
        for cut in [1, 7, 13, header.len()] {
            let mut client = site.connect();
            client.0.set_nodelay(true).unwrap();
            client.send(&header[..cut]);
            client.send([&header[cut..], LAST.as_bytes()].concat());
            let response = client.rest();
            assert_eq!(status(&response), 200);
            assert_eq!(values(&response, "x-forwarded-for"), ["192.0.2.7"]);
        }
    }
    let own = site.talk([&local(Version::V2, ends()), LAST.as_bytes()].concat());
    assert_eq!(values(&own, "x-forwarded-for"), ["127.0.0.1"]);
    let unknown = site.talk(format!("PROXY UNKNOWN\r\n{LAST}"));
    assert_eq!(values(&unknown, "x-forwarded-for"), ["127.0.0.1"]);
}

#[test]
fn what_a_trusted_proxy_must_say_is_not_left_out() {
    let site = Site::with(TRUSTING, "", echoing());
    for wrong in [
        LAST.to_owned(),
        format!("PROXY TCP4 192.0.2.7 192.0.2.1 4000 99999\r\n{LAST}"),
        format!("PROXY TCP4 192.0.2.7\n{LAST}"),
        format!("PROXY {}", "x".repeat(200)),
    ] {
        assert_eq!(site.talk(&wrong), "", "{wrong}");
    }
}

#[test]
fn each_client_of_a_proxy_has_his_own_connections() {
    let listener = format!("[forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\n{TRUSTING}\n");
    let text = config(&listener, "", echoing());
    let site = Site::of(&text.replace("threads = 1\n", "threads = 1\nper_client_max = 1\n"));
    let hello = |from: &str| {
        let mut client = site.connect();
        client.send(format!("PROXY TCP4 {from} 192.0.2.1 4000 80\r\n{GET}"));
        client
    };
    let mut first = hello("192.0.2.7");
    assert_eq!(status(&first.head()), 200);
    assert_eq!(hello("192.0.2.7").rest(), "");
    assert_eq!(status(&hello("192.0.2.8").head()), 200);
}

#[test]
fn what_others_say_is_not_believed() {
    let others = TRUSTING.replace("127.0.0.1", "192.0.2.9");
    let site = Site::with(&others, "", echoing());
    let response = site.talk(LAST);
    assert_eq!(values(&response, "x-forwarded-for"), ["127.0.0.1"]);
    let header = header(Version::V1, ends());
    let response = site.talk([&header, LAST.as_bytes()].concat());
    assert_eq!(status(&response), 400);
}

#[test]
fn a_header_may_stand_in_front_of_tls() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example"]);
    let listener = format!("{TRUSTING}\ntls = {{ certificates = [{}] }}", own.table());
    let site = Site::with(&listener, "", echoing());
    let mut client = site.connect();
    client.send(header(Version::V2, ends()));
    let config = authority.client(None, &[]);
    let mut tls = shake(&config, client.0, "a.example").unwrap();
    let response = ask(&mut tls, LAST);
    assert_eq!(values(&response, "x-forwarded-for"), ["192.0.2.7"]);
}

#[test]
fn backends_are_told_whose_a_connection_is_and_it_stays_his() {
    let port = backend(|mut client, number| {
        let line = client.until("\r\n");
        while read_head(&mut client).is_some() {
            let text = format!("{number} {line}");
            let len = text.len();
            client.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{text}"
            ));
        }
    });
    let site = Site::with(TRUSTING, "proxy_protocol = \"v1\"", port);
    let header = header(Version::V2, ends());
    for number in 0..3 {
        let response = site.talk([&header, LAST.as_bytes()].concat());
        let expected = format!("{number} PROXY TCP4 192.0.2.7 192.0.2.1 4000 443\r\n");
        assert!(response.ends_with(&expected), "{response}");
    }
}

#[test]
fn a_connection_that_is_passed_on_begins_with_whose_it_is() {
    let port = backend(|mut client, _| {
        let mut header = [0; 28];
        std::io::Read::read_exact(&mut client.0, &mut header).unwrap();
        client.send(header);
    });
    let listener =
        "[forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\nmode = \"tcp\"\nto = \"web\"";
    let site = Site::of(&config(listener, "proxy_protocol = \"v2\"", port));
    let mut client = site.connect();
    let ends = Ends {
        from: client.0.local_addr().unwrap(),
        to: client.0.peer_addr().unwrap(),
    };
    let mut said = Vec::new();
    let _ = std::io::Read::read_to_end(&mut client.0, &mut said);
    assert_eq!(said, header(Version::V2, ends));
}
