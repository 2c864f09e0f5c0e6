//! Any octets as the cookie of a session: nothing counts but what was given out, to the letter.
#![no_main]

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use meridian::model::{EndpointId, PoolId};
use meridian::state::forwarding::{Form, Keys, Secure, Sticky};

const ENDPOINTS: u32 = 5;
/// Minutes since 1970.
const NOW: u32 = 29_900_000;

fuzz_target!(|octets: &[u8]| {
    let sticky = sticky();
    // As it comes.
    if let Some(named) = sticky.read(octets, NOW) {
        let text = std::str::from_utf8(octets).expect("digits");
        let given = u32::from_str_radix(&text[18..26], 16).expect("minutes");
        assert_eq!(sticky.value(named.endpoint, given).as_deref(), Some(text));
    }
    // As changes to one that was given out.
    let [which, age, changes @ ..] = octets else {
        return;
    };
    let endpoint = EndpointId(u32::from(*which) % ENDPOINTS);
    let given = NOW - u32::from(*age);
    let right = sticky.value(endpoint, given).expect("it is within reach");
    let mut value = right.clone().into_bytes();
    for (octet, change) in value.iter_mut().zip(changes) {
        *octet ^= change;
    }
    let is_right = value == right.as_bytes() && *age <= 60;
    let named = sticky.read(&value, NOW).map(|named| named.endpoint);
    assert_eq!(named, is_right.then_some(endpoint));
});

fn sticky() -> &'static Sticky {
    static STICKY: OnceLock<Sticky> = OnceLock::new();
    STICKY.get_or_init(|| {
        let keys = Keys::new(&[b"0123456789abcdef", b"fedcba9876543210"]).expect("two secrets");
        let form = Form {
            cookie: "session".into(),
            attributes: Box::default(),
            secure: Secure::AsAsked,
            max_age_min: Some(60),
        };
        let endpoint = |id| (PoolId(0), "web", EndpointId(id), format!("192.0.2.{id}"));
        Sticky::new(form, &Arc::new(keys), (0..ENDPOINTS).map(endpoint))
    })
}
