//! Queries to the answer engine, at times that the test says, and what rate limiting makes of the
//! answers.

use std::net::IpAddr;

use super::super::answer::{Query, Transport, Worker, answer};
use super::{Answered, sent_len};
use crate::dns::{Name, query, rtype};
use crate::nameserver::tests::root;
use crate::random::Random;
use crate::state::Root;

const ZONE: &str = "$TTL 60\n\
    @ SOA ns hostmaster 1 7200 1800 1209600 60\n\
    @ NS ns\n\
    ns A 192.0.2.1\n\
    www A 192.0.2.2\n\
    www TXT \"one\"\n\
    www2 A 192.0.2.3\n\
    alias CNAME www\n\
    moved DNAME elsewhere.test.\n\
    gone DNAME elsewhere.test.\n\
    *.wild A 192.0.2.4\n\
    sub NS ns.sub\n\
    ns.sub A 192.0.2.5\n";

/// Some time in 2026.
const NOW: u64 = 1_795_000_000_000;
const CLIENT: &str = "198.51.100.1";

struct Server {
    root: Root,
    worker: Worker,
    reply: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Whole,
    Slipped(Vec<u8>),
    Nothing,
}

impl Server {
    /// With `[server.rate_limit]` as written.
    fn new(rate_limit: &str) -> Self {
        let config = format!(
            "[server.rate_limit]\ntable_size = 10000\n{rate_limit}\n\
             [zone.\"example.com\"]\nfile = \"zone\"\n"
        );
        let root = root(&config, &[("zone", ZONE)]);
        let mut worker = Worker::new(Random::from_seed(1), None);
        worker.unix_ms = NOW;
        Server {
            root,
            worker,
            reply: vec![0; 65_535],
        }
    }

    fn exchange(&mut self, client: &str, message: &[u8]) -> Sent {
        let peer: IpAddr = client.parse().unwrap();
        let asked = Query {
            message,
            peer,
            transport: Transport::Udp { payload_max: 1232 },
        };
        let len = answer(&mut self.worker, &self.root, &asked, &mut self.reply).unwrap();
        let whole = self.reply[..len].to_vec();
        let limit = self.root.service.traffic.rate_limit.as_ref().unwrap();
        let answered = Answered {
            query: message,
            peer,
            reply: &mut self.reply,
            len,
        };
        match sent_len(&mut self.worker, &self.root, limit, answered) {
            0 => Sent::Nothing,
            len if self.reply[..len] == whole => Sent::Whole,
            len => Sent::Slipped(self.reply[..len].to_vec()),
        }
    }

    fn ask(&mut self, client: &str, name: &str, qtype: u16) -> Sent {
        self.exchange(client, &message(name, qtype))
    }

    /// How many of as many queries are answered whole.
    fn answered(&mut self, client: &str, times: u32, ask: impl Fn(u32) -> (String, u16)) -> u32 {
        let whole = (0..times).filter(|&i| {
            let (name, qtype) = ask(i);
            self.ask(client, &name, qtype) == Sent::Whole
        });
        whole.count() as u32
    }
}

fn message(name: &str, qtype: u16) -> Vec<u8> {
    query::compose(0, &Name::parse(name).unwrap(), qtype, None)
}

/// With an OPT record that carries a cookie (RFC 7873, 4).
fn with_cookie(name: &str, cookie: &[u8]) -> Vec<u8> {
    let mut query = message(name, rtype::A);
    query[11] = 1;
    let rdata_len = 4 + cookie.len() as u8;
    query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, rdata_len]);
    query.extend([0, 10, 0, cookie.len() as u8]);
    query.extend(cookie);
    query
}

fn always(name: &str, qtype: u16) -> impl Fn(u32) -> (String, u16) {
    move |_| (name.to_owned(), qtype)
}

#[test]
fn names_and_types_that_are_there_have_a_rate_each() {
    let mut server = Server::new("responses_per_second = 5");
    for (name, qtype) in [
        ("www.example.com", rtype::A),
        ("www.example.com", 16),
        ("WWW2.example.com", rtype::A),
    ] {
        assert_eq!(
            server.answered(CLIENT, 20, always(name, qtype)),
            5,
            "{name}"
        );
    }
    assert_eq!(
        server.answered(CLIENT, 20, always("www2.example.com", rtype::A)),
        0
    );
}

#[test]
fn names_made_up_share_the_rate_of_what_answers_for_them() {
    let made_up = [
        ("*.wild", ".wild.example.com", rtype::A),
        ("a DNAME", ".moved.example.com", rtype::A),
        ("another DNAME", ".gone.example.com", rtype::A),
        ("the zone, NXDOMAIN", ".example.com", rtype::A),
        ("the delegation", ".sub.example.com", rtype::A),
        ("errors", ".elsewhere.test", rtype::A),
    ];
    let mut server = Server::new("responses_per_second = 5");
    for (what, suffix, qtype) in made_up {
        let ask = |i| (format!("x{i}{suffix}"), qtype);
        assert_eq!(server.answered(CLIENT, 20, ask), 5, "{what}");
    }
    // An alias answers to every type.
    let types = |i| ("alias.example.com".to_owned(), 1000 + i as u16);
    assert_eq!(server.answered(CLIENT, 20, types), 5);
    // NODATA counts with NXDOMAIN, whatever the type.
    let types = |i| ("www.example.com".to_owned(), 1000 + i as u16);
    assert_eq!(server.answered(CLIENT, 20, types), 0);
}

#[test]
fn each_kind_has_the_rate_that_is_configured_for_it() {
    let mut server = Server::new(
        "responses_per_second = 3\nreferrals_per_second = 4\nnegatives_per_second = 5\n\
         errors_per_second = 0",
    );
    for (name, rate) in [
        ("www.example.com", 3),
        ("a.sub.example.com", 4),
        ("nothing.example.com", 5),
        ("elsewhere.test", 20),
    ] {
        assert_eq!(
            server.answered(CLIENT, 20, always(name, rtype::A)),
            rate,
            "{name}"
        );
    }
}

#[test]
fn malformed_queries_count_as_errors() {
    let mut server = Server::new("errors_per_second = 2");
    let mut two_questions = message("www.example.com", rtype::A);
    two_questions[5] = 2;
    let sent: Vec<_> = (0..9)
        .map(|_| server.exchange(CLIENT, &two_questions))
        .collect();
    assert_eq!(sent[..2], [Sent::Whole, Sent::Whole]);
    assert!(sent[2..].iter().all(|sent| *sent != Sent::Whole));
    assert_ne!(server.ask(CLIENT, "elsewhere.test", rtype::A), Sent::Whole);
}

#[test]
fn a_client_is_its_network() {
    let mut server = Server::new("responses_per_second = 5");
    let mut asks = |client| server.answered(client, 20, always("www.example.com", rtype::A));
    assert_eq!(asks("198.51.100.1"), 5);
    assert_eq!(asks("198.51.100.254"), 0);
    assert_eq!(asks("198.51.101.1"), 5);
    assert_eq!(asks("2001:db8:0:1::1"), 5);
    assert_eq!(asks("2001:db8:0:ff:ffff::1"), 0);
    assert_eq!(asks("2001:db8:0:100::1"), 5);
    let mut server = Server::new("responses_per_second = 5\nipv4_prefix = 32\nipv6_prefix = 128");
    let mut asks = |client| server.answered(client, 20, always("www.example.com", rtype::A));
    for client in ["198.51.100.1", "198.51.100.2", "2001:db8::1", "2001:db8::2"] {
        assert_eq!(asks(client), 5, "{client}");
    }
}

#[test]
fn a_client_that_has_stopped_is_answered_again() {
    let mut server = Server::new("responses_per_second = 5\nwindow = \"2s\"");
    let www = || always("www.example.com", rtype::A);
    assert_eq!(server.answered(CLIENT, 1000, www()), 5);
    server.worker.unix_ms = NOW + 1900;
    assert_eq!(server.answered(CLIENT, 1, www()), 0);
    server.worker.unix_ms = NOW + 1900 + 3000;
    assert_eq!(server.answered(CLIENT, 5, www()), 5);
}

#[test]
fn exempt_networks_and_holders_of_a_cookie_have_no_limit() {
    let mut server =
        Server::new("responses_per_second = 5\nexempt = [\"198.51.100.0/28\"]\nslip = 1");
    let www = || always("www.example.com", rtype::A);
    assert_eq!(server.answered("198.51.100.15", 100, www()), 100);
    assert_eq!(server.answered("198.51.100.16", 100, www()), 5);
    let client = [7; 8];
    let asks = |server: &mut Server, cookie: &[u8]| {
        let query = with_cookie("www.example.com", cookie);
        match server.exchange("198.51.100.17", &query) {
            Sent::Slipped(reply) => Err(reply),
            sent => Ok(sent),
        }
    };
    // Even a slipped answer has the cookie that makes the client known.
    let reply = asks(&mut server, &client).expect_err("slipped");
    let learnt = &reply[reply.len() - 24..];
    assert_eq!(learnt[..8], client);
    assert_eq!(
        reply.len(),
        with_cookie("www.example.com", &client).len() + 16
    );
    for _ in 0..20 {
        assert_eq!(asks(&mut server, learnt), Ok(Sent::Whole));
    }
    let mut forged = learnt.to_vec();
    forged[23] ^= 1;
    assert!(asks(&mut server, &forged).is_err());
}

#[test]
fn slip_says_how_many_are_told_to_use_tcp() {
    for (slip, least, most) in [(0, 0, 0), (1, 1000, 1000), (2, 400, 600), (10, 50, 150)] {
        let mut server = Server::new(&format!("responses_per_second = 1\nslip = {slip}"));
        let asks = (0..1001).map(|_| server.ask(CLIENT, "www.example.com", rtype::A));
        let slipped = asks.filter(|sent| matches!(sent, Sent::Slipped(_))).count();
        assert!((least..=most).contains(&slipped), "slip {slip}: {slipped}");
        let counters = &server.worker.counters;
        assert_eq!(counters.limited_slipped.get(), slipped as u64);
        assert_eq!(counters.limited_dropped.get(), 1000 - slipped as u64);
    }
}

#[test]
fn a_slipped_answer_is_the_query_with_tc_and_no_longer() {
    let mut server = Server::new("responses_per_second = 1\nslip = 1");
    let name = Name::parse("www.example.com").unwrap();
    let subnet = Some(("203.0.113.0".parse().unwrap(), 24));
    let with_subnet = query::compose(7, &name, rtype::A, subnet);
    let without_opt = message("www.example.com", rtype::A);
    assert_eq!(server.exchange(CLIENT, &with_subnet), Sent::Whole);
    for query in [with_subnet, without_opt] {
        let Sent::Slipped(reply) = server.exchange(CLIENT, &query) else {
            panic!("not slipped");
        };
        // QR, AA, TC; then the query itself, but for the payload size and the scope.
        assert_eq!(reply[2] & 0x86, 0x86);
        assert_eq!(reply.len(), query.len());
        assert_eq!(reply[4..12], query[4..12]);
        let decoded = hickory_proto::op::Message::from_vec(&reply).unwrap();
        assert!(decoded.metadata.truncation && decoded.answers.is_empty());
        assert_eq!(decoded.edns.is_some(), query[11] == 1);
    }
}

#[test]
fn an_error_slips_without_its_explanation() {
    let mut server = Server::new("errors_per_second = 1\nslip = 1");
    let query = message("elsewhere.test", rtype::A);
    server.exchange(CLIENT, &query);
    let Sent::Slipped(reply) = server.exchange(CLIENT, &query) else {
        panic!("not slipped");
    };
    assert_eq!(reply.len(), query.len());
    assert_eq!(reply[3] & 0x0f, 5);
}

#[test]
fn a_dry_run_counts_and_sends() {
    let mut server = Server::new("responses_per_second = 5\ndry_run = true");
    assert_eq!(
        server.answered(CLIENT, 20, always("www.example.com", rtype::A)),
        20
    );
    assert_eq!(server.worker.counters.limited_dry_run.get(), 15);
    assert_eq!(server.worker.counters.limited_dropped.get(), 0);
}

#[test]
fn truncated_answers_count_as_the_records_that_they_stand_for() {
    let mut server = Server::new("responses_per_second = 5\nnegatives_per_second = 1");
    let mut truncated = message("www.example.com", rtype::A);
    truncated[2] = 0x86;
    let question = message("www.example.com", rtype::A);
    let account = |answer: &[u8], worker: &mut Worker| {
        let client = CLIENT.parse().unwrap();
        super::Account::new(client, &server.root, &question, answer, &mut worker.name)
    };
    let mut whole = truncated.clone();
    (whole[2], whole[7]) = (0x84, 1);
    whole.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x02");
    assert_eq!(
        account(&truncated, &mut server.worker),
        account(&whole, &mut server.worker)
    );
}
