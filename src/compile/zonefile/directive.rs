//! `$ORIGIN`, `$TTL` and `$INCLUDE` (RFC 1035, 5.1; RFC 2308, 4); `$GENERATE` has a file of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{FileReader, Mistake, load};
use super::lexer::Token;
use super::reader::ZoneReader;
use super::{INCLUDE_DEPTH_MAX, INCLUDES_MAX};

impl ZoneReader<'_, '_> {
    pub fn read_directive(
        &mut self,
        file: &mut FileReader<'_>,
        directive: &Token,
        arguments: &[Token],
    ) -> Result<(), Mistake> {
        let name = file.bytes(directive).to_ascii_uppercase();
        let (usage, arguments_max) = match &name[..] {
            b"$ORIGIN" => ("`$ORIGIN name`", 1),
            b"$TTL" => ("`$TTL 1h`", 1),
            b"$INCLUDE" => ("`$INCLUDE file` or `$INCLUDE file origin`", 2),
            b"$GENERATE" => return self.generate(file, directive, arguments),
            _ => {
                let message = format!("unknown directive {}", file.shown(directive));
                let help = "there are `$ORIGIN`, `$TTL`, `$INCLUDE` and `$GENERATE`";
                return Err(file.error_at(directive, message, help));
            }
        };
        let Some(first) = arguments.first() else {
            let message = format!("{} says nothing", file.shown(directive));
            return Err(file.error_after(directive, message, usage));
        };
        if let Some(extra) = arguments.get(arguments_max) {
            let message = format!("{}: one value too many", file.shown(extra));
            return Err(file.error_at(extra, message, usage));
        }
        match &name[..] {
            b"$ORIGIN" => file.origin = origin(file, Some(first))?,
            b"$TTL" => self.ttl_default = Some(file.ttl(first)?),
            _ => {
                let origin = origin(file, arguments.get(1))?;
                self.include(file, first, origin)?;
            }
        }
        Ok(())
    }

    /// Reads another file in place. Its `$ORIGIN` and its owners end with it (RFC 1035, 5.1); its
    /// `$TTL` lasts, as in BIND.
    fn include(
        &mut self,
        file: &FileReader<'_>,
        token: &Token,
        origin: Vec<u8>,
    ) -> Result<(), Mistake> {
        let path = include_path(&file.path, file.bytes(token));
        if self.depth == INCLUDE_DEPTH_MAX || self.includes_left == 0 {
            let message = format!("{} would be one file too many", file.shown(token));
            let help = format!(
                "at most {INCLUDE_DEPTH_MAX} files within each other and {INCLUDES_MAX} in all; \
                 does a file include itself?"
            );
            return Err(file.error_at(token, message, help));
        }
        let text = load(&path, self.bytes_left).map_err(|reason| {
            let message = format!("cannot include `{}`: {reason}", path.display());
            let help = "a path relative to the folder of this file";
            file.error_at(token, message, help)
        })?;
        self.bytes_left -= text.len() as u64;
        self.includes_left -= 1;
        self.depth += 1;
        self.read_file(&text, Arc::from(path), origin);
        self.depth -= 1;
        Ok(())
    }
}

/// The origin that a token names, or the one that holds.
fn origin(file: &FileReader<'_>, token: Option<&Token>) -> Result<Vec<u8>, Mistake> {
    let Some(token) = token else {
        return Ok(file.origin.clone());
    };
    let mut origin = Vec::new();
    file.name(token, &mut origin)?;
    Ok(origin)
}

fn include_path(from: &Path, token: &[u8]) -> PathBuf {
    let folder = from.parent().unwrap_or(Path::new(""));
    folder.join(String::from_utf8_lossy(token).as_ref())
}
