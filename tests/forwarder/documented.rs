//! The examples of docs/forwarder are configurations.

use std::fs;
use std::path::Path;

use meridian::compile;

#[test]
fn examples_are_configurations() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/forwarder");
    for page in ["http.md", "routes.md", "cache.md"] {
        let text = fs::read_to_string(pages.join(page)).unwrap();
        let examples = text.split("```toml\n").skip(1);
        let examples: Vec<_> = examples
            .map(|rest| rest.split("```").next().unwrap())
            .collect();
        assert!(!examples.is_empty(), "{page}");
        for example in examples {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("meridian.toml");
            let rest = match example.contains("[[forwarder.route]]") {
                true => "",
                false => "[[forwarder.route]]\nto = \"web\"\n",
            };
            fs::write(&path, format!("[region.eu]\n{example}\n{rest}")).unwrap();
            let mistakes = compile::load(&path, None)
                .err()
                .map(|mistakes| mistakes.sorted());
            assert!(mistakes.is_none(), "{page} {mistakes:#?}");
        }
    }
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
