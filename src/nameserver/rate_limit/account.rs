//! What an answer counts against: its kind, whom it goes to, and the name that a forger cannot vary at
//! will (the "imputed name" of ISC-TN-2012-1, 2.1).

use std::net::IpAddr;

use crate::dns::octets::hash;
use crate::dns::parse::{Record, skip_name};
use crate::dns::{HEADER_LEN, QueryName};
use crate::state::Root;
use crate::state::rate_table::Pace;
use crate::state::traffic::RateLimit;
use crate::state::zone::{Found, NONE};

/// Answers with equal accounts share one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    client: IpAddr,
    kind: Kind,
    name: ImputedName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// Records, the first of this type. (At an alias, whatever type is asked for has the same answer.)
    Response(u16),
    Referral,
    /// NXDOMAIN, NODATA, YXDOMAIN.
    Negative,
    Error,
}

/// The name of a node that is there: the owner, the wildcard, the DNAME or the delegation that
/// answered, or the zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct ImputedName {
    /// Hash of the apex; or of the whole name, where no zone answered.
    zone: u64,
    node: u32,
}

impl Account {
    /// `client` is the client's network; `name` is scratch space.
    pub fn new(
        client: IpAddr,
        root: &Root,
        query: &[u8],
        answer: &[u8],
        name: &mut QueryName,
    ) -> Self {
        let has_question = answer[4..6] != [0, 0];
        let question = has_question.then(|| read_question(query, name)).flatten();
        let kind = Kind::of(answer, question);
        let name = match (kind, question) {
            // One account for all errors: nothing that a query can vary makes another one.
            (Kind::Error, _) | (_, None) => ImputedName::default(),
            (kind, Some(qtype)) => ImputedName::of(kind, root, name, qtype),
        };
        Account { client, kind, name }
    }

    /// `None`: without a limit.
    pub fn pace(&self, limit: &RateLimit) -> Option<Pace> {
        match self.kind {
            Kind::Response(_) => limit.responses,
            Kind::Referral => limit.referrals,
            Kind::Negative => limit.negatives,
            Kind::Error => limit.errors,
        }
    }
}

impl Kind {
    fn of(answer: &[u8], question: Option<u16>) -> Self {
        const NOERROR: u8 = 0;
        const NXDOMAIN: u8 = 3;
        const YXDOMAIN: u8 = 6;
        let is_authoritative = answer[2] & 0x04 != 0;
        let is_truncated = answer[2] & 0x02 != 0;
        let has = |count_at: usize| answer[count_at..count_at + 2] != [0, 0];
        let (has_answers, has_authority) = (has(6), has(8));
        match (answer[3] & 0x0f, question) {
            // What did not fit is records all the same.
            (NOERROR, Some(qtype)) if has_answers || is_authoritative && is_truncated => {
                Kind::Response(first_type(answer).unwrap_or(qtype))
            }
            (NOERROR, Some(_)) if is_authoritative => Kind::Negative,
            (NOERROR, Some(_)) if has_authority => Kind::Referral,
            (NXDOMAIN | YXDOMAIN, Some(_)) => Kind::Negative,
            // BADVERS among them, whose low bits are those of NOERROR.
            _ => Kind::Error,
        }
    }
}

impl ImputedName {
    fn of(kind: Kind, root: &Root, name: &QueryName, qtype: u16) -> Self {
        let Some((entry, apex)) = root.zones.find(name, qtype) else {
            return ImputedName {
                zone: hash(name.wire()),
                node: NONE,
            };
        };
        let found = match kind {
            Kind::Response(_) | Kind::Referral => Some(entry.zone.find(name, apex)),
            Kind::Negative | Kind::Error => None,
        };
        let node = match found {
            Some(Found::Node(node) | Found::Redirected(node) | Found::Delegated(node)) => node.0,
            Some(Found::Nothing) | None => NONE,
        };
        ImputedName {
            zone: hash(name.suffix(apex)),
            node,
        }
    }
}

/// The type of the record after the question.
fn first_type(answer: &[u8]) -> Option<u16> {
    let question_end = skip_name(answer, HEADER_LEN)? + 4;
    Record::at(answer, question_end).map(|record| record.rtype)
}

/// Reads the question's name; its type.
fn read_question(query: &[u8], name: &mut QueryName) -> Option<u16> {
    let name_end = HEADER_LEN + name.read(query.get(HEADER_LEN..)?)?;
    let qtype: &[u8; 2] = query.get(name_end..)?.first_chunk()?;
    Some(u16::from_be_bytes(*qtype))
}
