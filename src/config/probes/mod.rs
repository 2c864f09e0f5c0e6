//! Reads what a monitor asks: one kind, and the options that it has.

mod datagrams;
mod dns;
mod grpc;
mod headers;
mod http;
mod kinds;
mod octets;
mod outside;
mod tcp;
mod tls;
mod way;

use std::ops::Range;

pub use kinds::*;

use super::reader::{Reader, Table, listed};
use super::scalar::integer;
use super::unprobed;

const BODY_LIMIT_MAX: u32 = 1024 * 1024;

const KINDS: [&str; 11] = [
    "http", "https", "tcp", "tls", "grpc", "grpcs", "dns", "udp", "icmp", "command", "file",
];
const HTTP: &[&str] = &["http", "https"];
const TLS: &[&str] = &["https", "tls", "grpcs"];
const STREAMS: &[&str] = &["http", "https", "tcp", "tls", "grpc", "grpcs"];
const SENDING: &[&str] = &[
    "http", "https", "tcp", "tls", "grpc", "grpcs", "dns", "udp", "icmp",
];
/// Options, and the kinds that have them.
const OPTIONS: [(&str, &[&str]); 18] = [
    ("host", &["http", "https", "grpc", "grpcs"]),
    ("expect_status", HTTP),
    ("expect_body", HTTP),
    ("body_limit", &["http", "https", "tcp"]),
    ("load_header", HTTP),
    ("load_json", HTTP),
    ("http_version", HTTP),
    ("method", HTTP),
    ("headers", HTTP),
    ("redirects", HTTP),
    ("reuse", HTTP),
    ("sni", TLS),
    ("ca", TLS),
    ("insecure", TLS),
    ("certificate_valid_for", TLS),
    ("proxy_protocol", STREAMS),
    ("source", SENDING),
    ("max_age", &["file"]),
];

/// Where the key stands that is a kind.
pub(super) fn written(table: &Table) -> Option<Range<usize>> {
    KINDS.into_iter().find_map(|kind| table.key_span(kind))
}

/// What the one key that is a kind asks for, and where probes go unless something is written.
pub(super) fn probe(reader: &mut Reader, table: &mut Table) -> Option<(ProbeKind, Port)> {
    let written: Vec<_> = KINDS
        .into_iter()
        .filter_map(|kind| table.entry(kind).map(|(key, _)| (kind, key.span())))
        .collect();
    // Every option is known, so that none is reported twice.
    for (key, _) in OPTIONS {
        table.entry(key);
    }
    match written.as_slice() {
        [(kind, _)] => {
            refuse_options(reader, table, kind);
            of_kind(reader, table, kind)
        }
        [] => {
            let kinds: Vec<_> = KINDS.into_iter().chain(unprobed::KINDS).collect();
            let message = format!("a monitor needs one of {}", listed(&kinds));
            let help = "for example `http = \"/healthz\"`".to_owned();
            reader.error(table.span.clone(), message, Some(help));
            None
        }
        [(first, _), (second, span), ..] => {
            let message = format!("a monitor asks one thing, not `{first}` and `{second}`");
            let help = "write one monitor for each".to_owned();
            reader.error(span.clone(), message, Some(help));
            None
        }
    }
}

/// What a kind has for a port that is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    Default(u16),
    /// It must be written.
    Needed(&'static str),
    /// There is none.
    No(&'static str),
}

fn of_kind(
    reader: &mut Reader,
    table: &mut Table,
    kind: &'static str,
) -> Option<(ProbeKind, Port)> {
    use ProbeKind::*;
    Some(match kind {
        "tcp" => (Tcp(tcp::tcp(reader, table)?), Port::Needed(kind)),
        "tls" => (Tls(tcp::handshake(reader, table)?), Port::Default(443)),
        "grpc" | "grpcs" => (Grpc(grpc::grpc(reader, table, kind)?), Port::Needed(kind)),
        "dns" => (Dns(dns::dns(reader, table)?), Port::Default(53)),
        "udp" => (Udp(datagrams::udp(reader, table)?), Port::Needed(kind)),
        "command" => {
            let (probe, port) = outside::command(reader, table)?;
            (Command(probe), port)
        }
        "file" => (File(outside::file(reader, table)?), Port::No(kind)),
        "icmp" => (Icmp(datagrams::icmp(reader, table)?), Port::No(kind)),
        "https" => (Http(http::http(reader, table, kind)?), Port::Default(443)),
        _ => (Http(http::http(reader, table, kind)?), Port::Default(80)),
    })
}

/// Reports options that the kind does not have.
fn refuse_options(reader: &mut Reader, table: &Table, kind: &str) {
    for (key, kinds) in OPTIONS {
        if !kinds.contains(&kind) {
            let why = format!("is for {} monitors", listed(kinds));
            table.refuse(reader, key, &why);
        }
    }
}

fn body_limit(reader: &mut Reader, table: &mut Table) -> u32 {
    let limit = table.optional(reader, "body_limit", |r, v| {
        integer(r, v, 1..=BODY_LIMIT_MAX)
    });
    limit.unwrap_or(BODY_LIMIT_DEFAULT)
}
