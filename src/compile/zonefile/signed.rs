//! What a signed zone has besides its data, and what becomes of it.
//!
//! Answers are not signed here. Records that only mean something in signed answers are read and
//! checked like all others, but not handed on: an RRSIG that is answered as ordinary data, or a name
//! that exists because of its NSEC3 record, would help nobody. What remains is the zone as it was
//! before it was signed, and that is told. DS, DNSKEY, CDS and CDNSKEY are ordinary data and stay.

use std::path::Path;
use std::sync::Arc;

use super::records::Spot;
use super::report::Report;
use crate::dns::mnemonic::TypeName;

/// The records that were left out.
#[derive(Default)]
pub(super) struct Signed {
    first: Option<(u16, Spot)>,
    count: usize,
}

impl Signed {
    /// Whether a record is left out; then it is counted.
    pub fn takes(&mut self, rtype: u16, spot: Spot) -> bool {
        // SIG NXT RRSIG NSEC NSEC3 NSEC3PARAM
        let is_proof = matches!(rtype, 24 | 30 | 46 | 47 | 50 | 51);
        if is_proof {
            self.first.get_or_insert((rtype, spot));
            self.count += 1;
        }
        is_proof
    }

    /// Warns, once for the zone.
    pub fn report(&self, files: &[Arc<Path>], report: &mut Report<'_>) {
        let Some((rtype, spot)) = self.first else {
            return;
        };
        let rtype = TypeName(rtype);
        let records = match self.count - 1 {
            0 => format!("this {rtype} record is"),
            others => format!("this {rtype} record and {others} more of its kind are"),
        };
        let message = format!(
            "the zone is signed, but goes out unsigned: DNSSEC is not served, so {records} left out"
        );
        let help = "remove its DS records from the parent zone, or validating resolvers refuse \
                    the answers";
        report.warning(&spot.place(files), message, Some(help.to_owned()));
    }
}
