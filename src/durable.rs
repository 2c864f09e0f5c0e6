//! Files that are whole at any moment, whatever happens while they are written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Replaces the file at `path`, in a folder that exists: written aside (`.new` behind its name), synced
/// and renamed, so that there is always the old one or the new one, whole.
///
/// # Errors
/// What the system says; the file is what it was.
pub fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let mut file = File::create(&aside)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    // The rename itself lasts once the folder is synced.
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
