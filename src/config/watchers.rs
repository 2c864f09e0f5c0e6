//! Reads `[metrics]` and `[webhook]`: who is told what the server sees.

use std::net::{Ipv4Addr, SocketAddr};

use reqwest::Url;
use toml::de::DeValue;

use super::address::socket;
use super::reader::{Reader, Table, Value, quoted};
use super::scalar::{boolean, choice, one_or_many, path, text};
use super::{Hidden, Metrics, Webhook};

const METRICS_PORT: u16 = 9153;
/// Octets of a webhook's secret: shorter ones can be guessed.
pub const SECRET_LEN_MIN: usize = 16;
pub const SECRET_LEN_MAX: usize = 1024;

/// `[metrics]`; `None`: there is no such table.
pub(super) fn metrics(reader: &mut Reader, top: &mut Table) -> Option<Metrics> {
    let (key, value) = top.entry("metrics")?;
    let mut table = Table::of(reader, "[metrics]", value, "a table [metrics]")?;
    let listen = table.optional(reader, "listen", |r, v| {
        Some((socket(r, v, true)?, v.span()))
    });
    let allow_remote = table.optional(reader, "allow_remote", boolean);
    table.finish(reader);
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, METRICS_PORT));
    let (listen, span) = listen.unwrap_or((default, key.span()));
    if !listen.ip().is_loopback() && allow_remote != Some(true) {
        let message =
            format!("{listen} is not on loopback, and whoever gets there may read metrics");
        let help = "where a firewall sees to that, write `allow_remote = true`".to_owned();
        reader.error(span, message, Some(help));
        return None;
    }
    Some(Metrics { listen })
}

/// `[webhook]`; `None`: there is no such table.
pub(super) fn webhook(reader: &mut Reader, top: &mut Table) -> Option<Webhook> {
    let (_, value) = top.entry("webhook")?;
    let mut table = Table::of(reader, "[webhook]", value, "a table [webhook]")?;
    let url = table.required(reader, "url", "\"https://example.org/hook\"", url);
    let secret = table.optional(reader, "secret", secret);
    let secret_file = table.optional(reader, "secret_file", path);
    let ca = table.optional(reader, "ca", path);
    let on = table.optional(reader, "on", |r, v| {
        one_or_many(r, v, |r, v| choice(r, v, &[("down", true), ("up", false)]))
    });
    if table.key_span("secret").is_some() {
        table.refuse(reader, "secret_file", "and `secret` exclude each other");
    } else if table.key_span("secret_file").is_none() {
        let help =
            "write `secret_file = \"webhook.secret\"`; what is sent is signed by it".to_owned();
        reader.error(
            table.span.clone(),
            "`secret_file` is missing in [webhook]",
            Some(help),
        );
    }
    table.finish(reader);
    let tells = |down| on.as_ref().is_none_or(|on| on.contains(&down));
    Some(Webhook {
        url: url?,
        secret,
        secret_file,
        ca,
        on_down: tells(true),
        on_up: tells(false),
    })
}

fn url(reader: &mut Reader, value: &Value) -> Option<String> {
    const EXPECTED: &str = "a URL such as \"https://example.org/hook\"";
    let text = text(reader, value, EXPECTED)?;
    let url = Url::parse(text).ok();
    let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    else {
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        reader.error(value.span(), message, None);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        let mut place = reader.place(value.span().start);
        place.column = 0;
        let help = "what is sent is signed by `secret_file`".to_owned();
        reader.error_at(&place, "a URL with a user name or password", Some(help));
        return None;
    }
    let is_here = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback()),
        None => false,
    };
    if url.scheme() == "http" && !is_here {
        let place = reader.place(value.span().start);
        let message = "what is sent there can be read on its way";
        let help = "https:// is not".to_owned();
        reader.warning_at(&place, message, Some(help));
    }
    Some(url.into())
}

/// What stands there is not shown, be it right or wrong.
fn secret(reader: &mut Reader, value: &Value) -> Option<super::At<Hidden>> {
    let right = match value.get_ref() {
        DeValue::String(text) => {
            let is_right = (SECRET_LEN_MIN..=SECRET_LEN_MAX).contains(&text.len());
            is_right.then(|| Hidden(text.to_string()))
        }
        _ => None,
    };
    if right.is_none() {
        let mut place = reader.place(value.span().start);
        place.column = 0;
        let message =
            format!("expected a text of {SECRET_LEN_MIN} to {SECRET_LEN_MAX} octets as secret");
        reader.error_at(&place, message, None);
    }
    Some(reader.at(right?, value.span()))
}
