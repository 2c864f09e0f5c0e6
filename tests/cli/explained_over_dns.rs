//! TXT at `_explain.NAME`.

use std::net::SocketAddr;

use ipnet::IpNet;
use meridian::dns::{Name, query, rtype};

use crate::process::eventually;
use crate::query::{EUROPE, exchange_tcp};
use crate::server::{Server, config, place};

const RCODE: u8 = 0x0f;
const NAME_ERROR: u8 = 3;

/// Over TCP, as a client in Europe: the answer's RCODE, and all that it says as text.
fn ask(server: SocketAddr, name: &str) -> (u8, String) {
    let net: IpNet = EUROPE.parse().unwrap();
    let subnet = Some((net.addr(), net.prefix_len()));
    let message = query::compose(7, &Name::parse(name).unwrap(), rtype::TXT, subnet);
    let reply = exchange_tcp(server, &message);
    (
        reply[3] & RCODE,
        String::from_utf8_lossy(&reply).into_owned(),
    )
}

#[test]
fn why_is_told_over_dns_to_those_who_may_ask_and_to_nobody_by_default() {
    let place = place();
    let mut server = Server::frozen(&place);
    let named = "_explain.www.gslb.example.com";
    assert_eq!(ask(server.address, named).0, NAME_ERROR);

    let with = |to: &str| {
        config().replace(
            "udp_threads = 1",
            &format!("udp_threads = 1\nexplain_to = [{to}]"),
        )
    };
    place.write("meridian.toml", with("\"127.0.0.0/8\""));
    server.reload("configuration reloaded");
    let (rcode, told) = ask(server.address, named);
    assert_eq!(rcode, 0);
    for line in [
        "client: client subnet 193.0.0.0/24, in 193.0.0.0/21: continent EU",
        "take: pool web-eu (region eu): taken by policy world (geo)",
        "www.gslb.example.com. 5 IN A 192.0.2.",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let (_, told) = ask(server.address, "_explain-aaaa.www.gslb.example.com");
    assert!(
        told.contains("no endpoint in reach has an IPv6 address"),
        "{told}"
    );
    // What an operator said is told as well.
    let drain = [
        "override",
        "drain",
        "eu",
        "--by",
        "ann",
        "-c",
        "meridian.toml",
    ];
    assert_eq!(place.run(&drain).code, 0);
    eventually("the drain", || {
        let (_, told) = ask(server.address, named);
        told.contains("down, drained by ann (override 1)")
            .then_some(())
    });

    place.write("meridian.toml", with("\"192.0.2.0/24\""));
    server.reload("configuration reloaded");
    assert_eq!(ask(server.address, named).0, NAME_ERROR);
}
