//! Reads how a route chooses one of a pool's endpoints: `balance`, `hash`, `load_factor`, `session`.

use std::time::Duration;

use toml::de::DeValue;

use crate::config::reader::{Reader, Table, Value, quoted};
use crate::config::scalar::{boolean, choice, number, text};
use crate::config::units::duration;
use crate::model::Balance;
use crate::model::routing::{Balancing, HashBy};

/// What a route says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choosing {
    /// Default: the pool's.
    pub balance: Option<Balancing>,
    /// What makes requests alike to those who go by a hash: `"client"` (the default), `"host"`, `"path"`,
    /// `{ header = "X-User" }`, `{ cookie = "user" }`. What a request does not have is its client's address.
    pub hash: HashBy,
    /// How many times its part of the pool's requests an endpoint has at most, where a hash chooses: 1.01..=10.
    /// Default: any number. Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", 2016.
    pub load_factor: Option<f64>,
    /// Default: none.
    pub sticky: Option<Sticky>,
}

/// `session = { cookie = "name" }`: a client's requests go where its first one went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// A token (RFC 6265, 4.1.1).
    pub cookie: String,
    /// How long a cookie is good, and kept: 1 min..=400 d (RFC 6265bis, 5.5). Default: until the browser ends.
    pub max_age: Option<Duration>,
    /// Default `/`.
    pub path: String,
    /// Default lax.
    pub same_site: SameSite,
    /// Default auto.
    pub secure: Secure,
}

/// RFC 6265bis, 5.6.7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    Strict,
    #[default]
    Lax,
    None,
}

/// `secure = true`, `false` or `"auto"`: whether browsers send the cookie over TLS only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secure {
    /// Where the request came so.
    #[default]
    Auto,
    Always,
    Never,
}

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn choosing(reader: &mut Reader, table: &mut Table) -> Choosing {
    let choosing = Choosing {
        balance: table.optional(reader, "balance", balancing),
        hash: table.optional(reader, "hash", hash).unwrap_or_default(),
        load_factor: table.optional(reader, "load_factor", |r, v| {
            number(r, v, "a factor", 1.01..=10.0)
        }),
        sticky: table.optional(reader, "session", sticky),
    };
    // Without a `balance`, the pool's may go by it.
    let by_hash = match choosing.balance {
        None => true,
        Some(Balancing::As(balance)) => balance.is_by_client(),
        Some(Balancing::TwoChoices) => false,
    };
    if !by_hash {
        for key in ["hash", "load_factor"] {
            table.refuse(reader, key, "has no effect where no hash chooses");
        }
    }
    choosing
}

fn balancing(reader: &mut Reader, value: &Value) -> Option<Balancing> {
    let all = Balance::ALL.into_iter().chain(Balance::BY_LOAD);
    let all = all.map(|balance| (balance.name(), Balancing::As(balance)));
    let choices: Vec<_> = all
        .chain([("two-choices", Balancing::TwoChoices)])
        .collect();
    choice(reader, value, &choices)
}

fn hash(reader: &mut Reader, value: &Value) -> Option<HashBy> {
    if value.get_ref().as_str().is_some() {
        let choices = ["client", "host", "path"];
        let by = [HashBy::Client, HashBy::Host, HashBy::Path];
        let numbered: Vec<_> = choices.into_iter().zip(0..).collect();
        return choice(reader, value, &numbered).and_then(|at: usize| by.get(at).cloned());
    }
    const EXPECTED: &str = "\"client\", \"host\", \"path\", { header = \"X-User\" } or \
                            { cookie = \"user\" }";
    let mut table = Table::of(reader, "`hash`", value, EXPECTED)?;
    let header = table.optional(reader, "header", |r, v| token(r, v, "the name of a header"));
    let cookie = table.optional(reader, "cookie", |r, v| token(r, v, "the name of a cookie"));
    // A mistake in one of them is told already.
    let is_empty = ["header", "cookie"]
        .iter()
        .all(|key| table.key_span(key).is_none());
    table.finish(reader);
    match (header, cookie) {
        (Some(header), None) => Some(HashBy::Header(header.to_ascii_lowercase().into())),
        (None, Some(cookie)) => Some(HashBy::Cookie(cookie.into())),
        (None, None) => {
            if is_empty {
                reader.error(value.span(), format!("expected {EXPECTED}"), None);
            }
            None
        }
        (Some(_), Some(_)) => {
            let message = "`header` and `cookie` exclude each other";
            reader.error(value.span(), message, None);
            None
        }
    }
}

/// RFC 9110, 5.6.2.
pub(super) fn token(reader: &mut Reader, value: &Value, what: &str) -> Option<String> {
    let text = text(reader, value, what)?;
    let is_right = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    if text.len() > 256 || !text.bytes().all(is_right) {
        let message = format!("{} is not {what}", quoted(text));
        let help = "up to 256 letters, digits and !#$%&'*+-.^_`|~".to_owned();
        reader.error(value.span(), message, Some(help));
        return None;
    }
    Some(text.to_owned())
}

fn sticky(reader: &mut Reader, value: &Value) -> Option<Sticky> {
    let expected = "a table such as { cookie = \"session\" }";
    let mut table = Table::of(reader, "`session`", value, expected)?;
    let cookie = table.required(reader, "cookie", "\"session\"", |r, v| {
        token(r, v, "the name of a cookie")
    });
    let max_age = table.optional(reader, "max_age", |r, v| {
        duration(r, v, Duration::from_secs(60)..=400 * DAY)
    });
    let path = table.optional(reader, "path", cookie_path);
    let same_site = table.optional(reader, "same_site", |r, v| {
        let choices = [
            ("strict", SameSite::Strict),
            ("lax", SameSite::Lax),
            ("none", SameSite::None),
        ];
        choice(r, v, &choices)
    });
    let secure = table.optional(reader, "secure", |r, v| match v.get_ref() {
        DeValue::Boolean(true) => Some(Secure::Always),
        DeValue::Boolean(false) => Some(Secure::Never),
        DeValue::String(text) if text == "auto" => Some(Secure::Auto),
        _ => boolean(r, v).map(|_| Secure::Auto),
    });
    let (same_site, secure) = (same_site.unwrap_or_default(), secure.unwrap_or_default());
    if same_site == SameSite::None && secure != Secure::Always {
        let why = "is \"none\", which browsers take with `secure = true` only";
        table.refuse(reader, "same_site", why);
    }
    table.finish(reader);
    Some(Sticky {
        cookie: cookie?,
        max_age,
        path: path.unwrap_or_else(|| "/".to_owned()),
        same_site,
        secure,
    })
}

fn cookie_path(reader: &mut Reader, value: &Value) -> Option<String> {
    const EXPECTED: &str = "a path such as \"/shop\"";
    let text = text(reader, value, EXPECTED)?;
    let is_right = text
        .bytes()
        .all(|octet| octet.is_ascii_graphic() && octet != b';');
    if !text.starts_with('/') || !is_right || text.len() > 1024 {
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        reader.error(value.span(), message, None);
        return None;
    }
    Some(text.to_owned())
}
