//! Which file is it? The kernel sees to it that it lies below the root, whatever links there are.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;

use crate::forwarder::compress::{Coding, Codings};
use crate::model::routing::Files;

/// Octets that are read at a time.
pub(super) const PIECE: usize = 64 * 1024;

/// What is looked for.
pub(super) struct Wanted {
    /// Below the root.
    pub path: PathBuf,
    /// Whether the request says that it is a folder.
    pub is_folder: bool,
    /// What the client takes, if there may be files that are compressed already.
    pub codings: Option<Codings>,
    /// Whether its octets are wanted.
    pub reads: bool,
    pub files: Files,
}

pub(super) enum Found {
    File(Opened),
    /// A folder, and the request does not say so.
    Folder,
    Nothing,
    /// It is there, and cannot be read.
    Error,
}

/// A file, and all of it if it is short.
pub(super) struct Opened {
    pub file: File,
    /// What says what is in it.
    pub name: String,
    pub len: u64,
    pub modified: Option<SystemTime>,
    pub coding: Option<Coding>,
    pub whole: Option<Bytes>,
}

pub(super) fn open(wanted: &Wanted) -> Found {
    match find(wanted) {
        Ok(found) => found,
        Err(error) if is_absence(&error) => Found::Nothing,
        Err(_) => Found::Error,
    }
}

/// What leads out of the root, or through a file, is not there; what nobody may read is nobody's business.
fn is_absence(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(
            Errno::ENOENT
                | Errno::ENOTDIR
                | Errno::EXDEV
                | Errno::ELOOP
                | Errno::EACCES
                | Errno::ENAMETOOLONG
                | Errno::ENXIO
        )
    )
}

fn find(wanted: &Wanted) -> io::Result<Found> {
    let root = File::open(&wanted.files.root)?;
    let fallback = |found: io::Result<Found>| match (&wanted.files.fallback, found) {
        (Some(name), Ok(Found::Nothing)) => file(&root, Path::new(&**name), wanted),
        (Some(name), Err(error)) if is_absence(&error) => file(&root, Path::new(&**name), wanted),
        (_, found) => found,
    };
    fallback(file(&root, &wanted.path, wanted))
}

fn file(root: &File, path: &Path, wanted: &Wanted) -> io::Result<Found> {
    let opened = below(root, path)?;
    if !opened.metadata()?.is_dir() {
        // A name that says it were a folder is that of no file.
        let is_wanted = !wanted.is_folder || path != wanted.path;
        return match is_wanted {
            true => plain(root, path, opened, wanted),
            false => Ok(Found::Nothing),
        };
    }
    if !wanted.is_folder {
        return Ok(Found::Folder);
    }
    for name in &wanted.files.index {
        let path = path.join(&**name);
        match below(root, &path) {
            Ok(opened) if opened.metadata()?.is_file() => {
                return plain(root, &path, opened, wanted);
            }
            Ok(_) => {}
            Err(error) if is_absence(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Found::Nothing)
}

/// A file that is no folder: itself, or the same compressed.
fn plain(root: &File, path: &Path, opened: File, wanted: &Wanted) -> io::Result<Found> {
    if !opened.metadata()?.is_file() {
        return Ok(Found::Nothing);
    }
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let (file, coding) = match compressed(root, path, wanted) {
        Some((file, coding)) => (file, Some(coding)),
        None => (opened, None),
    };
    let metadata = file.metadata()?;
    let len = metadata.len();
    let whole = match wanted.reads && len <= PIECE as u64 {
        true => {
            let mut octets = vec![0; len as usize];
            file.read_exact_at(&mut octets, 0)?;
            Some(octets.into())
        }
        false => None,
    };
    Ok(Found::File(Opened {
        file,
        name,
        len,
        modified: metadata.modified().ok(),
        coding,
        whole,
    }))
}

fn compressed(root: &File, path: &Path, wanted: &Wanted) -> Option<(File, Coding)> {
    let codings = wanted.codings?;
    let mut ways = [
        (codings.brotli, Coding::Brotli, ".br"),
        (codings.gzip, Coding::Gzip, ".gz"),
    ];
    // The one that is liked best; of equal ones, the first.
    ways.sort_by_key(|(weight, ..)| std::cmp::Reverse(*weight));
    ways.into_iter()
        .filter(|(weight, ..)| *weight > 0)
        .find_map(|(_, coding, end)| {
            let mut path = path.as_os_str().to_owned();
            path.push(end);
            let file = below(root, Path::new(&path)).ok()?;
            file.metadata()
                .is_ok_and(|metadata| metadata.is_file())
                .then_some((file, coding))
        })
}

/// Opens what lies below `root`. Links are followed as long as they stay there.
fn below(root: &File, path: &Path) -> io::Result<File> {
    let path = match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    };
    let how = OpenHow::new()
        .flags(FLAGS)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    match openat2(root, path, how) {
        Ok(file) => Ok(File::from(file)),
        // Linux before 5.6, or a sandbox.
        Err(Errno::ENOSYS | Errno::EPERM) => step_by_step(root, path),
        Err(error) => Err(error.into()),
    }
}

/// So that a pipe keeps nobody waiting.
const FLAGS: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_CLOEXEC)
    .union(OFlag::O_NONBLOCK);

/// The same without the kernel's help: no link is followed.
fn step_by_step(root: &File, path: &Path) -> io::Result<File> {
    let mut at: OwnedFd = root.as_fd().try_clone_to_owned()?;
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => {
                at = openat(&at, name, FLAGS | OFlag::O_NOFOLLOW, Mode::empty())?;
            }
            _ => return Err(Errno::EXDEV.into()),
        }
    }
    Ok(File::from(at))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_nowhere_out_of_the_root() {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = folder.path().join("outside");
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("sub")).expect("folders");
        std::fs::write(&outside, "secret").expect("a file");
        std::fs::write(root.join("sub/file"), "inside").expect("a file");
        symlink(&outside, root.join("absolute")).expect("a link");
        symlink("../outside", root.join("relative")).expect("a link");
        symlink("..", root.join("up")).expect("a link");
        symlink("sub/file", root.join("within")).expect("a link");
        let root = File::open(&root).expect("a folder");
        for path in [
            "absolute",
            "relative",
            "up/outside",
            "../outside",
            "/etc/passwd",
        ] {
            let error = below(&root, Path::new(path)).expect_err(path);
            assert!(is_absence(&error), "{path} {error}");
            let error = step_by_step(&root, Path::new(path)).expect_err(path);
            assert!(is_absence(&error), "{path} {error}");
        }
        assert!(below(&root, Path::new("within")).is_ok());
        assert!(step_by_step(&root, Path::new("within")).is_err());
        assert!(step_by_step(&root, Path::new("sub/file")).is_ok());
    }
}
