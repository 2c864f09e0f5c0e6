//! Reads what is done with a request.

use std::path::Path;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use toml::de::DeValue;

use super::{Action, edits, split};
use crate::config::reader::{Reader, Table, Value, listed, quoted};
use crate::config::references::References;
use crate::config::scalar::{self, boolean, integer, one_or_many, text};
use crate::model::routing::{Files, Redirect, Respond, Template, media_type};

/// Octets of a body that is kept in memory.
const BODY_MAX: u64 = 1 << 20;
/// Files that a folder may be represented by.
const INDEX_MAX: usize = 16;

const KINDS: [&str; 5] = ["to", "split", "redirect", "respond", "files"];

pub(super) fn action(
    reader: &mut Reader,
    references: &mut References,
    table: &mut Table,
) -> Option<Action> {
    table.know(&KINDS);
    let written: Vec<&str> = KINDS
        .into_iter()
        .filter(|kind| table.key_span(kind).is_some())
        .collect();
    if let [_, second, ..] = &*written {
        table.refuse(
            reader,
            second,
            &format!("cannot stand beside `{}`", written[0]),
        );
    }
    if written.first() != Some(&"split") {
        table.refuse(reader, "canary", "means nothing without `split`");
        table.know(&["canary"]);
    }
    match written.first() {
        Some(&"split") => split::split(reader, references, table).map(Action::Split),
        Some(&"redirect") => table
            .optional(reader, "redirect", redirect)
            .map(Action::Redirect),
        Some(&"respond") => table
            .optional(reader, "respond", respond)
            .map(Action::Respond),
        Some(&"files") => table.optional(reader, "files", files).map(Action::Files),
        _ => {
            // The message puts it, and the key, between backticks.
            let example = "\"a pool or a policy\"`, or `split`, `redirect`, `respond` or `files";
            let to = table.required(reader, "to", example, |reader, value| {
                let name = text(reader, value, "the name of a pool or a policy")?;
                references.member(reader, name, value.span())
            });
            to.map(|to| Action::Forward { to })
        }
    }
}

fn redirect(reader: &mut Reader, value: &Value) -> Option<Redirect> {
    if value.get_ref().as_str().is_some() {
        let to = target(reader, value)?;
        let status = StatusCode::FOUND;
        return Some(Redirect { to, status });
    }
    let expected = "an address such as \"https://{host}{uri}\", or { to = \"…\", status = 301 }";
    let mut table = Table::of(reader, "`redirect`", value, expected)?;
    let to = table.required(reader, "to", "\"https://{host}{uri}\"", target);
    let status = table.optional(reader, "status", |reader, value| {
        let status = integer(reader, value, 100..=599)?;
        let status = StatusCode::from_u16(status).ok()?;
        if ![301, 302, 303, 307, 308].contains(&status.as_u16()) {
            let help = "expected 301, 302, 303, 307 or 308".to_owned();
            reader.error(
                value.span(),
                format!("{} redirects nobody", status.as_u16()),
                Some(help),
            );
        }
        Some(status)
    });
    table.finish(reader);
    Some(Redirect {
        to: to?,
        status: status.unwrap_or(StatusCode::FOUND),
    })
}

fn target(reader: &mut Reader, value: &Value) -> Option<Template> {
    const EXPECTED: &str = "an address such as \"https://{host}{uri}\" or \"/elsewhere\"";
    let written = text(reader, value, EXPECTED)?;
    let template = template(reader, value, written)?;
    let begins = ["http://", "https://", "{scheme}://", "{path}", "{uri}"];
    let is_rooted = written.starts_with('/') && !written.starts_with("//");
    let is_clean = |octet: u8| octet.is_ascii_graphic() && !b"\"<>\\^`|".contains(&octet);
    if !is_rooted && !begins.iter().any(|begin| written.starts_with(begin))
        || !written.bytes().all(is_clean)
    {
        reader.error(
            value.span(),
            format!("expected {EXPECTED}, found {}", quoted(written)),
            None,
        );
        return None;
    }
    Some(template)
}

pub(super) fn template(reader: &mut Reader, value: &Value, written: &str) -> Option<Template> {
    match Template::parse(written) {
        Ok(template) => Some(template),
        Err(why) => {
            let names: Vec<String> = Template::names()
                .map(|name| format!("{{{name}}}"))
                .collect();
            let help = format!("known: {}; a brace is written twice", listed(&names));
            reader.error(
                value.span(),
                format!("{}: {why}", quoted(written)),
                Some(help),
            );
            None
        }
    }
}

fn respond(reader: &mut Reader, value: &Value) -> Option<Respond> {
    let expected = "a response such as { status = 200, body = \"…\" }";
    let mut table = Table::of(reader, "`respond`", value, expected)?;
    let status = table.optional(reader, "status", |r, v| integer(r, v, 200..=599));
    let body = table.optional(reader, "body", |reader, value| match value.get_ref() {
        DeValue::String(text) => Some(Bytes::from(text.to_string())),
        _ => reader.wrong_type(value, "a text"),
    });
    if body.is_some() {
        table.refuse(reader, "file", "cannot stand beside `body`");
        table.know(&["file"]);
    }
    let file = match body {
        Some(_) => None,
        None => table.optional(reader, "file", file),
    };
    let content_type = table.optional(reader, "content_type", field_value);
    let headers = table.optional(reader, "headers", edits::fixed);
    table.finish(reader);
    let status = StatusCode::from_u16(status.unwrap_or(200)).ok()?;
    let has_body = body.as_ref().is_some_and(|body| !body.is_empty()) || file.is_some();
    if has_body && matches!(status.as_u16(), 204 | 205 | 304) {
        let message = format!("a response {} has no body", status.as_u16());
        reader.error(value.span(), message, None);
    }
    let own_type = match (&file, has_body) {
        (Some((_, own_type)), _) => Some(own_type.clone()),
        (None, true) => Some(HeaderValue::from_static("text/plain; charset=utf-8")),
        (None, false) => None,
    };
    Some(Respond {
        status,
        content_type: content_type.or(own_type),
        body: body.or(file.map(|(body, _)| body)).unwrap_or_default(),
        headers: headers.unwrap_or_default(),
    })
}

pub(super) fn field_value(reader: &mut Reader, value: &Value) -> Option<HeaderValue> {
    let text = text(reader, value, "the value of a header")?;
    let read = HeaderValue::from_str(text).ok();
    if read.is_none() {
        let message = format!("{} is no value of a header", quoted(text));
        reader.error(value.span(), message, None);
    }
    read
}

/// A file that is read now and kept, and what is in it by its name.
pub(super) fn file(reader: &mut Reader, value: &Value) -> Option<(Bytes, HeaderValue)> {
    let path = scalar::path(reader, value)?.value;
    reader.inputs.add_file(&path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let own_type = HeaderValue::from_static(media_type(&name));
    match read_bounded(&path) {
        Ok(body) => Some((body, own_type)),
        Err(why) => {
            let message = format!("{} cannot be read: {why}", quoted(&path.to_string_lossy()));
            reader.error(value.span(), message, None);
            None
        }
    }
}

fn read_bounded(path: &Path) -> Result<Bytes, String> {
    use std::io::Read;
    let words = |error: std::io::Error| error.to_string();
    let file = std::fs::File::open(path).map_err(words)?;
    if !file.metadata().map_err(words)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut body = Vec::new();
    file.take(BODY_MAX + 1)
        .read_to_end(&mut body)
        .map_err(words)?;
    match body.len() as u64 > BODY_MAX {
        true => Err(format!("it has more than {BODY_MAX} octets")),
        false => Ok(body.into()),
    }
}

fn files(reader: &mut Reader, value: &Value) -> Option<Files> {
    let index_html = || Box::from(["index.html".into()]);
    let of_root = |root| Files {
        root,
        index: index_html(),
        fallback: None,
        dot_files: false,
        precompressed: false,
    };
    if value.get_ref().as_str().is_some() {
        return root(reader, value).map(of_root);
    }
    let expected = "a folder such as \"/srv/www\", or { root = \"/srv/www\" }";
    let mut table = Table::of(reader, "`files`", value, expected)?;
    let root = table.required(reader, "root", "\"/srv/www\"", root);
    let index = table.optional(reader, "index", |reader, value| {
        if let DeValue::Array(names) = value.get_ref()
            && names.len() > INDEX_MAX
        {
            reader.error(
                value.span(),
                format!("expected at most {INDEX_MAX} names"),
                None,
            );
        }
        one_or_many(reader, value, file_name)
    });
    let fallback = table.optional(reader, "fallback", file_name);
    let dot_files = table.optional(reader, "dot_files", boolean);
    let precompressed = table.optional(reader, "precompressed", boolean);
    table.finish(reader);
    Some(Files {
        index: index.map_or_else(index_html, Vec::into_boxed_slice),
        fallback,
        dot_files: dot_files.unwrap_or(false),
        precompressed: precompressed.unwrap_or(false),
        ..of_root(root?)
    })
}

fn root(reader: &mut Reader, value: &Value) -> Option<std::path::PathBuf> {
    let root = scalar::path(reader, value)?;
    if !root.value.is_dir() {
        let message = format!("{} is no folder", quoted(&root.value.to_string_lossy()));
        let help = Some("until it is one, requests are answered 404".to_owned());
        reader.warning_at(&root.place, message, help);
    }
    Some(root.value)
}

fn file_name(reader: &mut Reader, value: &Value) -> Option<Box<str>> {
    let name = text(reader, value, "the name of a file such as \"index.html\"")?;
    if name.contains(['/', '\0']) || matches!(name, "." | "..") {
        let message = format!("{} is no name of a file", quoted(name));
        reader.error(value.span(), message, None);
        return None;
    }
    Some(name.into())
}
