//! The example configurations must be right as they stand.

use std::path::Path;

use meridian::config::{self, diagnostic::render};

#[test]
fn the_quickstart_loads_without_errors_or_warnings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart/meridian.toml");
    let mut shown = Vec::new();
    match config::load(&path) {
        Ok(loaded) => {
            render(&loaded.warnings, &mut shown).unwrap();
            assert_eq!(loaded.config.zones[0].balanced.len(), 1);
            assert!(loaded.config.zones[0].file.value.is_file());
        }
        Err(refused) => render(&refused.diagnostics, &mut shown).unwrap(),
    }
    assert_eq!(String::from_utf8(shown).unwrap(), "");
}
