//! Files that are whole at any moment, whatever happens while they are written.

use std::fs::{self, File};
use std::io::{self, Read, Write};
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

/// No file of state has more octets.
const OCTETS_MAX: u64 = 64 << 20;

/// The octets of such a file; `None`: there is none.
///
/// # Errors
/// In words: what the system says, or that it has more than 64 MiB.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut octets = Vec::new();
    let read = file.take(OCTETS_MAX + 1).read_to_end(&mut octets);
    read.map_err(|e| e.to_string())?;
    match octets.len() as u64 > OCTETS_MAX {
        true => Err(format!("larger than {OCTETS_MAX} octets")),
        false => Ok(Some(octets)),
    }
}
