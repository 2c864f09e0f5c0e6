//! Limits, and what is doubtful without being wrong.

use std::fmt::Write;

use super::{FULL, reported};

/// A pool in region `r`, and whatever follows.
const POOL: &str = "[region.r]\n[pool.p]\nregion = \"r\"\nendpoints = [\"192.0.2.1\"]\n";
const ZONE: &str = "[zone.example]\nfile = \"x\"\nbalanced.www = { policy = \"p0\" }\n";

/// Policies `p0` to `p{n-1}`, each but the last with the next as its member.
fn chain(n: usize) -> String {
    let mut text = format!("{POOL}{ZONE}");
    for i in 0..n - 1 {
        writeln!(text, "[policy.p{i}]\nrandom = [\"p{}\"]", i + 1).unwrap();
    }
    writeln!(text, "[policy.p{}]\nrandom = [\"p\"]", n - 1).unwrap();
    text
}

#[test]
fn policies_nest_eight_deep_and_no_deeper() {
    assert_eq!(reported(&chain(8)), [""; 0]);
    assert_eq!(
        reported(&chain(9)),
        ["8:9: error: policy `p0` nests too deep \
          (at most 8 policies may lie on one way to a pool)"]
    );
}

#[test]
fn a_chain_of_many_policies_is_reported_once_and_does_not_exhaust_the_stack() {
    assert_eq!(reported(&chain(20_000)).len(), 1);
}

/// `n` geographic policies that rank the same regions in different orders, all below one.
fn maps(n: usize) -> String {
    let mut text = format!("{POOL}{ZONE}[geoip]\ndatabases = \"x\"\n");
    let mut members = Vec::new();
    for i in 0..n {
        let selector = format!("asn:{i}");
        writeln!(
            text,
            "[policy.g{i}]\ngeo = [\"p\"]\nserves = {{ r = [\"{selector}\"] }}"
        )
        .unwrap();
        members.push(format!("\"g{i}\""));
    }
    // Shares its map with the first.
    writeln!(
        text,
        "[policy.same]\ngeo = [\"p\"]\nserves = {{ r = [\"asn:0\"] }}"
    )
    .unwrap();
    writeln!(
        text,
        "[policy.p0]\nrandom = [\"same\", {}]",
        members.join(", ")
    )
    .unwrap();
    text
}

#[test]
fn eight_maps_are_within_reach_of_a_policy_and_no_more() {
    assert_eq!(reported(&maps(8)), [""; 0]);
    let reported = reported(&maps(9));
    assert_eq!(reported.len(), 1, "{reported:#?}");
    assert!(
        reported[0].contains("policy `p0` reaches too many maps"),
        "{reported:#?}"
    );
}

/// A geographic policy over `n` regions.
fn regions(n: usize) -> String {
    let mut text = format!("{ZONE}[geoip]\ndatabases = \"x\"\n");
    let mut members = Vec::new();
    for i in 0..n {
        writeln!(
            text,
            "[region.r{i}]\n[pool.q{i}]\nregion = \"r{i}\"\nendpoints = [\"192.0.2.1\"]"
        )
        .unwrap();
        members.push(format!("\"q{i}\""));
    }
    writeln!(text, "[policy.p0]\ngeo = [{}]", members.join(", ")).unwrap();
    text
}

#[test]
fn a_geographic_policy_ranks_255_regions_and_no_more() {
    assert_eq!(reported(&regions(255)), [""; 0]);
    let reported = reported(&regions(256));
    assert_eq!(reported.len(), 1, "{reported:#?}");
    assert!(
        reported[0].contains("policy `p0` ranks 256 regions"),
        "{reported:#?}"
    );
}

#[test]
fn there_are_65535_regions_and_no_more() {
    let mut text = String::new();
    for i in 0..65_536 {
        writeln!(text, "[region.r{i}]").unwrap();
    }
    assert_eq!(
        reported(&text),
        ["65536:9: error: too many tables [region.NAME] (at most 65535 are allowed)"]
    );
}

#[test]
fn there_are_a_million_endpoints_and_no_more() {
    let mut left = 10;
    assert!(super::super::pool::take(&mut left, 10));
    assert!(!super::super::pool::take(&mut left, 1));
    assert_eq!(super::super::pool::ENDPOINTS_MAX, 1_000_000);
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let base = format!("{POOL}{}", ZONE.replace("p0", "used"));
    let used = "[policy.used]\nrandom = [\"p\"]\n";
    assert_eq!(reported(&format!("{base}{used}")), [""; 0]);
    for (extra, expected) in [
        (
            "[region.idle]\n",
            "1:9: warning: region `idle` is not used (no pool lies in it)",
        ),
        (
            "[monitor.idle]\nhttp = \"/\"\n",
            "1:10: warning: monitor `idle` is not used (no pool is watched by it)",
        ),
        (
            "[pool.idle]\nregion = \"r\"\nendpoints = [\"192.0.2.1\"]\n",
            "1:7: warning: pool `idle` is not used (no policy has it as a member)",
        ),
        (
            "[policy.idle]\nrandom = [\"p\"]\n",
            "1:9: warning: policy `idle` is not used (no balanced name uses it)",
        ),
        (
            "[policy.used]\ngeo = [\"p\"]\n",
            "1:9: warning: policy `used` is geographic, but no database says where clients are \
             (write `databases` in [geoip])",
        ),
        (
            "[server]\nsaved_max_age = \"1m\"\n",
            "2:1: warning: `saved_max_age` has no effect without `state_dir` \
             (nothing is saved without it)",
        ),
    ] {
        let policy = if extra.contains("[policy.used]") {
            ""
        } else {
            used
        };
        assert_eq!(reported(&format!("{extra}{base}{policy}")), [expected]);
    }
}

#[test]
fn a_pool_in_an_unused_policy_is_no_second_warning() {
    let text = format!(
        "{POOL}[zone.example]\nfile = \"x\"\n[policy.outer]\nrandom = [\"inner\"]\n\
         [policy.inner]\nrandom = [\"p\"]\n"
    );
    assert_eq!(
        reported(&text),
        ["7:9: warning: policy `outer` is not used (no balanced name uses it)"]
    );
}

#[test]
fn warnings_are_withheld_while_there_are_errors() {
    let text = format!("{FULL}\n[region.idle]\nlocation = \"xx\"\n");
    assert_eq!(reported(&text).len(), 1);
}

#[test]
fn a_configuration_without_zones_is_doubtful() {
    assert_eq!(
        reported(""),
        ["warning: no zone: every query is refused (write [zone.\"example.com\"])"]
    );
}
