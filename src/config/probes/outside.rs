//! Reads `command` and `file` monitors: what other programs say.

use std::path::PathBuf;
use std::time::Duration;

use super::{CommandProbe, FileProbe, Port};
use crate::config::reader::{Reader, Table, Value, quoted};
use crate::config::scalar::{list, path, text};
use crate::config::units::duration;

const WORDS_MAX: usize = 64;
const PLACEHOLDERS: [&str; 2] = ["address", "port"];
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn command(reader: &mut Reader, table: &mut Table) -> Option<(CommandProbe, Port)> {
    table.optional(reader, "command", |reader, value| {
        const EXPECTED: &str =
            "a list such as [\"/usr/lib/nagios/plugins/check_ping\", \"-H\", \"{address}\"]";
        let mut words = list(reader, value, EXPECTED, word)?.into_iter();
        let written = value.get_ref().as_array().map_or(0, |list| list.len());
        if written > WORDS_MAX {
            let help = format!("expected {WORDS_MAX} at most");
            reader.error(
                value.span(),
                format!("{written} words are too many"),
                Some(help),
            );
        }
        let Some(program) = words.next() else {
            if written == 0 {
                let message = format!("expected {EXPECTED}, found an empty one");
                reader.error(value.span(), message, None);
            }
            return None;
        };
        if !program.starts_with('/') {
            let message = format!("{} is no absolute path", quoted(&program));
            let help = "there is no shell and no search: write where the program is".to_owned();
            reader.error(value.span(), message, Some(help));
        }
        let arguments: Vec<String> = words.collect();
        let port = match arguments.iter().any(|word| word.contains("{port}")) {
            true => Port::Needed("command"),
            false => Port::Default(0),
        };
        let program = PathBuf::from(program);
        Some((CommandProbe { program, arguments }, port))
    })
}

/// A word of a command; what looks like a placeholder must be one.
fn word(reader: &mut Reader, value: &Value) -> Option<String> {
    let written = match value.get_ref().as_str() {
        // Programs may be given empty arguments.
        Some("") => "",
        _ => text(reader, value, "a word such as \"{address}\"")?,
    };
    if written.contains('\0') {
        let message = format!("{} contains a NUL, which no argument can", quoted(written));
        reader.error(value.span(), message, None);
    }
    let named = written
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'));
    for (name, _) in named {
        let is_word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
        if is_word && !PLACEHOLDERS.contains(&name) {
            let message = format!("{} stands for nothing", quoted(&format!("{{{name}}}")));
            let help = "there are {address} and {port}".to_owned();
            reader.error(value.span(), message, Some(help));
        }
    }
    Some(written.to_owned())
}

pub(super) fn file(reader: &mut Reader, table: &mut Table) -> Option<FileProbe> {
    let path = table.optional(reader, "file", path);
    let max_age = table.optional(reader, "max_age", |r, v| duration(r, v, SECOND..=DAY));
    Some(FileProbe {
        path: path?.value,
        max_age,
    })
}
