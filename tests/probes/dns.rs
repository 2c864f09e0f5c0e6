//! DNS, against scripted servers that lie.

use std::io::{Read, Write};

use meridian::config::{DnsProbe, ProbeKind, Source};
use meridian::dns::Name;
use meridian::health::Failure;

use crate::peer::*;

fn probe(answer: Option<&str>, over_tcp: bool) -> DnsProbe {
    DnsProbe {
        source: Source::default(),
        name: Name::parse("www.example.com").expect("a name"),
        rtype: 1,
        rcode: 0,
        answer: answer.map(str::to_owned),
        over_tcp,
    }
}

/// The query as an answer with this second half of the flags and one record, 192.0.2.1.
fn answered(query: &[u8], flags: u8) -> Vec<u8> {
    let mut answer = query.to_vec();
    (answer[2], answer[3]) = (0x84, flags);
    answer[7] = 1;
    answer.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
    answer
}

#[tokio::test]
async fn rcode_and_answer_must_be_those_expected() {
    let address = serve_datagrams(|query, _| vec![answered(query, 0)]);
    assert_eq!(
        ask(ProbeKind::Dns(probe(None, false)), address).await,
        Ok(())
    );
    let right = probe(Some("192.0.2.1"), false);
    assert_eq!(ask(ProbeKind::Dns(right), address).await, Ok(()));
    let wrong = probe(Some("192.0.2.2"), false);
    assert_eq!(
        said(ProbeKind::Dns(wrong), address).await,
        "\"192.0.2.2\" is not among the 1 answers"
    );
    let refusing = serve_datagrams(|query, _| vec![answered(query, 5)]);
    let plain = probe(None, false);
    assert_eq!(
        said(ProbeKind::Dns(plain.clone()), refusing).await,
        "answered REFUSED"
    );
    let refused = DnsProbe { rcode: 5, ..plain };
    assert_eq!(ask(ProbeKind::Dns(refused), refusing).await, Ok(()));
}

#[tokio::test]
async fn what_is_not_to_the_query_is_not_its_answer() {
    let lying = serve_datagrams(|query, _| {
        let mut other_id = answered(query, 0);
        other_id[0] ^= 1;
        let mut other_name = answered(query, 0);
        other_name[13] ^= 1;
        let mut other_type = answered(query, 0);
        let at = query.len() - 3;
        other_type[at] = 28;
        vec![
            other_id,
            other_name,
            other_type,
            query.to_vec(),
            b"?".to_vec(),
        ]
    });
    let failure = ask_for(ProbeKind::Dns(probe(None, false)), lying, SHORT).await;
    assert!(
        matches!(failure, Err(Failure::TimedOut { .. })),
        "{failure:?}"
    );
    let late = serve_datagrams(|query, _| {
        let mut other_id = answered(query, 2);
        other_id[0] ^= 1;
        vec![other_id, answered(query, 0)]
    });
    assert_eq!(ask(ProbeKind::Dns(probe(None, false)), late).await, Ok(()));
    let flooding = serve_datagrams(|query, _| {
        let mut other_id = answered(query, 0);
        other_id[0] ^= 1;
        vec![other_id; 32]
    });
    assert_eq!(
        said(ProbeKind::Dns(probe(None, false)), flooding).await,
        "bad answer: what came was not to the query"
    );
}

#[tokio::test]
async fn the_case_of_a_name_makes_no_difference() {
    let address = serve_datagrams(|query, _| {
        let mut answer = answered(query, 0);
        answer[13..16].make_ascii_uppercase();
        vec![answer]
    });
    assert_eq!(
        ask(ProbeKind::Dns(probe(None, false)), address).await,
        Ok(())
    );
}

#[tokio::test]
async fn an_answer_that_is_cut_says_what_helps() {
    let address = serve_datagrams(|query, _| {
        let mut answer = query.to_vec();
        (answer[2], answer[3]) = (0x86, 0);
        vec![answer]
    });
    let wanted = probe(Some("192.0.2.1"), false);
    assert_eq!(
        said(ProbeKind::Dns(wanted), address).await,
        "bad answer: it is truncated: ask with `over = \"tcp\"`"
    );
}

fn over_tcp(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> std::net::SocketAddr {
    serve(move |mut stream| {
        let mut length = [0; 2];
        if stream.read_exact(&mut length).is_err() {
            return;
        }
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        let _ = stream.read_exact(&mut query);
        let _ = stream.write_all(&answer(&query));
    })
}

#[tokio::test]
async fn over_tcp_the_message_has_its_length() {
    let framed = |answer: Vec<u8>| [&(answer.len() as u16).to_be_bytes(), &*answer].concat();
    let address = over_tcp(move |query| framed(answered(query, 0)));
    let wanted = || ProbeKind::Dns(probe(Some("192.0.2.1"), true));
    assert_eq!(ask(wanted(), address).await, Ok(()));
    let cut = over_tcp(move |query| framed(answered(query, 0))[..20].to_vec());
    assert_eq!(ask(wanted(), cut).await, Err(Failure::Closed));
    let lying = over_tcp(move |query| {
        let mut answer = answered(query, 0);
        answer[0] ^= 1;
        framed(answer)
    });
    assert_eq!(said(wanted(), lying).await, "bad answer: not to the query");
    let empty = over_tcp(|_| vec![0, 0]);
    let failure = ask(wanted(), empty).await;
    assert!(matches!(failure, Err(Failure::Protocol(_))), "{failure:?}");
}
