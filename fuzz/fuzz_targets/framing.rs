//! Any octets from a client of HTTP/1: however they are cut up, the same is handed on, and it is what a model that is
//! written another way says.
#![no_main]

#[path = "../../tests/forwarder/framing_model.rs"]
mod framing_model;

use framing_model::Model;
use libfuzzer_sys::fuzz_target;
use meridian::forwarder::framing::{Framing, Limits};

const WIDE: Limits = Limits {
    head_max: 1 << 24,
    headers_max: 1 << 24,
    target_max: 1 << 24,
};

/// Octets that are handed on, heads among them, and whether the rest is refused.
fn scan(limits: Limits, octets: &[u8], cut: usize) -> (usize, u64, bool) {
    let mut framing = Framing::new(limits);
    let (mut start, mut end) = (0, 0);
    while end < octets.len() {
        end = (end + cut).min(octets.len());
        match framing.scan(&octets[start..end]) {
            Ok(len) => start += len,
            Err((len, _)) => return (start + len, framing.heads(), true),
        }
        // Nothing of another protocol is looked for.
        framing.release();
    }
    (start, framing.heads(), false)
}

fuzz_target!(|octets: &[u8]| {
    let Some((&cut, octets)) = octets.split_first() else {
        return;
    };
    let whole = scan(WIDE, octets, octets.len().max(1));
    let has_upgrade = octets
        .windows(7)
        .any(|name| name.eq_ignore_ascii_case(b"upgrade"));
    if !has_upgrade {
        assert_eq!(whole, scan(WIDE, octets, usize::from(cut).max(1)));
        match framing_model::read(octets) {
            Model::Whole(requests) => assert_eq!(whole, (octets.len(), requests, false)),
            Model::Refused => assert!(whole.2),
            Model::Partial => {}
        }
    }
    let narrow = Limits {
        head_max: 64,
        headers_max: 3,
        target_max: 16,
    };
    let (passed, heads, is_refused) = scan(narrow, octets, usize::from(cut).max(1));
    // What is narrower lets less through.
    assert!(passed <= whole.0 || has_upgrade);
    assert!(heads <= whole.1 || has_upgrade);
    assert!(is_refused || !whole.2 || has_upgrade);
});
