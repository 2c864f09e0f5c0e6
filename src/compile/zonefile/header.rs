//! `[TTL] [class] type` or `[class] [TTL] type`: what stands between owner and data.

use super::file::{FileReader, Mistake};
use super::lexer::Token;
use super::rdata;
use crate::dns::class;
use crate::dns::mnemonic::{self, TypeName};

/// TTL, class and type of a record, and how many tokens they take.
pub(super) struct Header {
    pub ttl: Option<u32>,
    pub rtype: u16,
    pub len: usize,
}

/// There is at least one token.
pub(super) fn read_header(file: &FileReader<'_>, tokens: &[Token]) -> Result<Header, Mistake> {
    let mut ttl = None;
    let mut has_class = false;
    for (index, token) in tokens.iter().enumerate() {
        let bytes = file.bytes(token);
        if ttl.is_none() && bytes.first().is_some_and(u8::is_ascii_digit) {
            ttl = Some(file.ttl(token)?);
        } else if let Some(rtype) = mnemonic::rtype(bytes) {
            can_stand_in_a_zone(file, token, rtype)?;
            let len = index + 1;
            return Ok(Header { ttl, rtype, len });
        } else if let (false, Some(class)) = (has_class, mnemonic::class(bytes)) {
            if class != class::IN {
                let message = format!("class {}", file.shown(token));
                return Err(file.error_at(token, message, "zones are of class IN"));
            }
            has_class = true;
        } else {
            let message = format!("{} is no record type", file.shown(token));
            let help = "a type such as A or MX, or a number: `TYPE65280` (RFC 3597)";
            return Err(file.error_at(token, message, help));
        }
    }
    let last = &tokens[tokens.len() - 1];
    let help = "a type and its data, such as `A 192.0.2.1`";
    Err(file.error_after(last, "the record has no type".to_owned(), help))
}

fn can_stand_in_a_zone(file: &FileReader<'_>, token: &Token, rtype: u16) -> Result<(), Mistake> {
    if !rdata::is_meta(rtype) {
        return Ok(());
    }
    let message = format!("{} records cannot stand in a zone", TypeName(rtype));
    let help = "it is a type of questions or messages only";
    Err(file.error_at(token, message, help))
}
