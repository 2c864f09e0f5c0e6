//! Entries -> records: directives, owners, TTLs, classes and types (RFC 1035, 5.1; RFC 2308, 4).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::base::iana::{Class, Rtype};

use super::lexer::{Entry, Lexer, Spot, Start, Token, column};
use super::report::Report;
use super::scanner::{self, ScanError};
use super::{INCLUDE_DEPTH_MAX, INCLUDES_MAX, TTL_MAX, ZONE_BYTES_MAX, ZoneRecord, rdata, ttl};
use crate::config::Place;
use crate::dns::Name;

/// Reads all records of a zone; mistakes go to `report`.
pub(super) fn read_zone(
    text: &[u8],
    path: &Path,
    apex: &Name,
    report: &mut Report<'_>,
) -> Vec<ZoneRecord> {
    let mut zone = ZoneReader {
        apex,
        records: Vec::new(),
        report,
        ttl_default: None,
        ttl_last: None,
        bytes_left: ZONE_BYTES_MAX,
        includes_left: INCLUDES_MAX,
        depth: 0,
    };
    if text.len() as u64 > ZONE_BYTES_MAX {
        let message = too_large().to_string();
        zone.report.zone_error(message, None);
    } else {
        zone.bytes_left -= text.len() as u64;
        zone.read_file(text, Arc::from(path), apex.clone());
    }
    zone.records
}

/// The octets of a regular file of at most `bytes_max`.
pub(super) fn load(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = Vec::new();
    File::open(path)?
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut text)?;
    if text.len() as u64 > bytes_max {
        return Err(too_large());
    }
    Ok(text)
}

fn too_large() -> io::Error {
    io::Error::other("the files of a zone are limited to 1 GiB together")
}

/// What lasts over all files of a zone.
struct ZoneReader<'r, 'd> {
    apex: &'r Name,
    records: Vec<ZoneRecord>,
    report: &'r mut Report<'d>,
    /// `$TTL`, or the SOA minimum where nothing else says a TTL.
    ttl_default: Option<u32>,
    /// The last one written with a record.
    ttl_last: Option<u32>,
    bytes_left: u64,
    includes_left: usize,
    depth: usize,
}

/// What an entry without an owner belongs to.
enum LastOwner {
    /// Nothing was written yet.
    None,
    /// It was wrong, and this was said there; records without an owner are checked and dropped.
    Unusable,
    Name(Name),
}

/// What lasts over one file.
struct FileReader<'f> {
    text: &'f [u8],
    file: Arc<Path>,
    origin: Name,
    owner: LastOwner,
}

impl FileReader<'_> {
    fn place(&self, spot: Spot) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: spot.line,
            column: column(self.text, spot.offset),
        }
    }

    fn bytes(&self, token: &Token) -> &[u8] {
        token.bytes(self.text)
    }

    /// A token as diagnostics show it.
    fn shown(&self, token: &Token) -> String {
        const SHOWN_MAX: usize = 60;
        let text = String::from_utf8_lossy(self.bytes(token));
        let cut: String = text.chars().take(SHOWN_MAX).collect();
        let rest = if cut.len() < text.len() { "..." } else { "" };
        format!("`{}{rest}`", cut.replace(char::is_control, "\u{fffd}"))
    }

    fn error_at(&self, token: &Token, message: String, help: impl Into<String>) -> Mistake {
        Mistake {
            place: self.place((*token).into()),
            message,
            help: Some(help.into()),
        }
    }

    /// Something is missing behind the last token.
    fn error_after(&self, token: &Token, message: String, help: impl Into<String>) -> Mistake {
        let spot = Spot {
            offset: token.end + u32::from(token.quoted),
            line: token.line,
        };
        Mistake {
            place: self.place(spot),
            message,
            help: Some(help.into()),
        }
    }

    fn name(&self, token: &Token) -> Result<Name, Mistake> {
        scanner::name(self.bytes(token), &self.origin).map_err(|reason| {
            let message = format!("{} is no name: {reason}", self.shown(token));
            self.error_at(token, message, "a name such as `www` or `www.example.com.`")
        })
    }

    fn ttl(&self, token: &Token) -> Result<u32, Mistake> {
        ttl::parse(self.bytes(token)).map_err(|error| {
            let message = format!("TTL {} {}", self.shown(token), error.reason());
            self.error_at(token, message, error.help())
        })
    }
}

/// An error that costs its entry.
struct Mistake {
    place: Place,
    message: String,
    help: Option<String>,
}

/// TTL, class and type of a record, and how many tokens they take.
struct Header {
    ttl: Option<u32>,
    rtype: Rtype,
    len: usize,
}

impl ZoneReader<'_, '_> {
    fn read_file(&mut self, text: &[u8], path: Arc<Path>, origin: Name) {
        // Some editors put a byte order mark in front.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut file = FileReader {
            text,
            file: path,
            origin,
            owner: LastOwner::None,
        };
        let mut lexer = Lexer::new(text);
        while let Some(Entry { start, tokens }) = lexer.next_entry() {
            if self.report.is_full() {
                return;
            }
            let read = match tokens {
                Ok(tokens) => self.read_entry(&mut file, start, tokens),
                Err((spot, error)) => {
                    if !start.is_blank {
                        file.owner = LastOwner::Unusable;
                    }
                    Err(Mistake {
                        place: file.place(spot),
                        message: error.message(),
                        help: Some(error.help().to_owned()),
                    })
                }
            };
            if let Err(mistake) = read {
                self.report
                    .error(&mistake.place, mistake.message, mistake.help);
            }
        }
    }

    fn read_entry(
        &mut self,
        file: &mut FileReader<'_>,
        start: Start,
        tokens: &[Token],
    ) -> Result<(), Mistake> {
        if start.is_blank {
            if let (LastOwner::None, Some(first)) = (&file.owner, tokens.first()) {
                let message = format!("{} has no owner", file.shown(first));
                let help = "a line that begins with white space belongs to the owner before it";
                return Err(file.error_at(first, message, help));
            }
            return self.read_record(file, tokens);
        }
        let Some((first, rest)) = tokens.split_first() else {
            return Ok(());
        };
        if !first.quoted && file.bytes(first).starts_with(b"$") {
            return self.read_directive(file, first, rest);
        }
        let owner = self.read_owner(file, first);
        if let Err(mistake) = owner {
            // The rest of the entry may hold a second mistake.
            self.report
                .error(&mistake.place, mistake.message, mistake.help);
        }
        if rest.is_empty() {
            let message = format!("{} has no record", file.shown(first));
            return Err(file.error_after(first, message, "a type and its data"));
        }
        self.read_record(file, rest)
    }

    fn read_owner(&mut self, file: &mut FileReader<'_>, token: &Token) -> Result<(), Mistake> {
        file.owner = LastOwner::Unusable;
        let owner = file.name(token)?;
        if !owner.is_in(self.apex) {
            let message = format!(
                "{}: the name `{owner}` lies outside the zone `{}`",
                file.shown(token),
                self.apex
            );
            let help = "names without a dot at the end are relative to `$ORIGIN`";
            return Err(file.error_at(token, message, help));
        }
        file.owner = LastOwner::Name(owner);
        Ok(())
    }

    /// Reads a record without its owner; there is at least one token.
    fn read_record(&mut self, file: &FileReader<'_>, tokens: &[Token]) -> Result<(), Mistake> {
        let header = read_header(file, tokens)?;
        let rtype = header.rtype;
        let values = &tokens[header.len..];
        let rdata = rdata::parse(rtype, file.text, values, &file.origin).map_err(|error| {
            let help = rdata::expected(rtype);
            match (error.reason, values.get(error.token)) {
                (reason @ ScanError::Value(_), Some(token)) => {
                    let message = format!("{}: {reason}, in {rtype} data", file.shown(token));
                    file.error_at(token, message, help)
                }
                (reason, Some(token)) => {
                    let message = format!("{}: {reason} for {rtype}", file.shown(token));
                    file.error_at(token, message, help)
                }
                (reason, None) => {
                    let last = &tokens[tokens.len() - 1];
                    file.error_after(last, format!("{rtype}: {reason}"), help)
                }
            }
        })?;
        let place = file.place(tokens[0].into());
        let ttl = self.ttl(&header, &rdata, &place)?;
        if let LastOwner::Name(owner) = &file.owner {
            self.records.push(ZoneRecord {
                owner: owner.clone(),
                rtype: rtype.to_int(),
                ttl,
                rdata: rdata.into(),
                place,
            });
        }
        Ok(())
    }

    /// The TTL of a record: its own, else `$TTL` (RFC 2308, 4), else the last one written
    /// (RFC 1035, 5.1), else the SOA minimum, as BIND does.
    fn ttl(&mut self, header: &Header, rdata: &[u8], place: &Place) -> Result<u32, Mistake> {
        if let Some(ttl) = header.ttl {
            self.ttl_last = Some(ttl);
            return Ok(ttl);
        }
        if let Some(ttl) = self.ttl_default.or(self.ttl_last) {
            return Ok(ttl);
        }
        let help = "write `$TTL 1h` at the top of the file".to_owned();
        let (Rtype::SOA, Some(minimum)) = (header.rtype, rdata.last_chunk()) else {
            return Err(Mistake {
                place: place.clone(),
                message: format!("{}: no TTL is given here or before", header.rtype),
                help: Some(help),
            });
        };
        let minimum = u32::from_be_bytes(*minimum).min(TTL_MAX);
        self.ttl_default = Some(minimum);
        let message = format!("no TTL is given; the SOA minimum, {minimum} s, is taken");
        self.report.warning(place, message, Some(help));
        Ok(minimum)
    }

    fn read_directive(
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
            _ => {
                let message = format!("unknown directive {}", file.shown(directive));
                let help = "there are `$ORIGIN`, `$TTL` and `$INCLUDE`";
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
            b"$ORIGIN" => file.origin = file.name(first)?,
            b"$TTL" => self.ttl_default = Some(file.ttl(first)?),
            _ => {
                let origin = match arguments.get(1) {
                    Some(token) => file.name(token)?,
                    None => file.origin.clone(),
                };
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
        origin: Name,
    ) -> Result<(), Mistake> {
        let path = include_path(&file.file, file.bytes(token));
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

fn include_path(from: &Path, token: &[u8]) -> PathBuf {
    let folder = from.parent().unwrap_or(Path::new(""));
    folder.join(String::from_utf8_lossy(token).as_ref())
}

/// `[TTL] [class] type` or `[class] [TTL] type`; there is at least one token.
fn read_header(file: &FileReader<'_>, tokens: &[Token]) -> Result<Header, Mistake> {
    let mut ttl = None;
    let mut has_class = false;
    for (index, token) in tokens.iter().enumerate() {
        let bytes = file.bytes(token);
        if ttl.is_none() && bytes.first().is_some_and(u8::is_ascii_digit) {
            ttl = Some(file.ttl(token)?);
        } else if let (false, Some(class)) = (has_class, class(bytes)) {
            if class != Class::IN {
                let message = format!("class {}", file.shown(token));
                return Err(file.error_at(token, message, "zones are of class IN"));
            }
            has_class = true;
        } else {
            return Ok(Header {
                ttl,
                rtype: read_type(file, token)?,
                len: index + 1,
            });
        }
    }
    let last = &tokens[tokens.len() - 1];
    let help = "a type and its data, such as `A 192.0.2.1`";
    Err(file.error_after(last, "the record has no type".to_owned(), help))
}

fn read_type(file: &FileReader<'_>, token: &Token) -> Result<Rtype, Mistake> {
    let known = std::str::from_utf8(file.bytes(token))
        .ok()
        .and_then(|text| text.parse::<Rtype>().ok());
    match known {
        None => {
            let message = format!("{} is no record type", file.shown(token));
            let help = "a type such as A or MX, or a number: `TYPE65280` (RFC 3597)";
            Err(file.error_at(token, message, help))
        }
        Some(rtype) if rdata::is_meta(rtype) => {
            let message = format!("{} records cannot stand in a zone", file.shown(token));
            let help = "it is a type of questions or messages only";
            Err(file.error_at(token, message, help))
        }
        Some(rtype) => Ok(rtype),
    }
}

/// A class, by mnemonic or as `CLASS1`.
fn class(token: &[u8]) -> Option<Class> {
    std::str::from_utf8(token).ok()?.parse().ok()
}
