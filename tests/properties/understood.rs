//! Is every query that hickory-proto can build understood?

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RecordType};
use proptest::prelude::*;

use crate::engine::{TCP, ask, decode, root_of};
use crate::messages::wrapping;
use crate::zones::zone;

/// Any octets as labels, as long as they make a name.
fn any_name() -> impl Strategy<Value = Name> {
    let label = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 1..12),
        1 => prop::collection::vec(any::<u8>(), 60..=63),
    ];
    prop::collection::vec(label, 0..8).prop_filter_map("longer than a name may be", |labels| {
        Name::from_labels(labels.iter().map(Vec::as_slice)).ok()
    })
}

/// Any type but OPT, which is none of records that a question can be about.
fn any_type() -> impl Strategy<Value = RecordType> {
    any::<u16>()
        .prop_map(RecordType::from)
        .prop_filter("OPT", |&rtype| rtype != RecordType::OPT)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_query_that_hickory_proto_builds_is_understood(
        zone in zone(),
        asked in prop::collection::vec((wrapping(), any_name(), any_type()), 50),
    ) {
        let root = root_of(zone.compiled());
        for (wrapping, name, rtype) in asked {
            let query = wrapping.around(&name, rtype).to_vec().unwrap();
            let reply = ask(&root, &query, TCP, 1).unwrap();
            let message = decode(&reply);
            prop_assert_ne!(message.metadata.response_code, ResponseCode::FormErr, "{:02x?}", query);
        }
    }
}
