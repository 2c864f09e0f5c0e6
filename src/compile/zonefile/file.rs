//! One file being read: what its tokens are, and where they stand.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::lexer::{self, Token, column};
use super::records::Spot;
use super::ttl;
use crate::config::Place;
use crate::dns::{Name, presentation};

/// An error that costs its entry.
pub(super) struct Mistake {
    pub place: Place,
    pub message: String,
    pub help: Option<String>,
}

/// What an entry without an owner belongs to.
#[derive(Clone, Copy)]
pub(super) enum LastOwner {
    /// Nothing was written yet.
    None,
    /// It was wrong, and this was said there; records without an owner are checked and dropped.
    Unusable,
    /// It has no record yet.
    Written,
    /// It has a number.
    Known(u32),
}

/// What lasts over one file.
pub(super) struct FileReader<'f> {
    pub text: &'f [u8],
    pub path: Arc<Path>,
    /// Of the file among those of the zone.
    pub number: u16,
    /// On the wire.
    pub origin: Vec<u8>,
    pub owner: LastOwner,
    /// The last owner, on the wire.
    pub owner_name: Vec<u8>,
    /// For a text made by a directive: where that one stands.
    pub made_at: Option<Spot>,
}

impl FileReader<'_> {
    /// Where a record is said to stand.
    pub fn spot(&self, spot: lexer::Spot) -> Spot {
        self.made_at.unwrap_or_else(|| Spot {
            line: spot.line,
            file: self.number,
            column: u16::try_from(column(self.text, spot.offset)).unwrap_or(u16::MAX),
        })
    }

    pub fn place(&self, spot: lexer::Spot) -> Place {
        let (line, column) = match self.made_at {
            Some(made_at) => (made_at.line, made_at.column.into()),
            None => (spot.line, column(self.text, spot.offset)),
        };
        Place {
            file: Arc::clone(&self.path),
            line,
            column,
        }
    }

    pub fn bytes(&self, token: &Token) -> &[u8] {
        token.bytes(self.text)
    }

    /// A token as diagnostics show it.
    pub fn shown(&self, token: &Token) -> String {
        shown(self.bytes(token))
    }

    pub fn error_at(&self, token: &Token, message: String, help: impl Into<String>) -> Mistake {
        Mistake {
            place: self.place((*token).into()),
            message,
            help: Some(help.into()),
        }
    }

    /// Something is missing behind the last token.
    pub fn error_after(&self, token: &Token, message: String, help: impl Into<String>) -> Mistake {
        let spot = lexer::Spot {
            offset: token.end + u32::from(token.quoted),
            line: token.line,
        };
        Mistake {
            place: self.place(spot),
            message,
            help: Some(help.into()),
        }
    }

    /// Appends a name to `wire`.
    pub fn name(&self, token: &Token, wire: &mut Vec<u8>) -> Result<(), Mistake> {
        presentation::append_relative(self.bytes(token), &self.origin, wire).map_err(|reason| {
            let message = format!("{} is no name: {reason}", self.shown(token));
            self.error_at(token, message, "a name such as `www` or `www.example.com.`")
        })
    }

    pub fn ttl(&self, token: &Token) -> Result<u32, Mistake> {
        ttl::parse(self.bytes(token)).map_err(|error| {
            let message = format!("TTL {} {}", self.shown(token), error.reason());
            self.error_at(token, message, error.help())
        })
    }
}

/// A part of a file as diagnostics show it: in backticks, and not too much of it.
pub(super) fn shown(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 60;
    // A character has at most four octets.
    let start = &bytes[..bytes.len().min(4 * SHOWN_MAX)];
    let text = String::from_utf8_lossy(start);
    let cut: String = text.chars().take(SHOWN_MAX).collect();
    let is_cut = cut.len() < text.len() || start.len() < bytes.len();
    let rest = if is_cut { "..." } else { "" };
    format!("`{}{rest}`", cut.replace(char::is_control, "\u{fffd}"))
}

/// A name on the wire as diagnostics show it.
pub(super) fn shown_name(wire: &[u8]) -> String {
    Name::from_wire(wire).map_or_else(|error| error.to_string(), |name| name.to_string())
}

/// The octets of a regular file of at most `bytes_max`.
pub(super) fn load(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.len() > bytes_max {
        return Err(too_large());
    }
    // One octet more than expected tells the end from a file that has grown.
    let mut text = Vec::with_capacity(metadata.len() as usize + 1);
    File::open(path)?
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut text)?;
    if text.len() as u64 > bytes_max {
        return Err(too_large());
    }
    Ok(text)
}

pub(super) fn too_large() -> io::Error {
    io::Error::other("the files of a zone are limited to 1 GiB together")
}
