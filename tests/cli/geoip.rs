//! `meridian geoip build`, `meridian geoip lookup` and `meridian geoip synth`

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::place::{Place, in_repository};
use crate::server::{config, place};

const GOOD: &str = "# ip_prefix,alpha2code,region,city,postal,continent,latitude,longitude,asn\n\
    198.51.100.0/24,DE,DE-BE,,,EU,52.5,13.4,64500\n\
    2001:db8::/32,US,,,,NA,,,\n";

/// A place whose configuration reads `own.mmdb`.
fn with_own_database() -> Place {
    let place = place();
    let sample = in_repository("geoip/sample.mmdb").display().to_string();
    place.write("meridian.toml", config().replace(&sample, "own.mmdb"));
    place
}

fn build(place: &Place, tables: &[&str]) -> crate::place::Outcome {
    let mut arguments = vec!["geoip", "build"];
    arguments.extend(tables);
    arguments.extend(["-o", "own.mmdb"]);
    place.run(&arguments)
}

#[test]
fn what_was_built_is_what_a_look_up_finds() {
    let place = with_own_database();
    place.write("own.csv", GOOD);
    let built = build(&place, &["own.csv"]);
    assert_eq!((built.code, &*built.stderr), (0, ""));
    let size = fs::metadata(place.path("own.mmdb")).unwrap().len();
    assert_eq!(
        built.stdout,
        format!("own.mmdb: 2 networks, {size} octets\n")
    );

    let lookup = |address: &str| {
        let outcome = place.run(&["geoip", "lookup", address, "--config", "meridian.toml"]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome.stdout
    };
    let berlin = lookup("198.51.100.77");
    for words in [
        "198.51.100.77 is in 198.51.100.0/24: ",
        "continent EU",
        "country DE",
        "DE-BE",
        "at 52.50, 13.40",
        "AS64500",
        "map 0 (world): class ",
    ] {
        assert!(berlin.contains(words), "{words}: {berlin}");
    }
    assert!(lookup("2001:db8::7").contains("in 2001:db8::/32: continent NA, country US"));
    assert!(lookup("192.0.2.1").contains("in no database and no own network"));
}

#[test]
fn the_sample_is_what_its_table_makes() {
    let place = Place::new();
    let table = in_repository("geoip/sample.csv");
    let built = build(&place, &[table.to_str().unwrap()]);
    assert_eq!(built.code, 0, "{built:?}");
    let sample = fs::read(in_repository("geoip/sample.mmdb")).unwrap();
    assert!(fs::read(place.path("own.mmdb")).unwrap() == sample);
}

#[test]
fn bad_tables_are_told_with_every_place_and_the_old_database_stays() {
    let place = Place::new();
    place.write("own.mmdb", "the old one");
    place.write("a.csv", "198.51.100.0/24,XX,,,,,,,\n300.1.1.1/8,DE\n");
    place.write("b.csv", "192.0.2.0/24,DE,,,,MARS,,,\n");
    let built = build(&place, &["a.csv", "b.csv", "c.csv"]);
    assert_eq!(built.code, 1);
    for words in [
        "a.csv:1:17: error: ",
        "a.csv:2:1: error: ",
        "b.csv:1:20: error: ",
        "expected one of AF AN AS EU NA OC SA",
        "c.csv: error: ",
        "nothing was written",
    ] {
        assert!(built.stderr.contains(words), "{words}: {}", built.stderr);
    }
    assert_eq!(place.read("own.mmdb"), "the old one");
}

#[test]
fn a_database_is_replaced_whole_and_nothing_is_left_beside_it() {
    let place = Place::new();
    place.write("own.csv", GOOD);
    place.write("own.mmdb", "the old one");
    let old = fs::metadata(place.path("own.mmdb")).unwrap().ino();
    // Whoever has the old one open goes on reading it.
    let reader = fs::File::open(place.path("own.mmdb")).unwrap();
    assert_eq!(build(&place, &["own.csv"]).code, 0);
    assert_ne!(fs::metadata(place.path("own.mmdb")).unwrap().ino(), old);
    assert_eq!(std::io::read_to_string(reader).unwrap(), "the old one");
    let folder = place.path("own.mmdb").parent().unwrap().to_owned();
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["own.csv", "own.mmdb", "run", "tmp"]);
}

#[test]
fn an_output_that_cannot_be_written_is_refused_by_name() {
    let place = Place::new();
    place.write("own.csv", GOOD);
    let outcome = place.run(&["geoip", "build", "own.csv", "-o", "no/folder/own.mmdb"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("no/folder/own.mmdb: error: "),
        "{outcome:?}"
    );
}

#[test]
fn a_look_up_with_a_broken_database_says_which_and_why() {
    let place = with_own_database();
    place.write("own.mmdb", "no database");
    let arguments = ["geoip", "lookup", "8.8.8.8", "--config", "meridian.toml"];
    let outcome = place.run(&arguments);
    assert_eq!(outcome.code, 1);
    for words in ["own.mmdb` cannot be used: ", "meridian.toml cannot be used"] {
        assert!(outcome.stderr.contains(words), "{outcome:?}");
    }
}

#[test]
fn a_made_up_database_is_the_same_each_time_and_can_be_served() {
    let place = with_own_database();
    let make = |output: &str, ipv4: &str| {
        let networks = [
            "--ipv4-networks",
            ipv4,
            "--ipv6-networks",
            "200",
            "--seed",
            "7",
        ];
        let arguments = [&["geoip", "synth", "-o", output][..], &networks].concat();
        place.run(&arguments)
    };
    let made = make("own.mmdb", "1000");
    assert_eq!((made.code, &*made.stderr), (0, ""));
    assert!(
        made.stdout
            .starts_with("own.mmdb: 1000 IPv4 and 200 IPv6 networks, "),
        "{}",
        made.stdout
    );
    assert_eq!(make("again.mmdb", "1000").code, 0);
    let read = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(read("own.mmdb") == read("again.mmdb"));
    let check = place.run(&["check", "--config", "meridian.toml"]);
    assert_eq!(check.code, 0, "{check:?}");

    let refused = make("own.mmdb", "30000000");
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("more than 20000000"),
        "{}",
        refused.stderr
    );
    assert!(read("own.mmdb") == read("again.mmdb"));
}
