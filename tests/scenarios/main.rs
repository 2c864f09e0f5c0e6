//! Stories: a configuration, then queries, observations and time, and what is answered to whom.
//!
//! Each `.scenario` file beside this one is a story. It begins with why it is told; then come the
//! files that are served, each after a line `=== NAME` (where there is no `gslb.example.com.zone`,
//! [`ZONE`] is served), and last, after `=== steps`, one step per line:
//!
//! ```text
//! # why the next step comes out as it does
//! query NAME TYPE [subnet NET] [from RESOLVER] -> ANSWER
//! COUNT queries NAME TYPE [subnet NET] [from RESOLVER] -> ADDRESS SHARE % ADDRESS SHARE % ...
//! observe TARGET ... ok|refused|timeout|unreachable|STATUS [COUNT times]
//! time passes COUNT ms|s|min
//! control answers|is silent
//! restart
//! reload FILE [-> MISTAKE]
//! expect TARGET ... up|down|unknown [held] [needs COUNT]
//! expect alarm | expect no alarm | expect COUNT targets
//! ```
//!
//! - ANSWER is `NODATA`, `NXDOMAIN`, `SERVFAIL` or `REFUSED`, or addresses in any order, or `COUNT of`
//!   and addresses of which so many are answered; then, if it matters, `ttl SECONDS` (for NODATA, of
//!   the SOA), `scope BITS`, and `error: TEXT`. An answer without `error:` must carry none.
//! - TARGET is what is probed, as `192.0.2.1:8080`, or a pool, or `all`. Observations that are made
//!   several times are an interval of their monitor apart.
//! - Shares are of the first address, and hold to within 3 points.
//! - `reload` takes FILE for `meridian.toml`, or is refused with a mistake that contains MISTAKE.
//!
//! Nothing waits: observations and time are made up, verdicts are those of the judge that serves,
//! answers those of the answer engine. Every story is told with several seeds, and must come out the
//! same: what the die says is only ever a matter of shares.

#[path = "../in_process/mod.rs"]
mod in_process;

mod sim;
mod step;
mod story;

use std::fs;
use std::path::Path;

use story::Story;

/// The zone where a story has no own.
pub const ZONE: &str = "\
$TTL 3600
@    SOA  ns1 hostmaster 1 7200 1800 1209600 60
@    NS   ns1
ns1  A    192.0.2.53
";

const SEEDS: [u64; 3] = [1, 2, 3];

/// What comes out differently than `text` says, as `file:line: what was expected`.
fn told(file: &str, text: &str) -> Vec<String> {
    let story = match Story::parse(text) {
        Ok(story) => story,
        Err((line, mistake)) => return vec![format!("{file}:{line}: {mistake}")],
    };
    let differences = SEEDS.iter().flat_map(|&seed| {
        let differences = story.tell(seed);
        differences
            .into_iter()
            .map(move |(line, what)| format!("{file}:{line}: {what} (seed {seed})"))
    });
    differences.collect()
}

#[test]
fn every_story_comes_out_as_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "scenario"));
    paths.sort();
    assert!(paths.len() >= 12, "the stories were not found");
    let differences: Vec<String> = paths
        .iter()
        .flat_map(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            let text = fs::read_to_string(path).unwrap();
            told(&format!("tests/scenarios/{name}"), &text)
        })
        .collect();
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// A story about one endpoint, up to its first step on line 14.
const SMALL: &str = "\
Why not.
=== meridian.toml
[region.eu]
[pool.web]
region    = \"eu\"
endpoints = [\"192.0.2.1\"]
[policy.world]
failover = [\"web\"]
[zone.\"gslb.example.com\"]
file = \"gslb.example.com.zone\"
[zone.\"gslb.example.com\".balanced]
www = { policy = \"world\", ttl = \"10s\" }
=== steps
";

#[test]
fn a_story_that_comes_out_differently_is_told_apart_by_line() {
    let story = |step: &str| told("f", &format!("{SMALL}# Why.\n{step}\n"));
    let right = "query www.gslb.example.com A -> 192.0.2.1 ttl 10";
    assert_eq!(story(right), [""; 0]);
    for (step, what) in [
        (
            "query www.gslb.example.com A -> 192.0.2.2",
            "expected 192.0.2.2, got 192.0.2.1",
        ),
        (
            "query www.gslb.example.com A -> 192.0.2.1 ttl 5",
            "expected ttl 5, got 10",
        ),
        (
            "query www.gslb.example.com A -> 192.0.2.1 error: no endpoint for this query is up",
            "expected error \"no endpoint for this query is up\", got none",
        ),
        (
            "query www.gslb.example.com A -> NODATA",
            "expected NODATA, got 192.0.2.1",
        ),
        ("expect 2 targets", "expected 2 targets, got 0"),
        ("expect alarm", "expected an alarm, got none"),
    ] {
        let differences = story(step);
        assert_eq!(differences.len(), SEEDS.len(), "{step}");
        assert_eq!(differences[0], format!("f:15: {what} (seed 1)"));
    }
}

#[test]
fn a_story_that_cannot_be_read_is_told_by_line() {
    for (step, what) in [
        ("dance", "`dance` is no step"),
        ("query www A", "a query ends in -> and what is expected"),
        ("observe 192.0.2.1:80 purple", "`purple` is no outcome"),
        (
            "time passes quickly",
            "expected `time passes COUNT ms|s|min`",
        ),
    ] {
        let text = format!("{SMALL}{step}\n");
        assert_eq!(told("f", &text), [format!("f:14: {what}")]);
    }
    let differences = told("f", &format!("{SMALL}observe 192.0.2.9:80 ok\n"));
    assert_eq!(differences[0], "f:14: `192.0.2.9:80` is no target (seed 1)");
    assert_eq!(
        told("f", "=== steps\n"),
        ["f:1: a story begins with why it is told"]
    );
}
