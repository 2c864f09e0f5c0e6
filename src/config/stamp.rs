//! Whether a file is the one that was read before, without reading it again.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock;

/// How long a file must have been left alone before it was read, if its stamp is to be trusted: file
/// systems tell changes apart by 2 seconds at worst (FAT).
const SETTLED_AFTER: Duration = Duration::from_secs(2);
/// The same where times have fractions of milliseconds: they are those of the kernel's clock, which ticks
/// every 10 ms at least.
const SETTLED_AFTER_FINE: Duration = Duration::from_millis(100);
const NS_PER_MS: u32 = 1_000_000;

/// What tells a file from the one that replaced it, and from itself before it was written to. Nobody but
/// the kernel sets the time of the last change, not even who sets that of the last modification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size_bytes: u64,
    /// Both since the Unix epoch; what is before counts as then.
    modified: Duration,
    changed: Duration,
}

impl Stamp {
    /// Of what `path` leads to. None where there is no regular file.
    pub fn at(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        metadata.is_file().then(|| Self::of(&metadata))
    }

    /// The same, where every later change will show in the stamp.
    pub fn settled_at(path: &Path) -> Option<Self> {
        let now_unix_ms = clock::unix_ms();
        Self::at(path).filter(|stamp| stamp.is_settled(now_unix_ms))
    }

    fn of(metadata: &Metadata) -> Self {
        let time = |seconds: i64, nanoseconds: i64| {
            let seconds = u64::try_from(seconds).unwrap_or(0);
            Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0))
        };
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size_bytes: metadata.len(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether whatever happens to the file after `now`, when the stamp was taken, gives it another stamp.
    /// If not, it may have been written to a moment ago, and will have the same stamp after the next write.
    fn is_settled(&self, now_unix_ms: u64) -> bool {
        let latest = self.modified.max(self.changed);
        let after = match latest.subsec_nanos() % NS_PER_MS {
            0 => SETTLED_AFTER,
            _ => SETTLED_AFTER_FINE,
        };
        latest + after < Duration::from_millis(now_unix_ms)
    }
}

/// Which files there were when they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamps {
    files: Vec<(PathBuf, Option<Stamp>)>,
    are_settled: bool,
}

impl Default for Stamps {
    fn default() -> Self {
        Stamps {
            files: Vec::new(),
            are_settled: true,
        }
    }
}

impl Stamps {
    /// Of the files as they are now. Take them before reading, so that a file that is replaced
    /// meanwhile is noticed later.
    pub fn now(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut stamps = Stamps::default();
        for path in paths {
            stamps.add(path);
        }
        stamps
    }

    /// Adds a file as it is now.
    pub fn add(&mut self, path: PathBuf) {
        let now_unix_ms = clock::unix_ms();
        let stamp = Stamp::at(&path);
        self.are_settled &= stamp.is_some_and(|stamp| stamp.is_settled(now_unix_ms));
        self.files.push((path, stamp));
    }

    /// The same files as they are now.
    pub fn again(&self) -> Self {
        Self::now(self.paths().cloned())
    }

    /// Whether what was read then is what would be read at the time of `later`.
    pub fn hold(&self, later: &Self) -> bool {
        self.are_settled && self.look_like(later)
    }

    /// Whether these are the same files in the same state, as far as can be seen.
    pub fn look_like(&self, other: &Self) -> bool {
        self.files == other.files
    }

    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> + Clone {
        self.files.iter().map(|(path, _)| path)
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(clock::unix_ms())
    }

    #[test]
    fn a_file_that_was_changed_a_moment_ago_is_not_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(Stamp::at(&path), None);
        fs::write(&path, "one").unwrap();
        let stamp = Stamp::at(&path).unwrap();
        let now_unix_ms = clock::unix_ms();
        assert!(!stamp.is_settled(now_unix_ms));
        assert!(stamp.is_settled(now_unix_ms + 5_000));
        // Who sets the time back does not hide that anything happened.
        let file = File::options().append(true).open(&path).unwrap();
        file.set_modified(now() - HOUR).unwrap();
        assert!(!Stamp::at(&path).unwrap().is_settled(now_unix_ms));
        // A time in the future may come again.
        file.set_modified(now() + HOUR).unwrap();
        assert!(!Stamp::at(&path).unwrap().is_settled(now_unix_ms + 5_000));
    }

    #[test]
    fn coarse_times_take_longer_to_settle_than_fine_ones() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "one").unwrap();
        let stamp = Stamp::at(&folder.path().join("file")).unwrap();
        let settled = |ns: u32, after_ms: u64| {
            let changed = Duration::new(1_000_000_000, ns);
            let stamp = Stamp {
                modified: changed,
                changed,
                ..stamp
            };
            let now = changed + Duration::from_millis(after_ms);
            stamp.is_settled(now.as_millis() as u64)
        };
        let fine = [0, 100, 101, 2_001].map(|after_ms| settled(123_456_789, after_ms));
        assert_eq!(fine, [false, false, true, true]);
        for ns in [0, 120_000_000] {
            let coarse = [0, 101, 2_000, 2_001].map(|after_ms| settled(ns, after_ms));
            assert_eq!(coarse, [false, false, false, true]);
        }
    }

    #[test]
    fn stamps_hold_as_long_as_settled_files_are_left_alone() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let folder = tempfile::tempdir().unwrap();
        let fresh = folder.path().join("fresh");
        fs::write(&fresh, "one").unwrap();
        for (paths, hold) in [
            (vec![], true),
            (vec![sample.clone()], Stamp::settled_at(&sample).is_some()),
            (vec![fresh.clone()], false),
            (vec![sample, fresh], false),
            (vec![folder.path().join("none")], false),
            (vec![folder.path().to_owned()], false),
        ] {
            let stamps = Stamps::now(paths);
            assert_eq!(stamps.hold(&stamps.again()), hold, "{stamps:?}");
            assert!(stamps.look_like(&stamps.again()));
        }
    }

    #[test]
    fn another_file_of_the_same_size_and_time_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let time = now() - HOUR;
        for name in ["one", "two"] {
            fs::write(path(name), name).unwrap();
            let file = File::options().append(true).open(path(name)).unwrap();
            file.set_modified(time).unwrap();
        }
        let before = Stamp::at(&path("one"));
        fs::rename(path("two"), path("one")).unwrap();
        assert_ne!(Stamp::at(&path("one")), before);
    }
}
