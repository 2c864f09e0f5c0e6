//! Reading a file whole, within a limit.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

/// The contents of a regular file of at most `size_bytes_max` octets.
///
/// The file is read, not mapped: a mapped file that somebody cuts short is a SIGBUS. Pipes and
/// devices are refused because reading them may never end.
///
/// # Errors
///
/// The reason, without the path; also that somebody wrote to the file meanwhile.
pub(super) fn read(path: &Path, size_bytes_max: u64) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("not a regular file".to_owned());
    }
    let too_large = || format!("larger than {size_bytes_max} octets");
    if metadata.len() > size_bytes_max {
        return Err(too_large());
    }
    // Grown by doubling, the largest files would need room for two of them.
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    let file = File::open(path).map_err(|error| error.to_string())?;
    let before = Version::of(&file)?;
    // One octet more, to notice a file that grew past the limit meanwhile.
    (&file)
        .take(size_bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > size_bytes_max {
        return Err(too_large());
    }
    // Half of an old file and half of a new one may look sound together.
    if Version::of(&file)? != before || bytes.len() as u64 != before.size_bytes {
        return Err("was changed while it was read".to_owned());
    }
    Ok(bytes)
}

/// What changes when a file is written to.
#[derive(PartialEq)]
struct Version {
    size_bytes: u64,
    modified: SystemTime,
}

impl Version {
    fn of(file: &File) -> Result<Self, String> {
        let metadata = file.metadata();
        let version = metadata.and_then(|metadata| {
            Ok(Version {
                size_bytes: metadata.len(),
                modified: metadata.modified()?,
            })
        });
        version.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_within_the_limit_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("four");
        fs::write(&path, b"four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
    }

    #[test]
    fn a_file_past_the_limit_a_folder_and_a_missing_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("four");
        fs::write(&path, b"four").unwrap();
        assert_eq!(read(&path, 3).unwrap_err(), "larger than 3 octets");
        assert_eq!(read(folder.path(), 3).unwrap_err(), "not a regular file");
        let missing = read(&folder.path().join("none"), 3).unwrap_err();
        assert!(missing.contains("No such file"), "{missing}");
    }
}
