//! Is everything that is no proper query dropped, or refused with the question where it could be read?

use hickory_proto::op::Message;
use meridian::nameserver::answer::Transport;
use meridian::state::Root;
use proptest::prelude::*;
use proptest::sample::select;

use crate::engine::{TCP, ask, root_of};
use crate::zones::zone;

const FORMERR: u8 = 1;
const NOTIMP: u8 = 4;
const OPT: u16 = 41;
const TSIG: u16 = 250;

/// A message by its parts, right or wrong.
#[derive(Clone, Debug)]
struct Draft {
    id: u16,
    flags: [u8; 2],
    questions: Vec<Vec<u8>>,
    /// In the answer, authority and additional sections.
    records: [Vec<Vec<u8>>; 3],
    /// Added to what the four counts should be.
    lies: [u16; 4],
    trailer: Vec<u8>,
    /// Octets that are missing at the end.
    missing: usize,
}

impl Draft {
    fn octets(&self) -> Vec<u8> {
        let [answers, authority, additional] = &self.records;
        let counts = [&self.questions, answers, authority, additional].map(Vec::len);
        let mut octets = [&self.id.to_be_bytes()[..], &self.flags].concat();
        for (count, lie) in counts.into_iter().zip(self.lies) {
            octets.extend((count as u16).wrapping_add(lie).to_be_bytes());
        }
        octets.extend(self.questions.concat());
        octets.extend(self.records.concat().concat());
        octets.extend(&self.trailer);
        octets.truncate(octets.len() - self.missing.min(octets.len()));
        octets
    }
}

/// A name that ends, without pointers.
fn proper_name() -> impl Strategy<Value = Vec<u8>> {
    let labels = select(vec![
        "",
        "\x01a",
        "\x01a\x01b",
        "\x01*\x01a",
        "\x02ns\x01b",
        "\x00",
    ]);
    (
        labels,
        select(vec!["\x07example\x03com\0", "\0", "\x07EXAMPLE\x03COM\0"]),
    )
        .prop_map(|(labels, apex)| match labels {
            "\x00" => vec![0],
            labels => [labels.as_bytes(), apex.as_bytes()].concat(),
        })
}

/// Names that a question must not have; those that records may have, too, come first.
fn improper_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        // Pointers: to the question, to themselves, into the header, forward, past the end.
        select(vec![0xC00C_u16, 0xC00D, 0xC000, 0xC004, 0xC020, 0xFFFF])
            .prop_map(|to| to.to_be_bytes().to_vec()),
        // A label, then a pointer to it.
        Just(b"\x01a\xc0\x0c".to_vec()),
        // A pointer to a pointer back to it.
        Just(b"\xc0\x0e\xc0\x0c".to_vec()),
        // Label types that nobody knows (RFC 6891, 5: 0x41 was one).
        (0x40..=0xBFu8, 0..9usize).prop_map(|(kind, len)| [vec![kind], vec![1; len]].concat()),
        // Longer than 255 octets.
        (4..6usize).prop_map(
            |labels| [[&[63][..], &[b'x'; 63]].concat().repeat(labels), vec![0]].concat()
        ),
        (128..140usize).prop_map(|labels| [b"\x01x".repeat(labels), vec![0]].concat()),
    ]
}

fn record_of(name: Vec<u8>, rtype: u16, class: u16, ttl: u32, rdata: Vec<u8>, lie: u16) -> Vec<u8> {
    let len = (rdata.len() as u16).wrapping_add(lie);
    let fixed = [
        &rtype.to_be_bytes()[..],
        &class.to_be_bytes(),
        &ttl.to_be_bytes(),
        &len.to_be_bytes(),
    ];
    [name, fixed.concat(), rdata].concat()
}

fn options() -> impl Strategy<Value = Vec<u8>> {
    let option = (
        any::<u16>(),
        prop::collection::vec(any::<u8>(), 0..20),
        prop_oneof![9 => Just(0), 1 => any::<u16>()],
    )
        .prop_map(|(code, data, lie)| {
            let len = (data.len() as u16).wrapping_add(lie);
            [&code.to_be_bytes()[..], &len.to_be_bytes(), &data].concat()
        });
    prop::collection::vec(option, 0..3).prop_map(|options| options.concat())
}

fn record() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![3 => Just(vec![0]), 2 => proper_name(), 1 => improper_name()];
    let rtype = prop_oneof![3 => Just(OPT), 2 => Just(TSIG), 1 => Just(1), 1 => any::<u16>()];
    let class = prop_oneof![select(vec![1, 255, 512, 1232]), any::<u16>()];
    let ttl = prop_oneof![3 => Just(0), 1 => Just(0x8000), 1 => any::<u32>()];
    let lie = prop_oneof![8 => Just(0), 1 => Just(1), 1 => any::<u16>()];
    (name, rtype, class, ttl, options(), lie).prop_map(|(name, rtype, class, ttl, rdata, lie)| {
        record_of(name, rtype, class, ttl, rdata, lie)
    })
}

fn a_question() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![5 => proper_name(), 2 => improper_name()];
    // Those of queries, meta types, and any.
    let rtype = prop_oneof![
        select(vec![
            1, 6, 28, 41, 128, 249, 250, 251, 252, 253, 254, 255, 0, 65_535
        ]),
        any::<u16>()
    ];
    let class = prop_oneof![6 => Just(1), 1 => select(vec![0, 3, 4, 254, 255]), 1 => any::<u16>()];
    (name, rtype, class).prop_map(|(name, rtype, class)| {
        [
            name,
            rtype.to_be_bytes().to_vec(),
            class.to_be_bytes().to_vec(),
        ]
        .concat()
    })
}

prop_compose! {
    fn draft()(
        id: u16,
        // QR seldom, opcodes often 0.
        opcode in prop_oneof![3 => Just(0), 1 => 0..16u8],
        is_response in prop::bool::weighted(0.05),
        flags: [u8; 2],
        questions in prop_oneof![
            8 => prop::collection::vec(a_question(), 1),
            2 => prop::collection::vec(a_question(), 0..4),
        ],
        answers in prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(record(), 0..3)],
        authority in prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(record(), 0..3)],
        additional in prop::collection::vec(record(), 0..3),
        lies in prop_oneof![
            4 => Just([0; 4]),
            1 => any::<[bool; 4]>().prop_map(|lies| lies.map(u16::from)),
            1 => any::<[u16; 4]>(),
        ],
        trailer in prop_oneof![6 => Just(Vec::new()), 1 => prop::collection::vec(any::<u8>(), 1..9)],
        missing in prop_oneof![6 => Just(0), 1 => 0..60usize],
    ) -> Draft {
        let flags = [u8::from(is_response) << 7 | opcode << 3 | flags[0] & 7, flags[1]];
        Draft { id, flags, questions, records: [answers, authority, additional], lies, trailer, missing }
    }
}

/// Where the only question ends, read as simply as can be; `None` where there is not exactly one.
fn question_end(message: &[u8]) -> Option<usize> {
    if message[4..6] != [0, 1] {
        return None;
    }
    let mut at = 12;
    loop {
        match *message.get(at)? {
            0 => break,
            len @ 1..=63 => at += 1 + usize::from(len),
            _ => return None,
        }
    }
    (at + 1 - 12 <= 255 && at + 5 <= message.len()).then_some(at + 5)
}

/// What holds for the answer to any octets.
fn check(root: &Root, message: &[u8], transport: Transport) -> Result<(), TestCaseError> {
    let reply = ask(root, message, transport, 1);
    let may_be_answered = message.len() >= 12 && message[2] & 0x80 == 0;
    prop_assert_eq!(reply.is_some(), may_be_answered, "{:02x?}", message);
    let Some(reply) = reply else { return Ok(()) };
    prop_assert_eq!(&reply[..2], &message[..2]);
    // QR, and the opcode of the query.
    prop_assert_eq!(reply[2] & 0xF8, 0x80 | message[2] & 0x78);
    let rcode = reply[3] & 0x0F;
    let opcode = message[2] >> 3 & 0x0F;
    match question_end(message) {
        Some(end) => {
            prop_assert_eq!(&reply[4..6], &[0, 1], "{:02x?}", message);
            prop_assert_eq!(&reply[12..end], &message[12..end]);
        }
        None => {
            prop_assert_eq!(&reply[4..6], &[0, 0], "{:02x?}", message);
            let expected = if opcode == 0 { FORMERR } else { NOTIMP };
            prop_assert_eq!(rcode, expected, "{:02x?}", message);
        }
    }
    let is_error = rcode == FORMERR || opcode != 0;
    prop_assert!(
        !is_error || reply[6..10] == [0; 4],
        "an error has no records: {:02x?}",
        message
    );
    let has_opt = message.windows(2).any(|octets| octets == OPT.to_be_bytes());
    if reply[10..12] != [0, 0] && is_error {
        prop_assert!(has_opt, "OPT out of nothing: {:02x?}", message);
    }
    let family_0 = [0, 8, 0, 4, 0, 0, 0, 0];
    if !message.windows(8).any(|option| option == family_0) {
        let read = Message::from_vec(&reply);
        prop_assert!(
            read.is_ok(),
            "{:?}: {:02x?} to {:02x?}",
            read,
            reply,
            message
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_sent_is_dropped_or_gets_an_error_with_its_question(
        zone in zone(), drafts in prop::collection::vec(draft(), 200),
    ) {
        let root = root_of(zone.compiled());
        for draft in drafts {
            check(&root, &draft.octets(), TCP)?;
            check(&root, &draft.octets(), Transport::Udp { payload_max: 1232 })?;
        }
    }
}

/// What makes a proper query a FORMERR, alone.
#[derive(Clone, Debug)]
enum Flaw {
    Questions(Vec<u8>, usize),
    Name(Vec<u8>),
    Record { section: usize, octets: Vec<u8> },
    TwoOpts,
    OptOffTheRoot,
    BrokenOption(Vec<u8>),
    Lie { section: usize, by: u16 },
    Trailer(Vec<u8>),
    Missing(usize),
}

fn flaw() -> impl Strategy<Value = Flaw> {
    let data = || record_of(vec![0], 1, 1, 0, vec![192, 0, 2, 1], 0);
    prop_oneof![
        (a_question(), select(vec![0, 2, 3]))
            .prop_map(|(question, count)| Flaw::Questions(question, count)),
        improper_name().prop_map(Flaw::Name),
        (0..2usize).prop_map(move |section| Flaw::Record {
            section,
            octets: data()
        }),
        Just(Flaw::TwoOpts),
        Just(Flaw::OptOffTheRoot),
        select(vec![
            &b"\xfd"[..],
            b"\0\x64\0\x01",
            b"\0\x08\0\x04\0\x01\x21\0",
            b"\0\x08\0\x01\0"
        ])
        .prop_map(|octets| Flaw::BrokenOption(octets.to_vec())),
        (1..4usize, 1..300u16).prop_map(|(section, by)| Flaw::Lie { section, by }),
        prop::collection::vec(any::<u8>(), 1..40).prop_map(Flaw::Trailer),
        (1..11usize).prop_map(Flaw::Missing),
    ]
}

fn opt(rdata: Vec<u8>) -> Vec<u8> {
    record_of(vec![0], OPT, 1232, 0, rdata, 0)
}

impl Flaw {
    fn put_into(self, draft: &mut Draft) {
        match self {
            Flaw::Questions(question, count) => draft.questions = vec![question; count],
            Flaw::Name(name) => draft.questions = vec![[name, vec![0, 1, 0, 1]].concat()],
            Flaw::Record { section, octets } => draft.records[section].push(octets),
            Flaw::TwoOpts => draft.records[2].push(opt(Vec::new())),
            Flaw::OptOffTheRoot => {
                draft.records[2] =
                    vec![record_of(b"\x01a\0".to_vec(), OPT, 1232, 0, Vec::new(), 0)];
            }
            Flaw::BrokenOption(octets) => draft.records[2] = vec![opt(octets)],
            Flaw::Lie { section, by } => draft.lies[section] = by,
            Flaw::Trailer(octets) => draft.trailer = octets,
            Flaw::Missing(octets) => draft.missing = octets,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn one_flaw_makes_a_proper_query_a_formerr(id: u16, name in proper_name(), flaw in flaw()) {
        let zone = crate::zones::empty();
        let root = root_of(zone.compiled());
        let mut draft = Draft {
            id,
            flags: [0, 0],
            questions: vec![[name, vec![0, 1, 0, 1]].concat()],
            records: [Vec::new(), Vec::new(), vec![opt(Vec::new())]],
            lies: [0; 4],
            trailer: Vec::new(),
            missing: 0,
        };
        let proper = ask(&root, &draft.octets(), TCP, 1).unwrap();
        prop_assert_ne!(proper[3] & 0x0F, FORMERR);
        flaw.put_into(&mut draft);
        let message = draft.octets();
        let reply = ask(&root, &message, TCP, 1).unwrap();
        prop_assert_eq!(reply[3] & 0x0F, FORMERR, "{:02x?}", message);
        check(&root, &message, TCP)?;
    }
}

#[test]
fn too_few_octets_for_a_header_get_no_answer() {
    let root = root_of(crate::zones::empty().compiled());
    for len in 0..12 {
        for octet in [0, 1, 0x7f, 0xff] {
            assert_eq!(ask(&root, &vec![octet; len], TCP, 1), None);
        }
    }
}
