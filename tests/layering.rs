//! Folders are the architecture: which module may use which, held by reading the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Module -> the modules that it may name. ARCHITECTURE.md gives the reasons.
const ALLOWED: &[(&str, &[&str])] = &[
    // Leaves.
    ("clock", &[]),
    ("random", &[]),
    ("durable", &[]),
    ("glob", &[]),
    ("hashing", &[]),
    ("proxy_protocol", &[]),
    ("tls", &[]),
    ("dns", &[]),
    ("model", &["dns"]),
    ("prefix_table", &[]),
    // The seams.
    (
        "state",
        &["dns", "hashing", "model", "prefix_table", "proxy_protocol"],
    ),
    // Data plane.
    ("locate", &["model", "prefix_table", "state"]),
    (
        "steering",
        &["hashing", "locate", "model", "random", "state"],
    ),
    (
        "nameserver",
        &[
            "clock", "dns", "locate", "model", "random", "state", "steering",
        ],
    ),
    (
        "forwarder",
        &[
            "clock",
            "hashing",
            "locate",
            "model",
            "proxy_protocol",
            "random",
            "state",
            "steering",
            "tls",
        ],
    ),
    // Control plane.
    (
        "config",
        &["clock", "dns", "glob", "hashing", "model", "proxy_protocol"],
    ),
    ("geoip", &["config", "model", "prefix_table", "random"]),
    ("resolve", &["clock", "config", "dns", "model", "random"]),
    (
        "health",
        &[
            "clock",
            "config",
            "dns",
            "durable",
            "model",
            "proxy_protocol",
            "random",
            "resolve",
            "tls",
        ],
    ),
    ("overrides", &["durable", "glob", "model", "state"]),
    ("registrations", &["durable"]),
    // Arithmetic on what is reported: it needs to know neither who reports nor who steers by it.
    ("load", &["model"]),
    (
        "compile",
        &[
            // Whether a certificate is of today.
            "clock",
            "config",
            "dns",
            "geoip",
            "hashing",
            "health",
            "model",
            "prefix_table",
            "proxy_protocol",
            "random",
            "state",
            "tls",
        ],
    ),
    ("telemetry", &[]),
    // A plan asks steering itself about every kind of client, so that it can never tell another story.
    (
        "plan",
        &[
            "dns",
            "geoip",
            "locate",
            "model",
            "prefix_table",
            "random",
            "state",
            "steering",
        ],
    ),
    // `explain` asks the answer engine itself, so that it can never tell another story.
    (
        "admin",
        &[
            "dns",
            "forwarder",
            "geoip",
            "glob",
            "load",
            "locate",
            "model",
            "nameserver",
            "overrides",
            "random",
            "registrations",
            "state",
            "steering",
        ],
    ),
    // Both planes.
    (
        "daemon",
        &[
            "admin",
            "clock",
            "compile",
            "config",
            "dns",
            "durable",
            "forwarder",
            "geoip",
            "health",
            "load",
            "locate",
            "model",
            "nameserver",
            "overrides",
            "random",
            "registrations",
            "resolve",
            "state",
            "telemetry",
        ],
    ),
    (
        "cli",
        &[
            "admin",
            "clock",
            "compile",
            "config",
            "daemon",
            "dns",
            "geoip",
            "load",
            "locate",
            "model",
            "overrides",
            "plan",
            "random",
            "registrations",
            "state",
            "telemetry",
        ],
    ),
    (
        "testing",
        &[
            "compile",
            "config",
            "daemon",
            "dns",
            "model",
            "nameserver",
            "state",
        ],
    ),
];

/// Unit tests in files of their own may reach anywhere.
fn is_test(path: &Path) -> bool {
    let below = path
        .strip_prefix(env!("CARGO_MANIFEST_DIR"))
        .unwrap_or(path);
    below
        .components()
        .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path) {
            found.push(path);
        }
    }
}

/// Top-level module of a file below `src`.
fn module_of(path: &Path) -> String {
    let relative = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .unwrap();
    let first = relative
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// What stands outside comments and `#[cfg(test)]` modules (tests may reach anywhere).
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// The modules that `code` names as `crate::module` or in `crate::{...}` lists.
fn used(code: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(list) => found.extend(heads(list)),
            None => found.extend(words(after).next()),
        }
    }
    found
}

/// The first word of each item of a list, down to its closing brace.
fn heads(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.extend(words(list[start..at].trim()).next());
                start = at + 1;
            }
            _ => {}
        }
        if c == '}' && start == at + 1 {
            break;
        }
    }
    found
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut paths,
    );
    assert!(paths.len() > 20, "the sources were not found");
    paths
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn modules_use_only_what_their_layer_allows() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut broken = Vec::new();
    for (path, text) in all_sources() {
        let module = module_of(&path);
        if matches!(&*module, "lib" | "main") {
            continue;
        }
        let may = allowed
            .get(&*module)
            .unwrap_or_else(|| panic!("{module} has no place in the layers"));
        for other in used(&code(&text)) {
            if other != module && allowed.contains_key(other) && !may.contains(&other) {
                broken.push(format!("{} uses {other}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_planes_never_name_each_other() {
    const DATA: &[&str] = &["locate", "steering", "nameserver"];
    const CONTROL: &[&str] = &["config", "compile", "geoip", "health", "load", "resolve"];
    for (module, may) in ALLOWED {
        let other_plane: &[&str] = match module {
            m if DATA.contains(m) => CONTROL,
            m if CONTROL.contains(m) => DATA,
            _ => continue,
        };
        assert!(
            may.iter().all(|other| !other_plane.contains(other)),
            "{module}"
        );
    }
}

#[test]
fn only_clock_reads_the_time() {
    for (path, text) in all_sources() {
        let code = code(&text);
        let reads = code.contains("Instant::now()") || code.contains("SystemTime::now()");
        assert!(
            !reads || module_of(&path) == "clock",
            "{} reads the time",
            path.display()
        );
    }
}

/// Where threads that answer may meet. The writes of one thread make the cores of all others fetch that
/// cache line anew, so that answers would cost the more the more threads there are.
#[test]
fn answering_threads_share_no_atomic_but_where_it_is_told_why() {
    const ANSWERING: &[&str] = &[
        "dns",
        "locate",
        "model",
        "nameserver",
        "prefix_table",
        "random",
        "state",
        "steering",
    ];
    const SHARED: &[&str] = &[
        // What the forwarder's threads know of a backend and of a pool together; no thread that answers reads it. Limits and
        // loads of the moment are those of the process, or they were none: a request writes to its backend's line, and adds
        // to its pool's count. The rest is written when something fails or waits.
        "state/forwarding/fleet.rs",
        "state/forwarding/latency.rs",
        "state/forwarding/slots.rs",
        "state/forwarding/standing.rs",
        // What became of connections to a listener, once for each.
        "state/forwarding/entrance.rs",
        // What requests came to, when they fail.
        "state/forwarding/outcomes.rs",
        // What routes keep of responses: where a route has a `cache` only.
        "state/forwarding/cache.rs",
        // Counters of one writer each, on cache lines of their own; a queue that only the demo has.
        "state/feedback.rs",
        // The root: readers write to a line of their own thread only.
        "state/publish.rs",
        // Lines of access logs, where there are any: one writes what all have to say.
        "state/forwarding/log.rs",
        // Round-trip times: once for each connection, and not for each request.
        "state/forwarding/rtts.rs",
        // Rate limits, where they are configured: one table for all threads, or the limit were none.
        "state/rate_table.rs",
    ];
    let is_shared = |word: &str| {
        word.starts_with("Atomic")
            || ["ArcSwap", "ArrayQueue", "Mutex", "RwLock", "Condvar"].contains(&word)
    };
    for (path, text) in all_sources() {
        if !ANSWERING.contains(&&*module_of(&path)) || SHARED.iter().any(|p| path.ends_with(p)) {
            continue;
        }
        let code = code(&text);
        let found = words(&code).find(|word| is_shared(word));
        assert!(found.is_none(), "{} has {found:?}", path.display());
    }
}

#[test]
fn counters_are_written_by_plain_stores() {
    let (_, text) = all_sources()
        .into_iter()
        .find(|(path, _)| path.ends_with("state/feedback.rs"))
        .unwrap();
    let code = code(&text);
    let methods: Vec<&str> = words(&code)
        .filter(|word| word.starts_with("fetch_") || word.starts_with("compare_exchange"))
        .collect();
    assert!(methods.is_empty(), "{methods:?}");
}

#[test]
fn unsafe_code_lives_in_the_batch_calls_only() {
    for (path, text) in all_sources() {
        let has_unsafe = words(&code(&text)).any(|word| word == "unsafe");
        assert!(
            !has_unsafe || path.ends_with("nameserver/udp/batch.rs"),
            "{} has unsafe code",
            path.display()
        );
    }
}

#[test]
fn a_list_of_uses_is_read_whole() {
    let code = "use crate::{dns::{Name, edns}, model, state::Root};\nuse crate::clock::now; crate::random::x()";
    assert_eq!(
        used(code),
        BTreeSet::from(["clock", "dns", "model", "random", "state"])
    );
}
