//! Entries -> records: owners, TTLs, classes and types (RFC 1035, 5.1; RFC 2308, 4).

use std::path::Path;
use std::sync::Arc;

use super::file::{FileReader, LastOwner, Mistake, shown_name, too_large};
use super::generate::GENERATED_MAX;
use super::header::{Header, read_header};
use super::lexer::{self, Entry, Lexer, Start, Token};
use super::rdata::{self, RdataError, ValueError};
use super::records::{self, Records};
use super::report::Report;
use super::signed::Signed;
use super::{INCLUDES_MAX, TTL_MAX, ZONE_BYTES_MAX};
use crate::dns::mnemonic::TypeName;
use crate::dns::{Name, name, rtype};

/// Reads all records of a zone, in the order of the file; mistakes go to `report`.
pub(super) fn read_zone(text: &[u8], path: &Path, apex: &Name, report: &mut Report<'_>) -> Records {
    let mut zone = ZoneReader {
        apex,
        records: Records::default(),
        report,
        signed: Signed::default(),
        ttl_default: None,
        ttl_last: None,
        bytes_left: ZONE_BYTES_MAX,
        includes_left: INCLUDES_MAX,
        generated_left: GENERATED_MAX,
        depth: 0,
    };
    if text.len() as u64 > ZONE_BYTES_MAX {
        let message = too_large().to_string();
        zone.report.zone_error(message, None);
    } else {
        zone.bytes_left -= text.len() as u64;
        zone.records.owners.expect(text.len());
        zone.read_file(text, Arc::from(path), apex.as_wire().to_vec());
    }
    zone.signed.report(&zone.records.files, zone.report);
    zone.records
}

/// What lasts over all files of a zone.
pub(super) struct ZoneReader<'r, 'd> {
    pub apex: &'r Name,
    pub records: Records,
    pub report: &'r mut Report<'d>,
    /// The records of a signed zone that are not kept.
    pub signed: Signed,
    /// `$TTL`, or the SOA minimum where nothing else says a TTL.
    pub ttl_default: Option<u32>,
    /// The last one written with a record.
    pub ttl_last: Option<u32>,
    pub bytes_left: u64,
    pub includes_left: usize,
    pub generated_left: u32,
    pub depth: usize,
}

impl ZoneReader<'_, '_> {
    pub fn read_file(&mut self, text: &[u8], path: Arc<Path>, origin: Vec<u8>) {
        // Some editors put a byte order mark in front.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        // At most `INCLUDES_MAX` and the first.
        let number = self.records.files.len() as u16;
        self.records.files.push(Arc::clone(&path));
        let mut file = FileReader {
            text,
            path,
            number,
            origin,
            owner: LastOwner::None,
            owner_name: Vec::new(),
            made_at: None,
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
        self.read_owned(file, first, rest)
    }

    /// Reads an entry that has its owner.
    fn read_owned(
        &mut self,
        file: &mut FileReader<'_>,
        owner: &Token,
        rest: &[Token],
    ) -> Result<(), Mistake> {
        if let Err(mistake) = self.read_owner(file, owner) {
            // The rest of the entry may hold a second mistake.
            self.report
                .error(&mistake.place, mistake.message, mistake.help);
        }
        if rest.is_empty() {
            let message = format!("{} has no record", file.shown(owner));
            return Err(file.error_after(owner, message, "a type and its data"));
        }
        self.read_record(file, rest)
    }

    pub fn read_owner(&mut self, file: &mut FileReader<'_>, token: &Token) -> Result<(), Mistake> {
        file.owner = LastOwner::Unusable;
        let mut owner = std::mem::take(&mut file.owner_name);
        owner.clear();
        file.name(token, &mut owner)?;
        file.owner_name = owner;
        if !name::is_in(&file.owner_name, self.apex.as_wire()) {
            let message = format!(
                "{}: the name `{}` lies outside the zone `{}`",
                file.shown(token),
                shown_name(&file.owner_name),
                self.apex
            );
            let help = "names without a dot at the end are relative to `$ORIGIN`";
            return Err(file.error_at(token, message, help));
        }
        file.owner = LastOwner::Written;
        Ok(())
    }

    /// Reads a record without its owner; there is at least one token.
    pub fn read_record(
        &mut self,
        file: &mut FileReader<'_>,
        tokens: &[Token],
    ) -> Result<(), Mistake> {
        let rdata_at = self.records.rdata.len();
        let read = self.read_data(file, tokens);
        if !matches!(read, Ok(true)) {
            self.records.rdata.truncate(rdata_at);
        }
        read.map(drop)
    }

    /// Appends a record's data and, if it is to be kept, the record itself.
    fn read_data(&mut self, file: &mut FileReader<'_>, tokens: &[Token]) -> Result<bool, Mistake> {
        let header = read_header(file, tokens)?;
        let values = &tokens[header.len..];
        let wire = &mut self.records.rdata;
        let rdata_at = wire.len();
        rdata::parse(header.rtype, file.text, values, &file.origin, wire)
            .map_err(|error| value_mistake(file, header.rtype, tokens, values, error))?;
        if wire.len() as u64 > ZONE_BYTES_MAX {
            let message = "the data of a zone is limited to 1 GiB".to_owned();
            return Err(file.error_at(&tokens[0], message, "split the zone"));
        }
        let rdata_len = (wire.len() - rdata_at) as u16;
        let ttl = self.ttl(file, &header, rdata_at, tokens[0].into())?;
        let spot = file.spot(tokens[0].into());
        if self.signed.takes(header.rtype, spot) {
            return Ok(false);
        }
        let Some(owner) = self.owner_number(file) else {
            return Ok(false);
        };
        self.records.entries.push(records::Entry {
            owner,
            rtype: header.rtype,
            rdata_len,
            rdata_at: rdata_at as u32,
            ttl,
            spot,
        });
        Ok(true)
    }

    /// The number of the owner that a record belongs to; `None` where that one was wrong.
    fn owner_number(&mut self, file: &mut FileReader<'_>) -> Option<u32> {
        if let LastOwner::Written = file.owner {
            file.owner = match self.records.owners.intern(&file.owner_name) {
                Some(number) => LastOwner::Known(number),
                None => LastOwner::Unusable,
            };
        }
        match file.owner {
            LastOwner::Known(number) => Some(number),
            _ => None,
        }
    }

    /// The TTL of a record: its own, else `$TTL` (RFC 2308, 4), else the last one written
    /// (RFC 1035, 5.1), else the SOA minimum, as BIND does.
    fn ttl(
        &mut self,
        file: &FileReader<'_>,
        header: &Header,
        rdata_at: usize,
        spot: lexer::Spot,
    ) -> Result<u32, Mistake> {
        if let Some(ttl) = header.ttl {
            self.ttl_last = Some(ttl);
            return Ok(ttl);
        }
        if let Some(ttl) = self.ttl_default.or(self.ttl_last) {
            return Ok(ttl);
        }
        let place = file.place(spot);
        let help = Some("write `$TTL 1h` at the top of the file".to_owned());
        let rdata = &self.records.rdata[rdata_at..];
        let (rtype::SOA, Some(minimum)) = (header.rtype, rdata.last_chunk()) else {
            let message = format!("{}: no TTL is given here or before", TypeName(header.rtype));
            return Err(Mistake {
                place,
                message,
                help,
            });
        };
        let minimum = u32::from_be_bytes(*minimum).min(TTL_MAX);
        self.ttl_default = Some(minimum);
        let message = format!("no TTL is given; the SOA minimum, {minimum} s, is taken");
        self.report.warning(&place, message, help);
        Ok(minimum)
    }
}

/// Says what is wrong with the values of a record.
fn value_mistake(
    file: &FileReader<'_>,
    rtype: u16,
    tokens: &[Token],
    values: &[Token],
    error: RdataError,
) -> Mistake {
    let help = rdata::expected(rtype);
    let rtype = TypeName(rtype);
    match (error.reason, values.get(error.token)) {
        (reason @ ValueError::Wrong(_), Some(token)) => {
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
}
