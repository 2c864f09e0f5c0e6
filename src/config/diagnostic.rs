//! Mistakes, with the place where each was made and what was expected there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place in a file. Lines and columns count from 1; column counts characters, not bytes.
/// Line 0 means the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
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

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub place: Place,
    /// What is wrong, naming the key or value: "unknown key `intervall`".
    pub message: String,
    /// What was expected, or what helps: "did you mean `interval`?".
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: error: message (help)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}: {}", self.place, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// Everything found so far; collecting never stops at the first mistake.
#[derive(Clone, Debug, Default)]
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
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    pub fn extend(&mut self, other: Diagnostics) {
        self.0.extend(other.0);
    }

    /// In order of file and line.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.0.sort_by(|a, b| a.place.cmp(&b.place));
        self.0
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
