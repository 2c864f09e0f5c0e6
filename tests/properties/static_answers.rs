//! Do zones answer as RFC 1034 says?

use std::sync::LazyLock;

use hickory_proto::rr::{Name, RData, Record, RecordType};
use meridian::compile::zone::Settings;
use proptest::prelude::*;

use crate::engine::{TCP, ask, ask_decoded, decode, query, root_of, sorted, text};
use crate::reference::Reference;
use crate::zones::{APEX, order, question, settings, zone};

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
        zone in zone(), rrset_order in order(), questions in prop::collection::vec(question(), 40),
    ) {
        let root = root_of(zone.compiled_with(Settings { rrset_order, ..Settings::default() }));
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
        zone in zone(), settings in settings(), questions in prop::collection::vec(question(), 40),
    ) {
        let root = root_of(zone.compiled_with(settings));
        let records = zone.hickory_records();
        let known = sorted(&records);
        for (name, rtype) in questions {
            let reply = ask(&root, &query(&name, rtype), TCP, 1).unwrap();
            let message = decode(&reply);
            let additional = sorted(&message.additionals);
            // From the zone as it stands, or by a wildcard: then the zone says the same when asked.
            for record in &message.additionals {
                let is_covered = || {
                    let said = ask_decoded(&root, &query(&record.name, record.record_type()), 1);
                    said.answers.contains(&text(record))
                };
                let is_known = known.binary_search(&text(record)).is_ok();
                prop_assert!(is_known || is_covered(), "{} {}\n{}", name, rtype, zone.text);
            }
            let mut referral = message.authorities.clone();
            referral.retain(|ns| ns.name != *APEX_NAME);
            let glue = glue(&records, &referral);
            let is_there = |record: &String| additional.contains(record);
            prop_assert!(glue.iter().all(is_there), "{} {}\n{}", name, rtype, zone.text);
        }
    }
}
