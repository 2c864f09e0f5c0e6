//! Mistakes, with the place where each was made and what was expected there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use super::render::render;

/// A place in a file. Lines and columns count from 1; column counts characters, not bytes.
/// Line 0 means the file as a whole; column 0 a line that holds a secret and so is not shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    #[serde(serialize_with = "path_as_text")]
    pub file: Arc<Path>,
    pub line: u32,
    pub column: u32,
}

impl Place {
    /// The file as a whole.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Place {
            file: Arc::from(path.into()),
            line: 0,
            column: 0,
        }
    }
}

/// Octets of a path that are no UTF-8 become U+FFFD, as they do where it is displayed.
fn path_as_text<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}", self.file.display()),
            (line, 0) => write!(f, "{}:{line}", self.file.display()),
            _ => write!(f, "{}:{}:{}", self.file.display(), self.line, self.column),
        }
    }
}

/// Errors refuse the configuration; warnings do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One mistake: where, what, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong, naming the key or value: "unknown key `intervall`".
    pub message: String,
    /// What was expected, or what helps: "did you mean `interval`?".
    pub help: Option<String>,
}

impl Diagnostic {
    /// Whether it refuses what it is about.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: error: message (help)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.severity, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// Everything found so far; collecting never stops at the first mistake.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn error(&mut self, place: &Place, message: impl Into<String>, help: Option<String>) {
        self.push(Severity::Error, place, message.into(), help);
    }

    pub fn warning(&mut self, place: &Place, message: impl Into<String>, help: Option<String>) {
        self.push(Severity::Warning, place, message.into(), help);
    }

    fn push(&mut self, severity: Severity, place: &Place, message: String, help: Option<String>) {
        let place = place.clone();
        self.0.push(Diagnostic {
            severity,
            place,
            message,
            help,
        });
    }

    /// True when anything refuses the configuration.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// Forgets the warnings.
    pub fn retain_errors(&mut self) {
        self.0.retain(Diagnostic::is_error);
    }

    pub fn extend(&mut self, other: Diagnostics) {
        self.0.extend(other.0);
    }

    /// Brings them into order of file and line.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| a.place.cmp(&b.place));
    }

    /// In order of file and line.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.sort();
        self.0
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
