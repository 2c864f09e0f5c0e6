//! Zone files (RFC 1035, 5) -> records, or every mistake with its place.
//!
//! ```text
//! lexer -> reader -> rdata (-> scanner) -> check
//! ```
//!
//! | module | question it answers |
//! |---|---|
//! | `lexer` | where does each entry begin and end, and what are its tokens? |
//! | `reader` | what do directives, owners, TTLs, classes and types say? |
//! | `ttl` | how many seconds is `1h30m`? |
//! | `rdata` | what are the values of a type in wire format? |
//! | `scanner` | how does the `domain` crate read our tokens? |
//! | `check` | do the records make a zone? |
//! | `report` | how much of what is wrong is worth telling? |
//!
//! The `domain` crate has a reader for whole zone files too, but that one must not be used any
//! further after its first mistake, keeps its positions private and knows no TTL units. So the
//! structure is read here, entry by entry, and `domain` reads the values of each record type
//! through its `Scanner` trait. A mistake costs its own entry only.

use std::path::Path;

use crate::config::{Diagnostics, Place};
use crate::dns::Name;

mod check;
mod lexer;
mod rdata;
mod reader;
mod report;
mod scanner;
mod ttl;

/// Octets in the files of one zone at most, included files counted each time: 1 GiB.
pub const ZONE_BYTES_MAX: u64 = 1 << 30;
/// How deep `$INCLUDE` may nest.
pub const INCLUDE_DEPTH_MAX: usize = 8;
/// How many files one zone may include.
pub const INCLUDES_MAX: usize = 1024;
/// Largest TTL: 2^31 - 1 seconds (RFC 2181, 8).
pub const TTL_MAX: u32 = i32::MAX as u32;

/// One record of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRecord {
    pub owner: Name,
    pub rtype: u16,
    /// Seconds, at most [`TTL_MAX`]; the same for all records of an RRset.
    pub ttl: u32,
    /// Wire format without compression.
    pub rdata: Box<[u8]>,
    /// Where it was written: what follows the owner. The file may be an included one.
    pub place: Place,
}

/// Reads and checks the zone `apex` from a file.
///
/// Owners in `balanced` get their addresses elsewhere: they count as having addresses, and the
/// file must not give them A, AAAA or CNAME records.
///
/// The records come in the order of the file, without duplicates. None: there is at least one
/// error, and all of them (up to 100) are in `diagnostics`; warnings alone do not refuse a zone.
pub fn read(
    path: &Path,
    apex: &Name,
    balanced: &[Name],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<ZoneRecord>> {
    let text = load(path, diagnostics)?;
    parse(&text, path, apex, balanced, diagnostics)
}

/// The text of a zone file, to be given to [`parse`].
pub fn load(path: &Path, diagnostics: &mut Diagnostics) -> Option<Vec<u8>> {
    reader::load(path, ZONE_BYTES_MAX)
        .map_err(|reason| {
            let message = format!("cannot read the zone file: {reason}");
            diagnostics.error(&Place::file(path), message, None);
        })
        .ok()
}

/// Like [`read`], for a text at hand. `path` names it in diagnostics, and `$INCLUDE` starts from
/// its folder.
pub fn parse(
    text: &[u8],
    path: &Path,
    apex: &Name,
    balanced: &[Name],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<ZoneRecord>> {
    let whole = Place::file(path);
    let mut report = report::Report::new(diagnostics, whole);
    let mut records = reader::read_zone(text, path, apex, &mut report);
    check::zone(&mut records, apex, balanced, &mut report);
    report.finish().then_some(records)
}
