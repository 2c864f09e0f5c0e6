//! Configurations of several files, and zones found by their files.

use std::fs;
use std::path::Path;

use super::super::{Config, load};
use crate::model::{Responses, RrsetOrder};

/// What is reported of a folder with these files, paths from that folder.
fn reported(files: &[(&str, &str)]) -> Vec<String> {
    let (folder, loaded) = loaded(files);
    let diagnostics = match loaded {
        Ok((_, warnings)) => warnings,
        Err(mistakes) => mistakes,
    };
    let prefix = format!("{}/", folder.path().display());
    let lines = diagnostics.iter().map(ToString::to_string);
    lines.map(|line| line.replace(&prefix, "")).collect()
}

fn config(files: &[(&str, &str)]) -> Config {
    let (_, loaded) = loaded(files);
    let (config, warnings) = loaded.expect("right");
    assert!(warnings.is_empty(), "{warnings:?}");
    config
}

type Outcome = Result<(Config, crate::config::Diagnostics), crate::config::Diagnostics>;

fn loaded(files: &[(&str, &str)]) -> (tempfile::TempDir, Outcome) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let outcome = load(&folder.path().join("m.toml"))
        .map(|loaded| (loaded.config, loaded.warnings))
        .map_err(|refused| refused.diagnostics);
    (folder, outcome)
}

const ZONE: &str = "[zone.\"a.example\"]\nfile = \"a.zone\"\nbalanced.www = { policy = \"any\" }\n";
const POOL: &str = "[region.r]\n[pool.p]\nregion = \"r\"\nendpoints = [\"192.0.2.1\"]\n";
const POLICY: &str = "[policy.any]\nrandom = [\"p\"]\n";

#[test]
fn tables_and_their_references_may_be_spread_over_files_in_any_order() {
    let config = config(&[
        (
            "m.toml",
            &format!("include = [\"conf.d/*.toml\", \"policies.toml\"]\n{ZONE}"),
        ),
        ("policies.toml", POLICY),
        (
            "conf.d/2.toml",
            "[pool.q]\nregion = \"r\"\nendpoints = [\"192.0.2.2\"]\n[policy.more]\nfailover = [\"q\"]\n[zone.\"b.example\"]\nfile = \"b.zone\"\nbalanced.www = { policy = \"more\" }\n",
        ),
        (
            "conf.d/1.toml",
            &format!(
                "include = \"deeper/region.toml\"\n{}",
                POOL.replace("[region.r]\n", "")
            ),
        ),
        ("conf.d/deeper/region.toml", "[region.r]\n"),
        ("conf.d/.hidden.toml", "nonsense"),
        ("conf.d/readme", "nonsense"),
    ]);
    let names = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names(config.pools.iter().map(|p| &p.name).collect()), "p q");
    assert_eq!(
        names(config.policies.iter().map(|p| &p.name).collect()),
        "more any"
    );
    let files: Vec<_> = config.zones.iter().map(|zone| &zone.file.value).collect();
    assert!(
        files[0].ends_with("a.zone") && !files[0].ends_with("conf.d/a.zone"),
        "{files:?}"
    );
    assert!(files[1].ends_with("conf.d/b.zone"), "{files:?}");
    assert!(config.zones[1].file.place.file.ends_with("conf.d/2.toml"));
    assert_eq!(config.zones[1].file.place.line, 7);
}

#[test]
fn a_mistake_names_the_file_that_it_is_in() {
    assert_eq!(
        reported(&[
            (
                "m.toml",
                &format!("include = \"more.toml\"\n{ZONE}{POLICY}")
            ),
            (
                "more.toml",
                "# One.\n[region.r]\n[pool.p]\nregion = \"rr\"\nendpoints = [192]\nmonitr = 1\n"
            ),
        ]),
        [
            "more.toml:4:10: error: no region named `rr` (did you mean `r`?)",
            "more.toml:5:14: error: expected an endpoint such as \"192.0.2.1\" or { address = \"192.0.2.1\", weight = 2 }, found the integer 192",
            "more.toml:6:1: error: unknown key `monitr` (did you mean `monitor`?)",
        ]
    );
}

#[test]
fn what_is_not_toml_is_told_of_all_files_and_nothing_else_is() {
    assert_eq!(
        reported(&[
            ("m.toml", "include = \"*.inc\"\n[pool.p]\nregion = 1\n"),
            ("a.inc", "[region.r\n"),
            (
                "b.inc",
                "[region.s]\nlocation = \"DE\"\nlocation = \"FR\"\n"
            ),
            ("c.inc", "[pool.p]\nregion = web-eu\n"),
        ]),
        [
            "a.inc:1:10: error: unclosed table, expected `]`",
            "b.inc:3:1: error: `location` stands twice (keep one of the two)",
            "c.inc:2:10: error: text must stand in quotes (did you mean \"web-eu\"?)",
        ]
    );
}

#[test]
fn the_same_name_in_two_files_is_an_error_that_names_both_places() {
    let reported = reported(&[
        (
            "m.toml",
            &format!("include = \"*.inc\"\n[server]\ndrain_time = \"1s\"\n{ZONE}{POLICY}{POOL}"),
        ),
        (
            "a.inc",
            "[server]\ndrain_time = \"2s\"\n[pool.p]\nregion = \"r\"\nendpoints = [\"192.0.2.2\"]\n",
        ),
        ("b.inc", "[zone.\"A.example\"]\nfile = \"b.zone\"\n"),
        (
            "c.inc",
            "[network.n]\nlocation = \"DE\"\nprefixes = \"192.0.2.0/24\"\n[network.o]\nlocation = \"DE\"\nprefixes = \"192.0.2.0/24\"\n",
        ),
        (
            "d.inc",
            "[network.p]\nlocation = \"DE\"\nprefixes = \"192.0.2.0/24\"\n",
        ),
        ("e.inc", "region = 1\n"),
    ]);
    assert_eq!(
        reported,
        [
            "a.inc:1:2: error: `server` stands twice (it is at m.toml:2:2, too; keep one of the two)",
            "a.inc:3:7: error: pool `p` stands twice (it is at m.toml:10:7, too; keep one of the two)",
            "b.inc:1:7: error: zone A.example. is configured twice (it stands at m.toml:4:7 too; upper and lower case are the same)",
            "c.inc:6:12: error: 192.0.2.0/24 is in network `n` already (it stands on line 3)",
            "d.inc:3:12: error: 192.0.2.0/24 is in network `n` already (it stands at c.inc:3:12)",
            "e.inc:1:10: error: expected a table [region.NAME], found the integer 1",
        ]
    );
}

#[test]
fn a_file_is_read_once_so_no_circle_is_followed() {
    let already = "is part of this configuration already";
    let reported = reported(&[
        (
            "m.toml",
            "include = [\"*.toml\", \"one.inc\", \"./one.inc\"]\n",
        ),
        ("one.inc", "include = \"m.toml\"\n"),
    ]);
    assert_eq!(
        reported,
        [
            format!(
                "m.toml:1:12: error: `m.toml` {already} (named by m.toml; each file is read once)"
            ),
            format!(
                "m.toml:1:33: error: `./one.inc` {already} (named by m.toml:1:22; each file is read once)"
            ),
            format!(
                "one.inc:1:11: error: `m.toml` {already} (named by m.toml; each file is read once)"
            ),
        ]
    );
}

#[test]
fn a_file_that_is_not_there_is_an_error_and_a_pattern_that_fits_none_a_warning() {
    let reported_of = |include: &str| {
        reported(&[(
            "m.toml",
            &format!("include = {include}\n{ZONE}{POLICY}{POOL}"),
        )])
    };
    assert_eq!(
        reported_of("[\"*.inc\"]"),
        ["m.toml:1:12: warning: \"*.inc\" fits no file"]
    );
    assert_eq!(
        reported_of("\"more.inc\""),
        [
            "m.toml:1:11: error: `more.inc` cannot be included (cannot be read: No such file or directory (os error 2))"
        ]
    );
    assert_eq!(
        reported_of("\"/dev/null\""),
        ["m.toml:1:11: error: `/dev/null` cannot be included (it is not a regular file)",]
    );
    assert_eq!(
        reported_of("\"conf.d/*.inc\""),
        [
            "m.toml:1:11: error: \"conf.d/*.inc\" cannot be looked up (conf.d: No such file or directory (os error 2))"
        ]
    );
    assert_eq!(
        reported_of("[7, \"\"]"),
        [
            "m.toml:1:12: error: expected a path such as \"conf.d/*.toml\", found the integer 7",
            "m.toml:1:15: error: expected a path such as \"conf.d/*.toml\", found \"\"",
        ]
    );
}

#[test]
fn zones_are_named_by_their_files() {
    let config = config(&[
        (
            "m.toml",
            "include = \"team/zones.toml\"\n[zones]\nfiles = [\"zones/*.zone\", \"bind/db.*\"]\n[zone.\"B.example\"]\nclient_subnet = false\n",
        ),
        (
            "team/zones.toml",
            "[zones]\nfiles = [\"*\"]\nclient_subnet = false\n[zone.\"e.example\"]\nclient_subnet = true\n[zone.\"zones.toml\"]\nfile = \"zones.toml\"\n",
        ),
        ("team/e.example", ""),
        ("team/f.example", ""),
        ("zones/a.example.zone", ""),
        ("zones/b.example.zone", ""),
        ("zones/c.example.zone~", ""),
        ("zones/0\\0470-25.2.0.192.in-addr.arpa.zone", ""),
        ("bind/db.d.example", ""),
    ]);
    let zones: Vec<_> = config
        .zones
        .iter()
        .map(|zone| {
            let file = zone.file.value.file_name().unwrap().to_str().unwrap();
            (zone.apex.to_string(), file, zone.client_subnet)
        })
        .collect();
    let found: Vec<_> = zones
        .iter()
        .map(|(apex, file, subnet)| (&**apex, *file, *subnet))
        .collect();
    assert_eq!(
        found,
        [
            ("B.example.", "b.example.zone", false),
            ("e.example.", "e.example", true),
            ("zones.toml.", "zones.toml", false),
            (
                "0/0-25.2.0.192.in-addr.arpa.",
                "0\\0470-25.2.0.192.in-addr.arpa.zone",
                true
            ),
            ("a.example.", "a.example.zone", true),
            ("d.example.", "db.d.example", true),
            ("f.example.", "f.example", false),
        ]
    );
    assert!(config.zones[1].file.value.starts_with(Path::new("/")));
}

#[test]
fn zone_files_that_leave_a_doubt_are_refused() {
    assert_eq!(
        reported(&[
            (
                "m.toml",
                "[zones]\nfiles = [\"one/*\", \"two/*\", \"*/x.zone\", \"z*/*-*\", \"y\", \"none/*\", 1]\nclient_subnets = 1\n[zone.\"b.example\"]\nfile = \"a.zone\"\n[zone.\"g.example\"]\n"
            ),
            ("one/a.example", ""),
            ("one/b.example", ""),
            ("one/c..example", ""),
            ("one/*.example", ""),
            ("two/A.example", ""),
        ]),
        [
            "m.toml:2:10: error: a zone name has no `*`, found \"*.example\"",
            "m.toml:2:10: error: \"c..example\" is an empty label (two dots in a row, or one in front)",
            "m.toml:2:19: error: zone A.example. has two files (`one/a.example` and `two/A.example`)",
            "m.toml:2:28: error: \"*/x.zone\" does not say where a zone's name stands (put one `*` for it into the file's name, as in \"zones/*.zone\"; a single zone has a table [zone.\"NAME\"])",
            "m.toml:2:40: error: \"z*/*-*\" does not say where a zone's name stands (put one `*` for it into the file's name, as in \"zones/*.zone\"; a single zone has a table [zone.\"NAME\"])",
            "m.toml:2:50: error: \"y\" does not say where a zone's name stands (put one `*` for it into the file's name, as in \"zones/*.zone\"; a single zone has a table [zone.\"NAME\"])",
            "m.toml:2:55: error: \"none/*\" cannot be looked up (none: No such file or directory (os error 2))",
            "m.toml:2:65: error: expected a pattern such as \"zones/*.zone\", found the integer 1",
            "m.toml:3:1: error: unknown key `client_subnets` (did you mean `client_subnet`?)",
            "m.toml:5:1: error: [zone.\"b.example\"] has two files (`files` at m.toml:2:10 finds one/b.example)",
            "m.toml:6:7: error: `file` is missing in [zone.\"g.example\"] (write `file = \"zones/example.com.zone\"`)",
        ]
    );
}

#[test]
fn what_zones_says_is_the_default_for_what_it_finds() {
    let config = config(&[
        (
            "m.toml",
            "[zones]\nfiles = [\"zones/*\"]\nresponses = \"full\"\nrrset_order = \"rotated\"\nallow_query = [\"192.0.2.0/24\"]\n[zone.\"b.example\"]\nresponses = \"minimal\"\n[zone.\"c.example\"]\nfile = \"m.toml\"\n",
        ),
        ("zones/a.example", ""),
        ("zones/b.example", ""),
    ]);
    let said = |n: usize| {
        let zone = &config.zones[n];
        (
            zone.apex.to_string(),
            zone.responses,
            zone.rrset_order,
            zone.allow_query.is_some(),
        )
    };
    assert_eq!(
        said(0),
        (
            "b.example.".into(),
            Responses::Minimal,
            RrsetOrder::Rotated,
            true
        )
    );
    assert_eq!(
        said(1),
        (
            "c.example.".into(),
            Responses::default(),
            RrsetOrder::Fixed,
            false
        )
    );
    assert_eq!(
        said(2),
        (
            "a.example.".into(),
            Responses::Full,
            RrsetOrder::Rotated,
            true
        )
    );
}
