//! What a configuration was read from.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use super::{Stamps, pattern};

/// The files and folders that a configuration consists of, as they were when it was read.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    files: Stamps,
    patterns: Vec<Expanded>,
    /// What the patterns' files are hashed by: nobody can foresee it.
    hashes: RandomState,
}

/// A pattern, where it began, and which files it stood for.
#[derive(Clone, Debug)]
struct Expanded {
    folder: PathBuf,
    pattern: PathBuf,
    files: u64,
}

impl Inputs {
    /// Notes a file that is about to be read.
    pub(super) fn add_file(&mut self, path: &Path) {
        self.files.add(path.to_owned());
    }

    /// Notes the `files` that a pattern stands for.
    pub(super) fn add_pattern(&mut self, folder: &Path, pattern: &Path, files: &[PathBuf]) {
        self.patterns.push(Expanded {
            folder: folder.to_owned(),
            pattern: pattern.to_owned(),
            files: self.hashes.hash_one(files),
        });
    }

    /// Whether reading it again would give the same configuration. When in doubt, no.
    pub fn are_unchanged(&self) -> bool {
        let are_same = |expanded: &Expanded| {
            pattern::expand(&expanded.folder, &expanded.pattern)
                .is_ok_and(|files| self.hashes.hash_one(&*files) == expanded.files)
        };
        !self.files.is_empty()
            && self.files.hold(&self.files.again())
            && self.patterns.iter().all(are_same)
    }
}
