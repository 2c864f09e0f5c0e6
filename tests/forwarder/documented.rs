//! The examples of docs/forwarder are configurations.

use std::fs;
use std::path::Path;

use meridian::compile;

use crate::pki::Authority;

/// The page, the authority's files beside its examples.
fn examples_are_configurations(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/forwarder");
    let text = fs::read_to_string(path.join(page)).unwrap();
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
        let path = folder.path().join("meridian.toml");
        fs::write(&path, format!("[region.eu]\n{example}\n{route}")).unwrap();
        let mistakes = compile::load(&path, None)
            .err()
            .map(|mistakes| mistakes.sorted());
        assert!(mistakes.is_none(), "{page}: {mistakes:#?}");
    }
}

#[test]
fn examples_of_http_are_configurations() {
    for page in ["http.md", "routes.md", "cache.md"] {
        examples_are_configurations(page);
    }
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
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/forwarder/http.md");
    let page = fs::read_to_string(page).unwrap();
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
