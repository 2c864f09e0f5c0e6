//! Any octets as a message to the answer engine, over the repository's example zones: no panic, and
//! whatever is answered can be read by an implementation that is not ours and keeps to its limit. Inputs
//! are messages made of parts that mean something, and mutations of those.
#![no_main]

mod drafts;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use hickory_proto::op::{Message, MessageType};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use meridian::compile;
use meridian::config::{At, Config, Place, Zone};
use meridian::dns::Name;
use meridian::model::{Responses, RrsetOrder};
use meridian::nameserver::answer::{Query, Transport, Worker, answer};
use meridian::random::Random;
use meridian::state::{EndpointHealth, Health, Root};

const PAYLOAD_MAX: u16 = 1232;

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::from_seed(seed.into());
    // What is known to reach far is changed octet by octet most of the time.
    if random.below(4) > 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let message = drafts::message(&mut random);
    let len = message.len().min(max_size);
    data[..len].copy_from_slice(&message[..len]);
    len
});

fuzz_target!(|message: &[u8]| {
    let root = root();
    let udp = Transport::Udp {
        payload_max: PAYLOAD_MAX,
    };
    let tcp = Transport::Tcp {
        payload_max: PAYLOAD_MAX,
    };
    for (transport, limit) in [(udp, usize::from(PAYLOAD_MAX)), (tcp, 65_535)] {
        let mut worker = Worker::new(Random::from_seed(1), None);
        worker.fit(root);
        worker.idle_timeout_100ms = Some(100);
        let query = Query {
            message,
            peer: IpAddr::V4(Ipv4Addr::new(193, 0, 0, 1)),
            transport,
        };
        let mut reply = vec![0; 65_535];
        let is_query = message.len() >= 12 && message[2] & 0x80 == 0;
        let len = answer(&mut worker, root, &query, &mut reply);
        assert_eq!(len.is_some(), is_query);
        let Some(len) = len else { continue };
        assert!(len <= limit);
        if !may_have_family_0(message) {
            let decoded = Message::from_vec(&reply[..len]).expect("a readable answer");
            assert_eq!(decoded.metadata.message_type, MessageType::Response);
        }
    }
});

/// RFC 7871 knows no FAMILY 0, but some clients send it with /0; they get back what they sent, which
/// hickory-proto refuses to read.
fn may_have_family_0(message: &[u8]) -> bool {
    let option = [0, 8, 0, 4, 0, 0, 0, 0];
    message
        .windows(option.len())
        .any(|window| *window == option)
}

/// The quickstart's zone with its balanced name, and below it the example zone with one of everything.
fn root() -> &'static Root {
    static ROOT: OnceLock<Root> = OnceLock::new();
    ROOT.get_or_init(|| {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let config = repository.join("examples/quickstart/meridian.toml");
        let zone = repository.join("zones/example.com.zone");
        let add_zone = move |config: &mut Config| {
            config.zones.push(Zone {
                apex: Name::parse("example.com").expect("a name"),
                file: At {
                    value: zone.clone(),
                    place: Place::file(&zone),
                },
                client_subnet: true,
                responses: Responses::Full,
                rrset_order: RrsetOrder::Rotated,
                allow_query: None,
                balanced: Vec::new(),
            });
        };
        let (whole, _) = compile::load(&config, Some(&add_zone)).expect("valid examples");
        let health = Health::new(&whole.parts.pools, |_| EndpointHealth::UNWATCHED);
        whole.parts.root(1, Arc::new(health))
    })
}
