//! The zones of the repository.

use super::*;

#[test]
fn the_example_zones_have_no_mistakes() {
    let records = read_file(
        "zones/example.com.zone",
        "example.com",
        &["shop.example.com"],
    );
    assert_eq!(records.len(), 31);
    let records = read_file("zones/gslb.example.com.zone", "gslb.example.com", &[]);
    assert_eq!(records.len(), 5);
    let records = read_file("zones/types.example.com.zone", "types.example.com", &[]);
    assert_eq!(records.len(), 77);
}

#[test]
fn a_record_says_where_it_was_written() {
    let records = read_file("zones/example.com.zone", "example.com", &[]);
    let dmarc = name("_dmarc.example.com");
    let record = records.iter().find(|r| *r.owner == dmarc).unwrap();
    assert!(record.place().file.ends_with("zones/example.com.mail.inc"));
    assert_eq!((record.place().line, record.place().column), (10, 13));
}
