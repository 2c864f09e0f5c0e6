//! Reads `access_log`.

use std::path::PathBuf;

use toml::de::DeValue;

use crate::config::load::percent;
use crate::config::reader::{Reader, Table, Value};
use crate::config::scalar::{choice, path};

/// `access_log = "access.log"`, `"stdout"`, or `{ to = "access.log", format = "json", sample = "10%" }`: a line for each
/// request when it has ended. `false`: none.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessLog {
    /// A file, which a reload opens anew; `None`: standard output.
    pub to: Option<PathBuf>,
    /// `"json"`, the default, or `"combined"`.
    pub format: LogFormat,
    /// The part of the requests that is logged, 0.01..=1.0: `"1%"` to `"100%"`. Default all.
    pub sample: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Combined,
}

/// `Some(None)`: there is to be none.
pub(super) fn access_log<'t>(
    reader: &mut Reader,
    value: &'t Value<'t>,
) -> Option<Option<AccessLog>> {
    match value.get_ref() {
        DeValue::Boolean(false) => Some(None),
        DeValue::String(_) => Some(Some(AccessLog {
            to: to(reader, value)?,
            format: LogFormat::Json,
            sample: 1.0,
        })),
        _ => {
            let expected = "a file, \"stdout\", false, or a table such as { to = \"access.log\", format = \"json\" }";
            let mut table = Table::of(reader, "`access_log`", value, expected)?;
            let to = table.required(reader, "to", "\"access.log\"", to);
            let format = table.optional(reader, "format", |r, v| {
                choice(
                    r,
                    v,
                    &[("json", LogFormat::Json), ("combined", LogFormat::Combined)],
                )
            });
            let sample = table.optional(reader, "sample", |r, v| percent(r, v, 0.01, 1.0));
            table.finish(reader);
            Some(Some(AccessLog {
                to: to?,
                format: format.unwrap_or(LogFormat::Json),
                sample: sample.unwrap_or(1.0),
            }))
        }
    }
}

fn to(reader: &mut Reader, value: &Value) -> Option<Option<PathBuf>> {
    match value.get_ref().as_str() {
        Some("stdout") => Some(None),
        _ => path(reader, value).map(|path| Some(path.value)),
    }
}
