//! Zone files (RFC 1035, 5) -> records, or every mistake with its place.
//!
//! ```text
//! lexer -> reader (-> header, directive, generate) -> rdata -> check
//! ```
//!
//! | module | question it answers |
//! |---|---|
//! | `lexer` | where does each entry begin and end, and what are its tokens? |
//! | `file` | what are the tokens of one file, and where do they stand? |
//! | `reader` | what do owners and TTLs say? |
//! | `header` | what do TTL, class and type of a record say? |
//! | `directive`, `generate` | what do lines that begin with `$` do? |
//! | `ttl` | how many seconds is `1h30m`? |
//! | `rdata` | what are the values of a type in wire format? |
//! | `signed` | what becomes of the records that only a signed zone has? |
//! | `records`, `owners` | how are the records kept? |
//! | `check` | do the records make a zone? |
//! | `report` | how much of what is wrong is worth telling? |
//!
//! A mistake costs its own entry only. The readers of the DNS crates were not made for that: they
//! stop at the first mistake or keep its place to themselves, lack types and directives that are in
//! use, and make several heap objects of each record, where this one makes none but for a new owner.

use std::path::Path;

use crate::config::{Diagnostics, Place};
use crate::dns::Name;

mod check;
mod directive;
mod file;
mod generate;
mod header;
mod lexer;
mod owners;
mod rdata;
mod reader;
mod records;
mod report;
mod signed;
mod ttl;

pub use crate::dns::mnemonic::TypeName;
pub use generate::GENERATED_MAX;
pub use records::{Records, ZoneRecord};

/// Octets in the files of one zone at most, included files counted each time: 1 GiB.
pub const ZONE_BYTES_MAX: u64 = 1 << 30;
/// How deep `$INCLUDE` may nest.
pub const INCLUDE_DEPTH_MAX: usize = 8;
/// How many files one zone may include.
pub const INCLUDES_MAX: usize = 1024;
/// Largest TTL: 2^31 - 1 seconds (RFC 2181, 8).
pub const TTL_MAX: u32 = i32::MAX as u32;

/// Reads and checks the zone `apex` from a file.
///
/// Owners in `balanced` get their addresses elsewhere: they count as having addresses, and the
/// file must not give them A, AAAA or CNAME records.
///
/// None: there is at least one error, and all of them (up to 100) are in `diagnostics`; warnings alone
/// do not refuse a zone. Duplicates are dropped; of a signed zone, what only signed answers have a use
/// for, too (RRSIG, NSEC, NSEC3, NSEC3PARAM), with a warning.
pub fn read(
    path: &Path,
    apex: &Name,
    balanced: &[Balanced],
    diagnostics: &mut Diagnostics,
) -> Option<Records> {
    let text = load(path, diagnostics)?;
    let mut report = report::Report::new(diagnostics, Place::file(path));
    let records = reader::read_zone(&text, path, apex, &mut report);
    // The checks need memory of their own.
    drop(text);
    checked(records, apex, balanced, report)
}

/// The text of a zone file, to be given to [`parse`].
pub fn load(path: &Path, diagnostics: &mut Diagnostics) -> Option<Vec<u8>> {
    file::load(path, ZONE_BYTES_MAX)
        .map_err(|reason| {
            let message = format!("cannot read the zone file: {reason}");
            diagnostics.error(&Place::file(path), message, None);
        })
        .ok()
}

/// A name whose addresses are declared elsewhere.
#[derive(Clone, Debug)]
pub struct Balanced {
    pub owner: Name,
    /// Whether it may be answered with a CNAME: then it has nothing else (RFC 1034, 3.6.2).
    pub may_be_alias: bool,
}

impl From<Name> for Balanced {
    /// One that is answered with addresses.
    fn from(owner: Name) -> Self {
        Balanced {
            owner,
            may_be_alias: false,
        }
    }
}

/// Like [`read`], for a text at hand. `path` names it in diagnostics, and `$INCLUDE` starts from
/// its folder.
pub fn parse(
    text: &[u8],
    path: &Path,
    apex: &Name,
    balanced: &[Balanced],
    diagnostics: &mut Diagnostics,
) -> Option<Records> {
    let mut report = report::Report::new(diagnostics, Place::file(path));
    let records = reader::read_zone(text, path, apex, &mut report);
    checked(records, apex, balanced, report)
}

fn checked(
    mut records: Records,
    apex: &Name,
    balanced: &[Balanced],
    mut report: report::Report<'_>,
) -> Option<Records> {
    check::zone(&mut records, apex, balanced, &mut report);
    records.freeze();
    report.finish().then_some(records)
}
