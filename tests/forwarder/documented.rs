//! The examples of docs/forwarder are configurations.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use meridian::compile;

use crate::pki::Authority;

/// The page, the authority's files beside its examples.
fn examples_are_configurations(page: &str) {
    let text = fs::read_to_string(in_repository("docs/forwarder").join(page)).unwrap();
    let examples = text.split("```toml\n").skip(1);
    let examples: Vec<_> = examples
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!examples.is_empty());
    let authority = Authority::new();
    for example in examples {
        let folder = tempfile::tempdir().unwrap();
        let tls = folder.path().join("tls");
        fs::create_dir(&tls).unwrap();
        fs::copy(&authority.ca, tls.join("internal.pem")).unwrap();
        for name in ["www", "example.net"] {
            let signed = authority.sign(name, &["www.example.com"]);
            fs::copy(&signed.chain, tls.join(format!("{name}.pem"))).unwrap();
            fs::copy(&signed.key, tls.join(format!("{name}.key"))).unwrap();
        }
        let has_routes = example.contains("[[forwarder.route]]");
        let route = match example.contains("[pool.web]") && !has_routes {
            true => "[[forwarder.route]]\nto = \"web\"\n",
            false => "",
        };
        let zone = in_repository("examples/forwarder/gslb.example.com.zone");
        fs::copy(zone, folder.path().join("gslb.example.com.zone")).unwrap();
        let region = match example.contains("[region.eu]") {
            true => "",
            false => "[region.eu]\n",
        };
        let path = folder.path().join("meridian.toml");
        fs::write(&path, format!("{region}{example}\n{route}")).unwrap();
        let mistakes = compile::load(&path, None)
            .err()
            .map(|mistakes| mistakes.sorted());
        assert!(mistakes.is_none(), "{page}: {mistakes:#?}");
    }
}

#[test]
fn the_least_that_is_needed_is_a_configuration() {
    examples_are_configurations("README.md");
}

#[test]
fn examples_of_http_are_configurations() {
    examples_are_configurations("http.md");
}

#[test]
fn examples_of_routes_are_configurations() {
    examples_are_configurations("routes.md");
}

#[test]
fn examples_of_caches_are_configurations() {
    examples_are_configurations("cache.md");
}

#[test]
fn examples_of_tls_are_configurations() {
    examples_are_configurations("tls.md");
}

#[test]
fn examples_of_tcp_are_configurations() {
    examples_are_configurations("tcp.md");
}

/// What the page says of defaults is what they are.
#[test]
fn defaults_are_as_they_are_told() {
    let page = fs::read_to_string(in_repository("docs/forwarder/http.md")).unwrap();
    let http = meridian::config::forwarder::Http::default();
    let seconds = |duration: std::time::Duration| format!("{} s", duration.as_secs());
    for (key, default) in [
        ("head_max", "16,384".to_owned()),
        ("headers_max", http.headers_max.to_string()),
        ("target_max", "8,192".to_owned()),
        ("head_timeout", seconds(http.head_timeout)),
        ("body_timeout", seconds(http.body_timeout)),
        ("write_timeout", seconds(http.write_timeout)),
        ("keep_alive", seconds(http.keep_alive)),
        ("streams_max", http.streams_max.to_string()),
    ] {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{key}`:")));
        let row = row.unwrap_or_else(|| panic!("{key}"));
        let told = row.split(" | ").nth(2).unwrap();
        assert_eq!(told, default, "{key}");
    }
}

fn in_repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// `examples/forwarder` with what it wants beside it, as `check` sees it.
#[test]
fn the_whole_example_is_a_configuration_without_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let example = folder.path().join("examples/forwarder");
    for sub in ["tls", "public"] {
        fs::create_dir_all(example.join(sub)).unwrap();
    }
    fs::create_dir(folder.path().join("geoip")).unwrap();
    for file in [
        "examples/forwarder/meridian.toml",
        "examples/forwarder/gslb.example.com.zone",
        "examples/forwarder/maintenance.html",
        "geoip/sample.mmdb",
    ] {
        fs::copy(in_repository(file), folder.path().join(file)).unwrap();
    }
    let authority = Authority::new();
    let signed = authority.sign("www", &["*.gslb.example.com"]);
    fs::copy(&signed.chain, example.join("tls/www.pem")).unwrap();
    fs::copy(&signed.key, example.join("tls/www.key")).unwrap();
    let secret = example.join("sessions.secret");
    fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    match compile::load(&example.join("meridian.toml"), None) {
        Ok((_, warnings)) => assert!(warnings.is_empty(), "{:#?}", warnings.sorted()),
        Err(mistakes) => panic!("{:#?}", mistakes.sorted()),
    }
}

/// The keys that a table of the configuration has, by what is said of one that it has not.
fn keys_of(config: &str) -> BTreeSet<String> {
    let refused = meridian::config::parse(config, "meridian.toml".as_ref()).unwrap_err();
    let told = refused.diagnostics.sorted().into_iter();
    let mut told = told.filter(|mistake| mistake.message == "unknown key `qqqqqqqqqqqq`");
    let help = told.next().and_then(|mistake| mistake.help).unwrap();
    let (_, keys) = help.split_once(" knows ").unwrap();
    ticked(keys)
}

/// What stands in backticks.
fn ticked(text: &str) -> BTreeSet<String> {
    let odd = text.split('`').skip(1).step_by(2);
    odd.map(str::to_owned).collect()
}

#[test]
fn the_index_names_every_key() {
    let index = fs::read_to_string(in_repository("docs/forwarder/README.md")).unwrap();
    let rows = index.split("\n## Keys\n").nth(1).unwrap();
    let rows = rows.split("\n## ").next().unwrap();
    let rows = rows.lines().filter(|line| line.starts_with("| "));
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut table = String::new();
    for row in rows.skip(1) {
        let cells: Vec<_> = row.split(" | ").collect();
        table = ticked(cells[0]).pop_first().unwrap_or(table);
        // What stands behind a colon explains.
        let keys = cells[1].split(". ").flat_map(|keys| {
            let keys = keys.split(": ").next().unwrap_or_default();
            ticked(keys)
        });
        told.entry(table.clone()).or_default().extend(keys);
    }
    let unknown = "qqqqqqqqqqqq = 1";
    let listener = "[forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\n";
    for (table, config) in [
        ("[forwarder]", format!("[forwarder]\n{unknown}\n{listener}")),
        (
            "[forwarder.listener.NAME]",
            format!("{listener}{unknown}\n"),
        ),
        (
            "[[forwarder.route]]",
            format!("{listener}[[forwarder.route]]\nto = \"web\"\n{unknown}\n"),
        ),
        (
            "[pool.NAME.backend]",
            format!("[pool.web.backend]\n{unknown}\n"),
        ),
    ] {
        assert_eq!(told[table], keys_of(&config), "{table}");
    }
}

#[test]
fn links_of_the_pages_lead_somewhere() {
    for entry in fs::read_dir(in_repository("docs/forwarder")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for rest in text.split("](").skip(1) {
            let link = rest.split(')').next().unwrap();
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.with_file_name("").join(file),
            };
            let target = fs::read_to_string(&target)
                .unwrap_or_else(|e| panic!("{}: {link}: {e}", path.display()));
            let headings = target.lines().filter(|line| line.starts_with('#'));
            let is_there = headings.map(anchor).any(|anchor| anchor == heading);
            assert!(heading.is_empty() || is_there, "{}: {link}", path.display());
        }
    }
}

/// What a heading is linked to by: in small letters, without what is no letter, digit, `-` or `_`.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c => (c.is_alphanumeric() || "-_".contains(c)).then_some(c),
    });
    kept.collect()
}
