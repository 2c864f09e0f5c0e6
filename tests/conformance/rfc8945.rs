//! RFC 8945: Secret key transaction authentication for DNS (TSIG), to a server that has no keys; and
//! RFC 2931: SIG(0).

use crate::in_process::wire;
use crate::*;

const NOTAUTH: &str = "NOTAUTH";
const FORMERR: &str = "FORMERR";

/// A TSIG record: owner, class, TTL and data.
fn tsig(owner: &[u8], class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut record = [owner, &[0, 250]].concat();
    record.extend(class.to_be_bytes());
    record.extend(ttl.to_be_bytes());
    record.extend((data.len() as u16).to_be_bytes());
    record.extend(data);
    record
}

/// hmac-sha256, a time, a fudge of 300 s, a MAC of 4 octets, the original ID, no error, nothing else.
const DATA: &[u8] = b"\x0bhmac-sha256\x00\x00\x00\x5c\xf7\x9f\x11\x01\x2c\x00\x04\xaa\xbb\xcc\xdd\x4d\x45\x00\x00\x00\x00";
const KEY: &[u8] = b"\x03key\x07example\x00";

fn signature() -> Vec<u8> {
    tsig(KEY, 255, 0, DATA)
}

/// A query with records behind it that its additional section counts.
fn with(query: &Query, records: &[&[u8]]) -> Vec<u8> {
    let mut message = [&query.message(), &records.concat()[..]].concat();
    message[11] += records.len() as u8;
    message
}

#[track_caller]
fn exchange(query: &Query, message: &[u8]) -> Reply {
    let reply = server().exchange(message, query.peer, query.transport);
    reply.expect("an answer")
}

#[test]
fn section_5_2_1_a_key_that_is_not_known_is_notauth_with_badkey_unsigned() {
    for query in [
        gslb("mail", "A"),
        gslb("mail", "A").edns(),
        gslb("mail", "A").tcp(),
        gslb("@", "AXFR").tcp(),
        Query::new("elsewhere.example.org", "A"),
    ] {
        let reply = exchange(&query, &with(&query, &[&signature()]));
        assert_eq!(reply.rcode(), NOTAUTH, "{query:?}");
        assert!(!reply.is_authoritative());
        assert_eq!(reply.answers(), [""; 0]);
        assert_eq!(reply.opt().is_some(), query.opt.is_some());
        assert_eq!(reply.bytes[wire::question(&reply.bytes)], query.question());
        let records = reply.records();
        let record = records.last().expect("a TSIG record");
        assert_eq!((record.rtype, record.class, record.ttl), (250, 255, 0));
        assert_eq!(&reply.bytes[record.owner.clone()], KEY);
        // 5.3.2: no MAC. The error is 17.
        let expected =
            b"\x0bhmac-sha256\x00\x00\x00\x5c\xf7\x9f\x11\x01\x2c\x00\x00\x4d\x45\x00\x11\x00\x00";
        assert_eq!(reply.bytes[record.rdata.clone()], *expected);
    }
}

#[test]
fn section_5_2_1_an_owner_that_points_into_the_question_is_understood() {
    let query = gslb("mail", "A");
    let signature = tsig(b"\x03key\xc0\x11", 255, 0, DATA);
    let reply = exchange(&query, &with(&query, &[&signature]));
    assert_eq!(reply.rcode(), NOTAUTH);
    assert_eq!(
        reply.bytes[reply.records()[0].owner.clone()],
        *b"\x03key\xc0\x11"
    );
}

#[test]
fn section_5_2_a_signature_is_the_last_record_and_the_only_one() {
    const A: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x0a\x00\x00\x01";
    const OPT: &[u8] = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
    let query = gslb("mail", "A");
    let signature = &signature()[..];
    for (records, rcode) in [
        (&[A, OPT, signature][..], NOTAUTH),
        (&[signature, OPT], FORMERR),
        (&[signature, A], FORMERR),
        (&[signature, signature], FORMERR),
    ] {
        assert_eq!(exchange(&query, &with(&query, records)).rcode(), rcode);
    }
    // In the answer and authority sections.
    for count_at in [7, 9] {
        let mut message = with(&query, &[signature]);
        message[11] -= 1;
        message[count_at] += 1;
        assert_eq!(exchange(&query, &message).rcode(), FORMERR);
    }
    let trailing = [&with(&query, &[signature])[..], b"x"].concat();
    assert_eq!(exchange(&query, &trailing).rcode(), FORMERR);
}

#[test]
fn section_5_2_a_signature_that_is_not_laid_out_as_one_is_a_format_error() {
    let query = gslb("mail", "A");
    let grown = [DATA, b"x"].concat();
    let pointing = [b"\xc0\x0c", &DATA[13..]].concat();
    for wrong in [
        tsig(KEY, 1, 0, DATA),
        tsig(KEY, 255, 1, DATA),
        tsig(KEY, 255, 0, &grown),
        tsig(KEY, 255, 0, &pointing),
        // An owner that points to itself, into the header, past the end.
        tsig(&[0xc0, query.message().len() as u8], 255, 0, DATA),
        tsig(b"\xc0\x00", 255, 0, DATA),
        tsig(b"\xff\xff", 255, 0, DATA),
    ] {
        let reply = exchange(&query, &with(&query, &[&wrong]));
        assert_eq!(reply.rcode(), FORMERR, "{wrong:02x?}");
        assert_eq!(reply.records().len(), 0);
        assert_eq!(reply.bytes[wire::question(&reply.bytes)], query.question());
    }
    for len in 0..DATA.len() {
        let cut = tsig(KEY, 255, 0, &DATA[..len]);
        assert_eq!(exchange(&query, &with(&query, &[&cut])).rcode(), FORMERR);
    }
}

#[test]
fn section_5_3_where_the_signature_does_not_fit_tc_says_so() {
    let label = [&[63][..], &[b'k'; 63]].concat();
    let name = [&label.repeat(3)[..], &[61], &[b'k'; 61], &[0]].concat();
    assert_eq!(name.len(), 255);
    let data = [&name[..], &DATA[13..]].concat();
    let query = gslb("mail", "A");
    let message = with(&query, &[&tsig(&name, 255, 0, &data)]);
    let reply = exchange(&query, &message);
    assert_eq!(reply.rcode(), NOTAUTH);
    assert!(reply.is_truncated());
    assert_eq!(reply.records().len(), 0);
    let reply = exchange(&query.tcp(), &message);
    assert!(!reply.is_truncated());
    assert_eq!(reply.records().len(), 1);
}

#[test]
fn rfc2931_section_3_1_no_query_needs_to_have_its_sig_0_checked() {
    // Type covered 0, P-256, no labels, TTL 0, two times, a key tag, the root's key, a signature.
    let data = [
        &[0, 0, 13, 0][..],
        &[0; 4],
        &[0xff; 8],
        &[0, 7, 0],
        &[1; 64],
    ]
    .concat();
    let mut sig = b"\x00\x00\x18\x00\xff\x00\x00\x00\x00".to_vec();
    sig.extend((data.len() as u16).to_be_bytes());
    sig.extend(data);
    let query = gslb("mail", "A");
    let reply = exchange(&query, &with(&query, &[&sig]));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.answers().len(), 1);
}
