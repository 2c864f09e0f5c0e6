//! Any octets as a zone file: no panic, and records only where there is no error.
#![no_main]

use std::path::Path;

use libfuzzer_sys::{Corpus, fuzz_target};
use meridian::compile::zonefile;
use meridian::config::Diagnostics;
use meridian::dns::Name;

fuzz_target!(|text: &[u8]| -> Corpus {
    // An include would read whatever files this machine has.
    let directive = b"$INCLUDE";
    if text
        .windows(directive.len())
        .any(|window| window.eq_ignore_ascii_case(directive))
    {
        return Corpus::Reject;
    }
    let apex = Name::parse("example.com").unwrap();
    let balanced = [Name::parse("www.example.com").unwrap()];
    let mut diagnostics = Diagnostics::new();
    let records = zonefile::parse(
        text,
        Path::new("fuzz.zone"),
        &apex,
        &balanced,
        &mut diagnostics,
    );
    assert_eq!(records.is_none(), diagnostics.has_errors());
    for record in records.unwrap_or_default() {
        assert!(record.owner.is_in(&apex));
        assert!(record.ttl <= zonefile::TTL_MAX);
        assert!(record.rdata.len() <= 65_535);
    }
    Corpus::Keep
});
