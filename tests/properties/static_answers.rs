//! Do zones answer as RFC 1034 says?

use std::sync::LazyLock;

use hickory_proto::rr::{Name, RData, Record, RecordType};
use proptest::prelude::*;

use crate::engine::{TCP, ask, ask_decoded, decode, query, root_of, sorted};
use crate::reference::Reference;
use crate::zones::{APEX, question, zone};

static APEX_NAME: LazyLock<Name> = LazyLock::new(|| Name::from_ascii(APEX).unwrap());

/// The addresses of the nameservers that lie at or below the cut (RFC 9471, 2.1).
fn glue(records: &[Record], ns: &[Record]) -> Vec<String> {
    let needed = |address: &&Record| {
        matches!(address.record_type(), RecordType::A | RecordType::AAAA)
            && ns.iter().any(|ns| match &ns.data {
                RData::NS(server) => server.0 == address.name && ns.name.zone_of(&server.0),
                _ => false,
            })
    };
    sorted(records.iter().filter(needed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2500))]

    #[test]
    fn zones_answer_as_rfc_1034_section_4_3_2_says(
        zone in zone(), questions in prop::collection::vec(question(), 40),
    ) {
        let root = root_of(zone.compiled());
        let records = zone.hickory_records();
        let reference = Reference { apex: &APEX_NAME, records: &records };
        for (name, rtype) in questions {
            let said = ask_decoded(&root, &query(&name, rtype), 1);
            let right = reference.answer(&name, rtype);
            prop_assert_eq!(said, right, "{} {}\n{}", name, rtype, zone.text);
        }
    }

    #[test]
    fn what_comes_along_is_the_zones_and_a_referral_brings_the_addresses_below_its_cut(
        zone in zone(), questions in prop::collection::vec(question(), 40),
    ) {
        let root = root_of(zone.compiled());
        let records = zone.hickory_records();
        let known = sorted(&records);
        for (name, rtype) in questions {
            let reply = ask(&root, &query(&name, rtype), TCP, 1).unwrap();
            let message = decode(&reply);
            let additional = sorted(&message.additionals);
            prop_assert!(additional.iter().all(|record| known.binary_search(record).is_ok()));
            let glue = glue(&records, &message.authorities);
            let is_there = |record: &String| additional.contains(record);
            prop_assert!(glue.iter().all(is_there), "{} {}\n{}", name, rtype, zone.text);
        }
    }
}
