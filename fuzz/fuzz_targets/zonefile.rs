//! Any octets as a zone file: no panic, and records only where there is no error.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use meridian::compile::zonefile::{self, Balanced};
use meridian::config::Diagnostics;
use meridian::dns::Name;

fuzz_target!(|text: &[u8]| {
    let text = &without_includes(text)[..];
    let apex = Name::parse("example.com").unwrap();
    let balanced = [("www", false), ("cdn", true)].map(|(name, may_be_alias)| Balanced {
        owner: Name::parse(&format!("{name}.example.com")).unwrap(),
        may_be_alias,
    });
    let mut diagnostics = Diagnostics::new();
    let records = zonefile::parse(
        text,
        Path::new("fuzz.zone"),
        &apex,
        &balanced,
        &mut diagnostics,
    );
    assert_eq!(records.is_none(), diagnostics.has_errors());
    for record in records.unwrap_or_default().iter() {
        assert!(record.owner.is_in(&apex));
        assert!(record.ttl <= zonefile::TTL_MAX);
        assert!(record.rdata.len() <= 65_535);
    }
});

/// An include would read whatever files this machine has: it becomes a comment.
fn without_includes(text: &[u8]) -> Vec<u8> {
    const DIRECTIVE: &[u8] = b"$INCLUDE";
    let mut text = text.to_vec();
    for at in 0..text.len() {
        let rest = &mut text[at..];
        if rest
            .get(..DIRECTIVE.len())
            .is_some_and(|word| word.eq_ignore_ascii_case(DIRECTIVE))
        {
            rest[0] = b';';
        }
    }
    text
}
