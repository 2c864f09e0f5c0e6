//! The quickstart's files, carried in the binary so that the demo needs nothing else.

use std::fs;
use std::path::{Path, PathBuf};

const CONFIG: &str = include_str!("../../../examples/quickstart/meridian.toml");
const ZONE: &str = include_str!("../../../examples/quickstart/gslb.example.com.zone");
const DATABASE: &[u8] = include_bytes!("../../../geoip/sample.mmdb");

/// Where the database is, as the quickstart writes it, and as a copy does.
const DATABASE_IN_PLACE: &str = "../../geoip/sample.mmdb";
const DATABASE_COPIED: &str = "sample.mmdb";

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

    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.remove();
    }
}

/// `demo --write`: copies for the user to edit, never over what is there. Returns what to do next.
pub fn write(folder: &Path) -> Result<String, String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    copy(folder)?;
    let config = folder.join("meridian.toml");
    Ok(format!(
        "wrote {0}/meridian.toml, {0}/gslb.example.com.zone and {0}/{DATABASE_COPIED}\n\
         edit them, then:\n\n  meridian check --config {1}\n  meridian serve --config {1}\n\n\
         (`meridian` is the program that you are running: {2})\n",
        folder.display(),
        config.display(),
        std::env::current_exe()
            .unwrap_or_else(|_| "meridian".into())
            .display(),
    ))
}

fn copy(folder: &Path) -> Result<(), String> {
    let config = CONFIG.replace(DATABASE_IN_PLACE, DATABASE_COPIED);
    let files: [(&str, &[u8]); 3] = [
        ("meridian.toml", config.as_bytes()),
        ("gslb.example.com.zone", ZONE.as_bytes()),
        (DATABASE_COPIED, DATABASE),
    ];
    if let Some((name, _)) = files.iter().find(|(name, _)| folder.join(name).exists()) {
        return Err(format!(
            "{} is there already, and is not overwritten",
            folder.join(name).display()
        ));
    }
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|e| format!("{}: {e}", path.display()))?;
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
    }
}
