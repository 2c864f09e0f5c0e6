//! Reads `[zones]`: files of zones that need no table each.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::reader::{Key, Reader, Table, Value, quoted};
use super::references::References;
use super::scalar::{one_or_many, path_text};
use super::zone::zone_name;
use super::zone_settings::ZoneSettings;
use super::{At, pattern};
use crate::dns::Name;

/// Zones by name, and in the order in which they were found.
#[derive(Default)]
pub(super) struct Found {
    zones: Vec<Option<(Name, FoundZone)>>,
    by_name: HashMap<Name, usize>,
}

/// A zone as far as its file's name says it.
pub(super) struct FoundZone {
    pub file: At<PathBuf>,
    pub settings: ZoneSettings,
}

impl Found {
    /// What was found of a zone, which is then no longer here.
    pub fn take(&mut self, apex: &Name) -> Option<FoundZone> {
        let zone = self.zones[*self.by_name.get(apex)?].take();
        zone.map(|(_, found)| found)
    }

    /// What nobody took.
    pub fn rest(self) -> impl Iterator<Item = (Name, FoundZone)> {
        self.zones.into_iter().flatten()
    }

    fn add(&mut self, reader: &mut Reader, apex: Name, zone: FoundZone, span: &Range<usize>) {
        let other = self.by_name.get(&apex).map(|&number| &self.zones[number]);
        if let Some(Some((_, other))) = other {
            let (one, two) = (other.file.value.display(), zone.file.value.display());
            let message = format!("zone {apex} has two files");
            let help = format!("`{one}` and `{two}`");
            reader.error(span.clone(), message, Some(help));
            return;
        }
        self.by_name.insert(apex.clone(), self.zones.len());
        self.zones.push(Some((apex, zone)));
    }
}

/// The zones of every table `[zones]`.
pub(super) fn found<'t>(
    reader: &mut Reader,
    references: &mut References,
    tables: &'t [(Key<'t>, Value<'t>)],
) -> Found {
    let mut found = Found::default();
    for (key, value) in tables {
        let Some(mut table) = Table::of(reader, "[zones]", value, "a table [zones]") else {
            continue;
        };
        table.span = key.span();
        let settings = ZoneSettings::read(reader, references, &mut table);
        let example = "[\"zones/*.zone\"]";
        table.required(reader, "files", example, |reader, value| {
            one_or_many(reader, value, |reader, value| {
                find(reader, &mut found, value, &settings)
            })
        });
        table.finish(reader);
    }
    found
}

/// The zones whose files fit a pattern: what its one `*` stands for is a zone's name.
fn find(
    reader: &mut Reader,
    found: &mut Found,
    value: &Value,
    settings: &ZoneSettings,
) -> Option<()> {
    let expected = "a pattern such as \"zones/*.zone\"";
    let (before, after) = around_star(reader, value, expected)?;
    let files = pattern::files(reader, value, expected)?;
    for path in files {
        let Some(name) = named(&path, before, after) else {
            let message = format!("`{}` is no name of a zone", path.display());
            reader.error(value.span(), message, None);
            continue;
        };
        let Some(apex) = zone_name(reader, name, value.span()) else {
            continue;
        };
        let zone = FoundZone {
            file: reader.at(path.clone(), value.span()),
            settings: settings.clone(),
        };
        found.add(reader, apex, zone, &value.span());
    }
    Some(())
}

/// What stands around the one `*` in the last part of a pattern.
fn around_star<'t>(
    reader: &mut Reader,
    value: &'t Value<'t>,
    expected: &str,
) -> Option<(&'t str, &'t str)> {
    let text = path_text(reader, value, expected)?;
    let last = text.rsplit('/').next().unwrap_or(text);
    let parts = last.split_once('*');
    let one = parts.filter(|(_, after)| !pattern::is_pattern(after));
    if one.is_none() {
        let message = format!("{} does not say where a zone's name stands", quoted(text));
        let help = "put one `*` for it into the file's name, as in \"zones/*.zone\"; a single zone \
                    has a table [zone.\"NAME\"]";
        reader.error(value.span(), message, Some(help.to_owned()));
    }
    one
}

fn named<'p>(path: &'p Path, before: &str, after: &str) -> Option<&'p str> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(before)?.strip_suffix(after)
}
