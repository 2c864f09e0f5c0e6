//! The page about probes keeps its word: every example is a configuration.

use std::path::Path;

const PAGE: &str = include_str!("../../docs/health/probes.md");

#[test]
fn every_example_is_read_and_every_kind_has_one() {
    let mut kinds = 0;
    for block in PAGE.split("```toml\n").skip(1) {
        let (example, _) = block.split_once("```").expect("an end");
        let mut text = example.to_owned();
        for line in example.lines() {
            let name = line.strip_prefix("[monitor.");
            let Some(name) = name.and_then(|rest| rest.strip_suffix(']')) else {
                continue;
            };
            kinds += 1;
            text += &format!(
                "[pool.{name}]\nregion = \"eu\"\nmonitor = \"{name}\"\nendpoints = [\"192.0.2.1\"]\n"
            );
        }
        text += "[region.eu]\nlocation = \"DE\"\n";
        let loaded = meridian::config::parse(&text, Path::new("/etc/meridian/meridian.toml"));
        if let Err(refused) = loaded {
            panic!("{text}\n{:?}", refused.diagnostics);
        }
    }
    assert_eq!(kinds, 9);
}
