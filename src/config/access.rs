//! Reads lists of client networks: who may ask, who is exempt.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::ClientNetwork;
use super::address::without_host_bits;
use super::reader::{Reader, Value, quoted};
use super::references::References;
use super::scalar::{one_or_many, text};

/// `["10.0.0.0/8", "network:office"]`, or a single one; each once.
pub(super) fn client_networks(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<ClientNetwork>> {
    let mut seen = HashSet::new();
    one_or_many(reader, value, |reader, value| {
        let network = client_network(reader, references, value)?;
        if !seen.insert(network) {
            let shown = reader.written(value.span());
            let message = format!("{shown} is in this list already");
            reader.error(value.span(), message, None);
        }
        Some(network)
    })
}

/// [`client_networks`] of whom queries are answered: of nobody's would be no nameserver.
pub(super) fn allow_query(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<ClientNetwork>> {
    if value
        .get_ref()
        .as_array()
        .is_some_and(|list| list.is_empty())
    {
        let help = "leave `allow_query` out to answer everyone".to_owned();
        reader.error(value.span(), "`allow_query` is empty", Some(help));
        return None;
    }
    client_networks(reader, references, value)
}

fn client_network(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<ClientNetwork> {
    const EXPECTED: &str = "a prefix such as \"10.0.0.0/8\", or \"network:NAME\"";
    let text = text(reader, value, EXPECTED)?;
    if let Some(name) = text.strip_prefix("network:") {
        let id = references.listed_network(reader, name, value.span());
        return id.map(ClientNetwork::Named);
    }
    let Ok(prefix) = text.parse::<IpNet>() else {
        let meant = match text.parse::<IpAddr>() {
            Ok(address) => Some(IpNet::from(address).to_string()),
            Err(_) => references
                .has_network(text)
                .then(|| format!("network:{text}")),
        };
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        let help = meant.map(|meant| format!("did you mean \"{meant}\"?"));
        reader.error(value.span(), message, help);
        return None;
    };
    without_host_bits(reader, value, prefix).map(ClientNetwork::Prefix)
}
