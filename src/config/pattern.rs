//! Which files does a pattern such as `conf.d/*.toml` stand for?
//!
//! `*` stands for any octets of one file or folder name; nothing else is special. What begins with a
//! dot is hidden from a `*` that begins a name, as in a shell.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::reader::{Reader, Value, quoted};
use super::scalar::path_text;
use crate::glob;

/// Files that one pattern may stand for.
const FILES_MAX: usize = 1_000_000;

/// The files that `value` names, relative to the folder of the file that it stands in, in order of
/// name. A path without `*` is that file, whether it is there or not; a pattern that fits nothing is
/// warned of.
pub(super) fn files(reader: &mut Reader, value: &Value, expected: &str) -> Option<Vec<PathBuf>> {
    let text = path_text(reader, value, expected)?;
    let path = reader.sources.resolve(text, value.span().start);
    if !is_pattern(text) {
        return Some(vec![path]);
    }
    // The folder of the file may have a `*` in its name, which is none of the pattern's.
    let folder = reader.sources.resolve("", value.span().start);
    match expand(&folder, Path::new(text)) {
        Ok(files) => {
            reader.inputs.add_pattern(&folder, Path::new(text), &files);
            if files.is_empty() {
                let place = reader.place(value.span().start);
                let message = format!("{} fits no file", quoted(text));
                reader.warning_at(&place, message, None);
            }
            Some(files)
        }
        Err((folder, reason)) => {
            let message = format!("{} cannot be looked up", quoted(text));
            let help = format!("{}: {reason}", folder.display());
            reader.error(value.span(), message, Some(help));
            None
        }
    }
}

pub(super) fn is_pattern(text: &str) -> bool {
    text.contains('*')
}

/// Goes down from `folder`, one name of the pattern after the other.
pub(super) fn expand(folder: &Path, pattern: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let mut found = vec![folder.to_owned()];
    let mut was_star = false;
    for name in pattern.components() {
        let name = name.as_os_str();
        if !name.as_bytes().contains(&b'*') {
            for path in &mut found {
                path.push(name);
            }
            continue;
        }
        let mut fitting = Vec::new();
        for folder in found {
            match entries(&folder, name.as_bytes(), &mut fitting) {
                // Not everything that an earlier `*` fits is a folder, or has this one in it.
                Err(e) if was_star && is_no_folder(&e) => {}
                Err(e) => return Err((folder, e)),
                Ok(()) => {}
            }
        }
        found = fitting;
        was_star = true;
    }
    found.retain(|path| path.metadata().map_or(true, |metadata| !metadata.is_dir()));
    if !ends_in_star(pattern) {
        found.retain(|path| path.exists());
    }
    Ok(found)
}

fn ends_in_star(pattern: &Path) -> bool {
    let last = pattern.file_name();
    last.is_some_and(|name| name.as_bytes().contains(&b'*'))
}

fn is_no_folder(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotADirectory | NotFound)
}

/// What fits in one folder, in order of name.
fn entries(folder: &Path, pattern: &[u8], fitting: &mut Vec<PathBuf>) -> io::Result<()> {
    let start = fitting.len();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if fits(pattern, name.as_bytes()) {
            if fitting.len() == FILES_MAX {
                return Err(io::Error::other(format!("more than {FILES_MAX} files")));
            }
            fitting.push(folder.join(name));
        }
    }
    fitting[start..].sort();
    Ok(())
}

/// Whether `name` is `pattern`, and not hidden from it.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let is_hidden = name.starts_with(b".") && !pattern.starts_with(b".");
    !is_hidden && glob::fits(pattern, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_no_dot_in_front() {
        for (pattern, name, expected) in [
            ("*.zone", "a.zone", true),
            ("*.zone", "a.b.zone", true),
            ("*.zone", "a.zone~", false),
            ("*.zone", ".a.zone", false),
            (".*.zone", ".a.zone", true),
        ] {
            let found = fits(pattern.as_bytes(), name.as_bytes());
            assert_eq!(found, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn files_are_found_in_order_folders_are_none_and_a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("two*/deep.toml")).unwrap();
        fs::create_dir_all(root.join("one")).unwrap();
        for name in ["one/b.toml", "one/a.toml", "two*/c.toml", "d.toml"] {
            fs::write(root.join(name), "").unwrap();
        }
        let found = |pattern: &str| -> Vec<String> {
            let found = expand(root, Path::new(pattern)).unwrap();
            let names = found.iter().map(|path| path.strip_prefix(root).unwrap());
            names.map(|path| path.display().to_string()).collect()
        };
        assert_eq!(
            found("*/*.toml"),
            ["one/a.toml", "one/b.toml", "two*/c.toml"]
        );
        assert_eq!(found("*/c.toml"), ["two*/c.toml"]);
        assert_eq!(found("o*/../d.toml"), ["one/../d.toml"]);
        assert_eq!(found("*.none"), [""; 0]);
        assert!(expand(root, Path::new("three/*.toml")).is_err());
    }
}
