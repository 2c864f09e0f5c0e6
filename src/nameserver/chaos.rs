//! What the server says of itself in the CHAOS class (RFC 4892).

use super::respond::Reply;
use crate::dns::compose::{Composer, QNAME_POINTER, Section};
use crate::dns::{Rcode, class, rtype};
use crate::state::identity::Chaos;

/// Answers for the names that are configured; `None`: refused. `name` is on the wire, in lower case.
#[cold]
pub fn respond(
    chaos: &Chaos,
    name: &[u8],
    qtype: u16,
    composer: &mut Composer<'_>,
) -> Option<Reply> {
    let text = match name {
        b"\x07version\x04bind\x00" | b"\x07version\x06server\x00" => &chaos.version,
        b"\x08hostname\x04bind\x00" => &chaos.hostname,
        b"\x02id\x06server\x00" => &chaos.id,
        _ => return None,
    };
    let text = text.as_deref()?;
    match qtype {
        rtype::AXFR | rtype::IXFR => return None,
        rtype::TXT | rtype::ANY => append_text(text, composer),
        // There is no zone whose SOA could say how long that holds: it is not kept (RFC 2308, 5).
        _ => {}
    }
    composer.set_authoritative();
    Some(Reply::code(Rcode::NoError))
}

/// TTL 0: which server of several says it may differ from query to query.
fn append_text(text: &[u8], composer: &mut Composer<'_>) {
    const FIXED_LEN: usize = 13;
    let mut record = [0; FIXED_LEN + u8::MAX as usize];
    // `compile` takes no longer text.
    let len = text.len().min(u8::MAX.into());
    record[..2].copy_from_slice(&QNAME_POINTER.to_be_bytes());
    record[2..4].copy_from_slice(&rtype::TXT.to_be_bytes());
    record[4..6].copy_from_slice(&class::CH.to_be_bytes());
    record[10..12].copy_from_slice(&(1 + len as u16).to_be_bytes());
    record[12] = len as u8;
    record[FIXED_LEN..FIXED_LEN + len].copy_from_slice(&text[..len]);
    if composer
        .append(Section::Answer, &record[..FIXED_LEN + len], 1)
        .is_none()
    {
        composer.set_truncated();
    }
}
