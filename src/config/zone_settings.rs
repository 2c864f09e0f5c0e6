//! Reads how a zone answers: in `[zone."NAME"]`, and in `[zones]` for all that are found there.

use std::path::PathBuf;
use std::sync::Arc;

use super::access::allow_query;
use super::reader::{Reader, Table};
use super::references::References;
use super::scalar::{boolean, choice};
use super::{At, Balanced, ClientNetwork, Zone};
use crate::dns::Name;
use crate::model::{Responses, RrsetOrder};

/// `None`: not written.
#[derive(Clone, Default)]
pub(super) struct ZoneSettings {
    client_subnet: Option<bool>,
    responses: Option<Responses>,
    rrset_order: Option<RrsetOrder>,
    /// Shared by all zones that are found together.
    allow_query: Option<Arc<[ClientNetwork]>>,
}

impl ZoneSettings {
    pub fn read(reader: &mut Reader, references: &mut References, table: &mut Table) -> Self {
        ZoneSettings {
            client_subnet: table.optional(reader, "client_subnet", boolean),
            responses: table.optional(reader, "responses", |reader, value| {
                let choices = [
                    ("minimal", Responses::Minimal),
                    ("additional", Responses::Additional),
                    ("full", Responses::Full),
                ];
                choice(reader, value, &choices)
            }),
            rrset_order: table.optional(reader, "rrset_order", |reader, value| {
                let choices = [
                    ("fixed", RrsetOrder::Fixed),
                    ("rotated", RrsetOrder::Rotated),
                ];
                choice(reader, value, &choices)
            }),
            allow_query: table.optional(reader, "allow_query", |reader, value| {
                allow_query(reader, references, value).map(Arc::from)
            }),
        }
    }

    /// These, and where they say nothing, `default`.
    pub fn or(self, default: ZoneSettings) -> Self {
        ZoneSettings {
            client_subnet: self.client_subnet.or(default.client_subnet),
            responses: self.responses.or(default.responses),
            rrset_order: self.rrset_order.or(default.rrset_order),
            allow_query: self.allow_query.or(default.allow_query),
        }
    }

    /// A zone with these, and the defaults where nothing is written.
    pub fn zone(self, apex: Name, file: At<PathBuf>, balanced: Vec<Balanced>) -> Zone {
        Zone {
            apex,
            file,
            client_subnet: self.client_subnet.unwrap_or(true),
            responses: self.responses.unwrap_or_default(),
            rrset_order: self.rrset_order.unwrap_or_default(),
            allow_query: self.allow_query,
            balanced,
        }
    }
}
