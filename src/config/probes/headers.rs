//! Reads header fields of requests.

use toml::de::DeValue;

use crate::config::reader::{Reader, Value, in_order, listed, quoted, ticked};

/// Fields that are what they are: of the connection, or with a key of their own.
const OWN: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const FIELDS_MAX: usize = 32;
const VALUE_MAX: usize = 4096;

/// `{ name = "value" }`; names in lower case.
pub(super) fn headers<'t>(
    reader: &mut Reader,
    value: &'t Value<'t>,
) -> Option<Vec<(String, String)>> {
    let DeValue::Table(entries) = value.get_ref() else {
        return reader.wrong_type(value, "a table such as { accept = \"text/plain\" }");
    };
    if entries.len() > FIELDS_MAX {
        let message = format!("{} header fields are too many", entries.len());
        let help = format!("expected {FIELDS_MAX} at most");
        reader.error(value.span(), message, Some(help));
    }
    let mut fields: Vec<(String, String)> = Vec::new();
    for (key, value) in in_order(entries) {
        let name = key.get_ref().to_ascii_lowercase();
        if let Err((message, help)) = check_name(&name, &fields) {
            reader.error(key.span(), message, help);
            continue;
        }
        if let Some(text) = field_value(reader, value) {
            fields.push((name, text));
        }
    }
    Some(fields)
}

fn check_name(name: &str, before: &[(String, String)]) -> Result<(), (String, Option<String>)> {
    // A token (RFC 9110, 5.6.2).
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err((format!("{} is no name of a header", quoted(name)), None));
    }
    if OWN.contains(&name) {
        let help = match name {
            "host" => "write `host` beside `headers`".to_owned(),
            _ => format!("{} are not for you to set", listed(&OWN)),
        };
        return Err((format!("{} is set by the probe", ticked(name)), Some(help)));
    }
    if before.iter().any(|(other, _)| other == name) {
        return Err((format!("header {} is written twice", ticked(name)), None));
    }
    Ok(())
}

/// Visible ASCII, spaces and tabs. The value is not shown: it may be a secret.
fn field_value(reader: &mut Reader, value: &Value) -> Option<String> {
    let DeValue::String(text) = value.get_ref() else {
        let message = "expected the value of a header as text";
        reader.error(value.span(), message, None);
        return None;
    };
    let is_visible = |b: u8| b.is_ascii_graphic() || b == b' ' || b == b'\t';
    let mistake = if text.len() > VALUE_MAX {
        format!("the value is longer than {VALUE_MAX} octets")
    } else if !text.bytes().all(is_visible) {
        "the value has line ends, control characters or what is not ASCII".to_owned()
    } else {
        return Some(text.to_string());
    };
    reader.error(value.span(), mistake, None);
    None
}
