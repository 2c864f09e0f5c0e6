//! Can every answer be read, does it keep to its limit, and does nothing panic?

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_proto::rr::{Name, Record, RecordType};
use meridian::dns::edns::SubnetOption;
use meridian::nameserver::answer::Transport;
use meridian::state::{Identity, Root};
use proptest::prelude::*;

use crate::configurations::{balanced_question, configuration, service_question};
use crate::engine::{TCP, ask, decode, root_of, sorted, text};
use crate::zones::{question, settings, zone};

/// The parts of a query that are not its question.
#[derive(Clone, Debug)]
pub struct Wrapping {
    pub id: u16,
    pub recursion_desired: bool,
    pub checking_disabled: bool,
    pub edns: Option<Options>,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub payload: u16,
    pub dnssec_ok: bool,
    pub subnet: Option<(IpAddr, u8)>,
    pub unknown: Option<(u16, Vec<u8>)>,
    /// NSID, COOKIE, TCP keepalive.
    pub known: Vec<(u16, Vec<u8>)>,
}

impl Wrapping {
    pub fn around(&self, name: &Name, rtype: RecordType) -> Message {
        let mut message = Message::new(self.id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = self.recursion_desired;
        message.metadata.checking_disabled = self.checking_disabled;
        message.add_query(Query::query(name.clone(), rtype));
        if let Some(options) = &self.edns {
            message.set_edns(options.edns());
        }
        message
    }
}

impl Options {
    fn edns(&self) -> Edns {
        let mut edns = Edns::new();
        edns.set_max_payload(self.payload)
            .set_dnssec_ok(self.dnssec_ok);
        if let Some((address, source)) = self.subnet {
            // Bits past SOURCE must be zero (RFC 7871, 6); hickory-proto sends them as they are.
            let address = SubnetOption::new(address, source).address;
            let subnet = ClientSubnet::new(address, source, 0);
            edns.options_mut().insert(EdnsOption::Subnet(subnet));
        }
        for (code, data) in self.unknown.iter().chain(&self.known) {
            let option = EdnsOption::Unknown(*code, data.clone());
            edns.options_mut().insert(option);
        }
        edns
    }
}

fn subnet() -> impl Strategy<Value = (IpAddr, u8)> {
    prop_oneof![
        (any::<Ipv4Addr>(), 0..=32u8).prop_map(|(address, source)| (address.into(), source)),
        (any::<Ipv6Addr>(), 0..=128u8).prop_map(|(address, source)| (address.into(), source)),
    ]
}

/// A cookie of a length that it may have (RFC 7873, 4), and options that only ask.
fn known() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    let octets = |len| prop::collection::vec(any::<u8>(), len);
    let cookie = prop_oneof![octets(8..=8), octets(16..=40)];
    let options = vec![
        cookie.prop_map(|cookie| (10, cookie)).boxed(),
        Just((3, Vec::new())).boxed(),
        Just((11, Vec::new())).boxed(),
    ];
    (options, any::<[bool; 3]>()).prop_map(|(options, is_there)| {
        let there = options.into_iter().zip(is_there).filter(|there| there.1);
        there.map(|(option, _)| option).collect()
    })
}

prop_compose! {
    fn options()(
        payload in prop_oneof![Just(0), Just(512), 512..1500u16, any::<u16>()],
        dnssec_ok: bool,
        subnet in prop::option::of(subnet()),
        // Not one that hickory-proto or we read.
        unknown in prop::option::of((100..=u16::MAX, prop::collection::vec(any::<u8>(), 0..20))),
        known in known(),
    ) -> Options {
        Options { payload, dnssec_ok, subnet, unknown, known }
    }
}

prop_compose! {
    pub fn wrapping()(
        id: u16, recursion_desired: bool, checking_disabled: bool, edns in prop::option::weighted(0.7, options()),
    ) -> Wrapping {
        Wrapping { id, recursion_desired, checking_disabled, edns }
    }
}

fn transport() -> impl Strategy<Value = Transport> {
    prop_oneof![
        1 => (512..=4096u16).prop_map(|payload_max| Transport::Tcp { payload_max }),
        3 => (512..=4096u16).prop_map(|payload_max| Transport::Udp { payload_max }),
    ]
}

/// Octets that an answer may have (RFC 1035, 4.2; RFC 6891, 6.2.5).
fn limit(transport: Transport, payload: Option<u16>) -> usize {
    match transport {
        Transport::Tcp { .. } => 65_535,
        Transport::Udp { payload_max } => {
            usize::from(payload.map_or(512, |payload| payload.clamp(512, payload_max)))
        }
    }
}

/// Records by owner and type.
fn sets(records: &[Record]) -> BTreeMap<(String, RecordType), Vec<String>> {
    let mut sets: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for record in records {
        let key = (record.name.to_string().to_lowercase(), record.record_type());
        sets.entry(key).or_default().push(text(record));
    }
    sets.values_mut().for_each(|set| set.sort());
    sets
}

/// What must hold between a query and its answer, whatever is asked.
fn check(
    root: &Root,
    wrapping: &Wrapping,
    (name, rtype): &(Name, RecordType),
    transport: Transport,
) -> Result<(), TestCaseError> {
    let query = wrapping.around(name, *rtype);
    let octets = query.to_vec().unwrap();
    let reply = ask(root, &octets, transport, 7).unwrap();
    let payload = wrapping.edns.as_ref().map(|options| options.payload);
    prop_assert!(
        reply.len() <= limit(transport, payload),
        "{} octets",
        reply.len()
    );
    let message = decode(&reply);
    let (asked, said) = (&query.metadata, &message.metadata);
    prop_assert_eq!(said.id, asked.id);
    prop_assert_eq!(said.message_type, MessageType::Response);
    prop_assert_eq!(said.recursion_desired, asked.recursion_desired);
    prop_assert!(!said.recursion_available && !said.authentic_data);
    prop_assert_eq!(&message.queries, &query.queries);
    // The case of the letters, too.
    prop_assert_eq!(message.queries[0].name.to_string(), name.to_string());
    check_edns(&root.service.identity, wrapping, &message)?;
    let is_full = root.zones.iter().any(|entry| entry.zone.is_full);
    let whole = decode(&ask(root, &octets, TCP, 7).unwrap());
    check_truncation(&message, &whole, is_full)
}

/// An OPT record exactly when the query had one (RFC 6891, 6.1.1), with its client subnet (RFC 7871,
/// 7.2.1).
fn check_edns(
    identity: &Identity,
    wrapping: &Wrapping,
    message: &Message,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(message.edns.is_some(), wrapping.edns.is_some());
    let (Some(options), Some(edns)) = (&wrapping.edns, &message.edns) else {
        return Ok(());
    };
    prop_assert_eq!(edns.flags().dnssec_ok, options.dnssec_ok);
    prop_assert_eq!(edns.version(), 0);
    let has = |code: u16| edns.option(code.into()).is_some();
    let asked = |code: u16| options.known.iter().any(|known| known.0 == code);
    prop_assert_eq!(has(3), asked(3) && identity.nsid.is_some());
    prop_assert_eq!(has(10), asked(10) && identity.cookies.is_some());
    let said = edns.option(hickory_proto::rr::rdata::opt::EdnsCode::Subnet);
    let Some(EdnsOption::Subnet(said)) = said else {
        // Only a zone that is ours can have an opinion about subnets.
        prop_assert!(options.subnet.is_none());
        return Ok(());
    };
    let asked = options
        .subnet
        .map(|(address, source)| SubnetOption::new(address, source));
    prop_assert_eq!(
        asked.map(|s| (s.address, s.source)),
        Some((said.addr(), said.source_prefix()))
    );
    Ok(())
}

/// What is cut off is cut off by whole RRsets, and TC says whether anything was that must not be missed:
/// of the authority section, nameservers that only full answers have may be.
fn check_truncation(
    message: &Message,
    whole: &Message,
    is_full: bool,
) -> Result<(), TestCaseError> {
    prop_assert!(!whole.metadata.truncation);
    prop_assert_eq!(message.metadata.response_code, whole.metadata.response_code);
    let sections = [
        (&message.answers, &whole.answers),
        (&message.authorities, &whole.authorities),
        (&message.additionals, &whole.additionals),
    ];
    for (section, of) in sections {
        let of = sets(of);
        for (key, set) in sets(section) {
            prop_assert_eq!(Some(&set), of.get(&key));
        }
    }
    if !message.metadata.truncation {
        prop_assert_eq!(sorted(&message.answers), sorted(&whole.answers));
        let may_lack = is_full && !message.answers.is_empty() && message.authorities.is_empty();
        let authorities = (sorted(&message.authorities), sorted(&whole.authorities));
        prop_assert!(may_lack || authorities.0 == authorities.1);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn answers_of_static_zones_can_be_read_and_keep_to_their_limit(
        zone in zone(), settings in settings(),
        asked in prop::collection::vec((wrapping(), question(), transport()), 30),
    ) {
        let root = root_of(zone.compiled_with(settings));
        for (wrapping, question, transport) in &asked {
            check(&root, wrapping, question, *transport)?;
        }
    }

    #[test]
    fn steered_answers_can_be_read_and_keep_to_their_limit(
        configuration in configuration(),
        asked in prop::collection::vec(
            (wrapping(), prop_oneof![balanced_question(), service_question()], transport()),
            30,
        ),
    ) {
        let root = configuration.root();
        for (wrapping, question, transport) in &asked {
            check(&root, wrapping, question, *transport)?;
        }
    }
}

/// Over UDP with each limit about as long as the whole answer.
fn check_edge(root: &Root, query: &[u8]) -> Result<(), TestCaseError> {
    let whole = ask(root, query, Transport::Tcp { payload_max: 1232 }, 7)
        .unwrap()
        .len();
    for limit in whole.saturating_sub(40).max(512)..whole + 2 {
        let payload_max = limit as u16;
        let reply = ask(root, query, Transport::Udp { payload_max }, 7).unwrap();
        prop_assert!(
            reply.len() <= limit,
            "{} octets, not {}",
            reply.len(),
            limit
        );
        prop_assert!(limit < whole || reply.len() == whole, "cut needlessly");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn answers_keep_to_limits_that_they_nearly_reach(
        zone in zone(), settings in settings(), mut options in options(),
        questions in prop::collection::vec(question(), 30),
    ) {
        let root = root_of(zone.compiled_with(settings));
        options.payload = u16::MAX;
        // Over TCP only.
        options.known.retain(|known| known.0 != 11);
        let wrapping = Wrapping {
            id: 1,
            recursion_desired: false,
            checking_disabled: false,
            edns: Some(options),
        };
        for (name, rtype) in questions {
            check_edge(&root, &wrapping.around(&name, rtype).to_vec().unwrap())?;
        }
    }
}

/// A record that signs what is before it (RFC 8945, 4.2), by a key that nobody has.
const SIGNATURE: &[u8] = b"\x03key\xc0\x0c\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x1f\
    \x0bhmac-sha256\x00\x00\x00\x5c\xf7\x9f\x11\x01\x2c\x00\x02ab\x12\x34\x00\x00\x00\x00";

/// Octets of a query, perhaps signed, some of them overwritten, the end perhaps cut off or grown.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let tail = prop::collection::vec(any::<u8>(), 0..4);
    (
        wrapping(),
        question(),
        changes,
        any::<prop::sample::Index>(),
        prop::bool::weighted(0.2),
        tail,
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(wrapping, (name, rtype), changes, end, is_cut, tail, is_signed)| {
                let mut octets = wrapping.around(&name, rtype).to_vec().unwrap();
                if is_signed {
                    octets[11] += 1;
                    octets.extend(SIGNATURE);
                }
                for (at, octet) in changes {
                    let at = at.index(octets.len());
                    octets[at] = octet;
                }
                if is_cut {
                    octets.truncate(end.index(octets.len()));
                    octets.extend(tail);
                }
                octets
            },
        )
}

/// A header that promises one question, and anything after it.
fn headed() -> impl Strategy<Value = Vec<u8>> {
    let header = (any::<u16>(), 0..3u8, 0..2u8).prop_map(|(id, opcode, additional)| {
        let [high, low] = id.to_be_bytes();
        vec![high, low, opcode << 3, 0, 0, 1, 0, 0, 0, 0, 0, additional]
    });
    (header, prop::collection::vec(any::<u8>(), 0..300))
        .prop_map(|(header, rest)| [header, rest].concat())
}

/// RFC 7871 knows no FAMILY 0, but some clients send it with /0; they get back what they sent, which
/// hickory-proto refuses to read.
fn may_have_family_0(message: &[u8]) -> bool {
    message
        .windows(8)
        .any(|option| *option == [0, 8, 0, 4, 0, 0, 0, 0])
}

fn check_anything(root: &Root, message: &[u8], transport: Transport) -> Result<(), TestCaseError> {
    let reply = ask(root, message, transport, 1);
    // Nothing is said to what is itself an answer, or has no header (RFC 1035, 4.1.1).
    let is_query = message.len() >= 12 && message[2] & 0x80 == 0;
    prop_assert_eq!(reply.is_some(), is_query);
    let Some(reply) = reply else { return Ok(()) };
    prop_assert!(reply.len() <= limit(transport, Some(u16::MAX)));
    if !may_have_family_0(message) {
        let read = Message::from_vec(&reply);
        prop_assert!(read.is_ok(), "{:?}: {:02x?}", read, reply);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_octets_make_it_panic_or_answer_what_cannot_be_read(
        zone in zone(), settings in settings(),
        mutated in prop::collection::vec((mutated(), transport()), 150),
        headed in prop::collection::vec((headed(), transport()), 50),
        any in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..100), transport()), 20),
    ) {
        let root = root_of(zone.compiled_with(settings));
        for (message, transport) in mutated.iter().chain(&headed).chain(&any) {
            check_anything(&root, message, *transport)?;
        }
    }
}
