//! Reads `allow` and `deny`: whose connections and requests are taken.

use ipnet::IpNet;
use toml::de::DeValue;

use crate::config::Selector;
use crate::config::address::without_host_bits;
use crate::config::location::selector;
use crate::config::reader::{Reader, Table, Value};
use crate::config::references::References;
use crate::config::scalar::one_or_many;

/// Who is let in: whom `deny` does not name, and where there is an `allow`, whom that names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// `None`: all.
    pub allow: Option<Clients>,
    pub deny: Clients,
}

/// `["10.0.0.0/8", "country:DE", "network:office"]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clients {
    pub prefixes: Vec<IpNet>,
    pub selectors: Vec<Selector>,
}

/// `allow` and `deny` of a listener or a route.
pub(super) fn access(
    reader: &mut Reader,
    references: &mut References,
    table: &mut Table,
) -> Option<Access> {
    let allow = table.optional(reader, "allow", |r, v| clients(r, references, v));
    let deny = table.optional(reader, "deny", |r, v| clients(r, references, v));
    if allow.as_ref().is_some_and(|allow| allow.len() == 0) {
        table.refuse(reader, "allow", "is empty");
    }
    (allow.is_some() || deny.is_some()).then(|| Access {
        allow,
        deny: deny.unwrap_or_default(),
    })
}

impl Clients {
    fn len(&self) -> usize {
        self.prefixes.len() + self.selectors.len()
    }
}

fn clients(reader: &mut Reader, references: &mut References, value: &Value) -> Option<Clients> {
    let mut clients = Clients::default();
    one_or_many(reader, value, |reader, value| {
        let prefix = match value.get_ref() {
            DeValue::String(text) => text.parse::<IpNet>().ok(),
            _ => None,
        };
        let is_new = if let Some(prefix) = prefix {
            let prefix = without_host_bits(reader, value, prefix)?;
            let is_new = !clients.prefixes.contains(&prefix);
            clients.prefixes.push(prefix);
            is_new
        } else {
            let selector = match value.get_ref() {
                DeValue::String(text) if text == "unlocated" => Selector::Unlocated,
                _ => selector(reader, references, value)?,
            };
            let is_new = !clients.selectors.contains(&selector);
            clients.selectors.push(selector);
            is_new
        };
        if !is_new {
            let message = format!("{} is in this list already", reader.written(value.span()));
            reader.error(value.span(), message, None);
        }
        Some(())
    })?;
    Some(clients)
}
