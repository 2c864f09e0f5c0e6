//! Reads `grpc` and `grpcs` monitors.

use toml::de::DeValue;

use super::GrpcProbe;
use super::tls::{host, tls};
use super::way::way;
use crate::config::reader::{Reader, Table, Value, quoted};

const SERVICE_MAX: usize = 1024;

/// `kind` is `grpc` or `grpcs`: the key that holds the service.
pub(super) fn grpc(
    reader: &mut Reader,
    table: &mut Table,
    kind: &'static str,
) -> Option<GrpcProbe> {
    let service = table.optional(reader, kind, service);
    let way = way(reader, table);
    let tls = (kind == "grpcs").then(|| tls(reader, table));
    let host = table.optional(reader, "host", host);
    Some(GrpcProbe {
        way,
        tls,
        service: service?,
        host,
    })
}

fn service(reader: &mut Reader, value: &Value) -> Option<String> {
    const EXPECTED: &str = "a service such as \"shop.Cart\", or \"\" for the server as a whole";
    let DeValue::String(text) = value.get_ref() else {
        return reader.wrong_type(value, EXPECTED);
    };
    if text.len() > SERVICE_MAX || text.contains(char::is_control) {
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        reader.error(value.span(), message, None);
        return None;
    }
    Some(text.to_string())
}
