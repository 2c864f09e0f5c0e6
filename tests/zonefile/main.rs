//! Zone files through the public interface: what is read, and what is said of mistakes.

use std::path::Path;

use meridian::compile::zonefile::{self, Balanced, Records, ZoneRecord};
use meridian::config::Diagnostics;
use meridian::dns::Name;

mod checks;
mod examples;
mod generate;
mod include;
mod limits;
mod redirection;
mod robustness;
mod signed;
mod structure;
mod ttl;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A name with addresses elsewhere; behind `alias:` one that may be answered with a CNAME.
fn owner(text: &str) -> Balanced {
    match text.strip_prefix("alias:") {
        Some(text) => Balanced {
            owner: name(text),
            may_be_alias: true,
        },
        None => name(text).into(),
    }
}

/// The records of a zone `example.com`, and every diagnostic as a line.
fn parse(text: &str, balanced: &[&str]) -> (Option<Records>, Vec<String>) {
    let balanced: Vec<Balanced> = balanced.iter().map(|text| owner(text)).collect();
    let mut diagnostics = Diagnostics::new();
    let records = zonefile::parse(
        text.as_bytes(),
        Path::new("z"),
        &name("example.com"),
        &balanced,
        &mut diagnostics,
    );
    let lines = diagnostics.sorted().iter().map(|d| d.to_string()).collect();
    (records, lines)
}

/// SOA, NS and its address, in three lines; what is tested follows on the fourth.
const HEAD: &str = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.example.net.\n";

/// The diagnostics of a zone that is complete but for `text`, which begins on line 4.
fn said(text: &str) -> Vec<String> {
    parse(&format!("{HEAD}{text}"), &[]).1
}

#[track_caller]
fn says(text: &str, expected: &[&str]) {
    assert_eq!(said(text), expected, "{text}");
}

/// `owner type ttl hex`, without the records of [`HEAD`].
fn records(text: &str) -> Vec<String> {
    let (records, said) = parse(&format!("{HEAD}{text}"), &[]);
    let records = records.unwrap_or_else(|| panic!("{said:#?}"));
    records.iter().skip(2).map(shown).collect()
}

fn shown(record: ZoneRecord<'_>) -> String {
    let hex: String = record.rdata.iter().map(|b| format!("{b:02x}")).collect();
    format!("{} {} {} {hex}", record.owner, record.rtype, record.ttl)
}

fn read_file(path: &str, apex: &str, balanced: &[&str]) -> Records {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let balanced: Vec<Balanced> = balanced.iter().map(|text| owner(text)).collect();
    let mut diagnostics = Diagnostics::new();
    let records = zonefile::read(&path, &name(apex), &balanced, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:#?}", diagnostics.sorted());
    records.unwrap()
}
