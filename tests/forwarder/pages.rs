//! The examples of the pages on the forwarder are configurations without mistakes.

use std::fs;
use std::path::Path;

#[test]
fn every_example_of_the_pages_is_a_configuration_without_mistakes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/forwarder");
    for page in ["balancing.md", "resilience.md"] {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        let blocks = text.split("```toml\n").skip(1);
        let examples: Vec<_> = blocks.filter_map(|rest| rest.split("```").next()).collect();
        assert!(examples.len() >= 3, "{page}");
        for example in examples {
            // What an example does not speak of.
            let own = |table: &str| example.contains(table);
            let mut whole = format!("{example}\n[region.eu]\n");
            if !own("[forwarder.listener") {
                whole += "[forwarder.listener.http]\nlisten = \"127.0.0.1:8080\"\n";
            }
            if !own("[[forwarder.route]]") {
                whole += "[[forwarder.route]]\nto = \"web\"\n";
            }
            match meridian::config::parse(&whole, "meridian.toml".as_ref()) {
                Ok(loaded) => {
                    let warnings = loaded.warnings.iter();
                    // That no names are served is no matter here.
                    let is_meant = |text: &str| !text.contains("no zone");
                    let warnings: Vec<_> = warnings
                        .filter(|warning| is_meant(&warning.message))
                        .collect();
                    assert!(warnings.is_empty(), "{example}\n{warnings:#?}");
                }
                Err(refused) => panic!("{example}\n{:#?}", refused.diagnostics.sorted()),
            }
        }
    }
}
