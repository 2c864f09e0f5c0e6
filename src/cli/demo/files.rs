//! The quickstart's files, carried in the binary so that the demo needs nothing else.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

const CONFIG: &str = include_str!("../../../examples/quickstart/meridian.toml");
const ZONE: &str = include_str!("../../../examples/quickstart/gslb.example.com.zone");
const DATABASE: &[u8] = include_bytes!("../../../geoip/sample.mmdb");

/// Where the database is, as the quickstart writes it, and as a copy does.
const DATABASE_IN_PLACE: &str = "../../geoip/sample.mmdb";
const DATABASE_COPIED: &str = "sample.mmdb";

/// Off in the quickstart; a copy that is served for real keeps its verdicts and can be asked.
const STATE_DIR_OFF: &str = "# state_dir = \"state\"";
const STATE_DIR_ON: &str = "state_dir = \"state\"";

/// A private copy in a temporary folder.
pub struct Files {
    folder: PathBuf,
}

impl Files {
    pub fn in_temporary_folder() -> Result<Self, String> {
        use std::os::unix::fs::DirBuilderExt;
        let folder = std::env::temp_dir().join(format!("meridian-demo-{}", std::process::id()));
        let say = |e: std::io::Error| format!("{}: {e}", folder.display());
        // Left by an earlier process with our number, if by anybody: creating it must succeed, so
        // that nobody else's folder is ever used.
        let _ = fs::remove_dir_all(&folder);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(say)?;
        copy(&folder)?;
        Ok(Files { folder })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn config(&self) -> PathBuf {
        self.folder.join("meridian.toml")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// `demo --write`: copies for the user to edit, never over what is there. Returns what to do next.
pub fn write(folder: &Path) -> Result<String, String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    copy(folder)?;
    let program = crate::cli::program();
    let config = crate::cli::shell_word(&folder.join("meridian.toml").to_string_lossy());
    Ok(format!(
        "\
Wrote the demo's configuration, zone and database into {folder}. Edit them, then:

  {program} check --config {config}
  {program} serve --config {config}
  {program} explain www.gslb.example.com --config {config} --client 193.0.0.7
",
        folder = folder.display(),
    ))
}

/// Refuses before anything is written, if anything is in the way.
fn copy(folder: &Path) -> Result<(), String> {
    let config = CONFIG
        .replace(DATABASE_IN_PLACE, DATABASE_COPIED)
        .replace(STATE_DIR_OFF, STATE_DIR_ON);
    let files: [(&str, &[u8]); 3] = [
        ("meridian.toml", config.as_bytes()),
        ("gslb.example.com.zone", ZONE.as_bytes()),
        (DATABASE_COPIED, DATABASE),
    ];
    let in_the_way = |path: &Path| path.symlink_metadata().is_ok();
    if let Some((name, _)) = files
        .iter()
        .find(|(name, _)| in_the_way(&folder.join(name)))
    {
        return Err(format!(
            "{} is there already, and is not overwritten",
            folder.join(name).display()
        ));
    }
    for (name, content) in files {
        let path = folder.join(name);
        fs::File::create_new(&path)
            .and_then(|mut file| file.write_all(content))
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copied_configuration_names_the_copied_database() {
        assert!(CONFIG.contains(DATABASE_IN_PLACE));
        assert!(CONFIG.contains("gslb.example.com.zone"));
        assert!(CONFIG.contains(STATE_DIR_OFF));
    }
}
