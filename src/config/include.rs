//! The configuration's files as one tree: `include = ["conf.d/*.toml"]`.
//!
//! Each file may hold any table. What is written once at most (a table, a name in a group of
//! tables) is so over all files.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::reader::{Key, Reader, Value, ticked};
use super::scalar::one_or_many;
use super::sources::{INCLUDED_MAX, Texts};
use super::{Place, pattern, syntax};

/// Octets of the files of a configuration at most, all together.
pub(super) const TEXT_LEN_MAX: u64 = 64 * 1024 * 1024;
/// Tables of tables, `[pool.NAME]`: files may each add some.
const GROUPS: [&str; 6] = ["network", "region", "monitor", "pool", "policy", "zone"];

/// What all files say.
#[derive(Default)]
pub(super) struct Tree<'t> {
    pub top: DeTable<'t>,
    /// `[zones]`, which each file may have for itself.
    pub zones: Vec<(Key<'t>, Value<'t>)>,
}

/// Reads the files that the first one includes, and those that these include. None if any of them
/// is not TOML: judging the rest would only add noise.
pub(super) fn tree<'t>(reader: &mut Reader<'t>, texts: &'t Texts) -> Option<Tree<'t>> {
    let mut tree = Tree::default();
    let mut is_torn = false;
    let mut included = Included {
        texts,
        count: 0,
        octets_left: TEXT_LEN_MAX.saturating_sub(reader.sources.first().text.len() as u64),
        places: HashMap::new(),
    };
    included.know(reader.path(), Place::file(reader.path()));
    let mut number = 0;
    while reader.sources.get(number).is_some() {
        match syntax::parse(reader, number) {
            Some(mut top) => {
                if let Some((_, value)) = top.remove_entry("include") {
                    included.read(reader, &value);
                }
                tree.add(reader, top);
            }
            None => is_torn = true,
        }
        number += 1;
    }
    (!is_torn).then_some(tree)
}

impl<'t> Tree<'t> {
    fn add(&mut self, reader: &mut Reader, top: DeTable<'t>) {
        for (key, value) in top {
            let name: &str = key.get_ref();
            if name == "zones" {
                self.zones.push((key, value));
            } else if let Some(before) = self.top.get_mut(name).filter(|_| GROUPS.contains(&name)) {
                add_members(reader, name, before, value);
            } else {
                insert(reader, &mut self.top, String::new, key, value);
            }
        }
    }
}

/// Adds the tables of one kind to those of earlier files.
fn add_members<'t>(reader: &mut Reader, kind: &str, before: &mut Value<'t>, value: Value<'t>) {
    let expected = format!("a table [{kind}.NAME]");
    // What is no table is reported once: here, or where the group is read.
    let DeValue::Table(members) = before.get_mut() else {
        return;
    };
    if !value.get_ref().is_table() {
        reader.wrong_type::<()>(&value, &expected);
        return;
    }
    if let DeValue::Table(more) = value.into_inner() {
        for (key, value) in more {
            insert(reader, members, || format!("{kind} "), key, value);
        }
    }
}

/// Adds what no earlier file may have.
fn insert<'t>(
    reader: &mut Reader,
    to: &mut DeTable<'t>,
    kind: impl Fn() -> String,
    key: Key<'t>,
    value: Value<'t>,
) {
    let name: &str = key.get_ref();
    if let Some((other, _)) = to.get_key_value(name) {
        let first = reader.place(other.span().start);
        let message = format!("{}{} stands twice", kind(), ticked(name));
        let help = format!("it is at {first}, too; keep one of the two");
        reader.error(key.span(), message, Some(help));
    } else {
        to.insert(key, value);
    }
}

struct Included<'t> {
    texts: &'t Texts,
    count: usize,
    octets_left: u64,
    /// Every file, and where it was named. Each is read once, so there is no circle.
    places: HashMap<PathBuf, Place>,
}

impl<'t> Included<'t> {
    /// `"teams/web.toml"` or `["conf.d/*.toml"]`
    fn read(&mut self, reader: &mut Reader<'t>, value: &Value) {
        let expected = "a path such as \"conf.d/*.toml\"";
        let found = one_or_many(reader, value, |reader, value| {
            let files = pattern::files(reader, value, expected)?;
            Some((files, value.span()))
        });
        for (files, span) in found.into_iter().flatten() {
            for path in files {
                if self.read_file(reader, &path, span.clone()).is_none() {
                    return;
                }
            }
        }
    }

    /// None when there is no room for more.
    fn read_file(
        &mut self,
        reader: &mut Reader<'t>,
        path: &Path,
        span: Range<usize>,
    ) -> Option<()> {
        let place = reader.place(span.start);
        if let Some(first) = self.know(path, place) {
            let message = format!("`{}` is part of this configuration already", path.display());
            let help = format!("named by {first}; each file is read once");
            reader.error(span, message, Some(help));
            return Some(());
        }
        if self.count == INCLUDED_MAX {
            let message = "too many files are included";
            let help = format!("at most {INCLUDED_MAX} are allowed");
            reader.error(span, message, Some(help));
            return None;
        }
        reader.inputs.add_file(path);
        match regular_text_of(path, self.octets_left) {
            Ok(text) => {
                self.octets_left -= text.len() as u64;
                let text = self.texts.keep(self.count, text);
                self.count += 1;
                reader.sources.add(text, path);
            }
            Err(Unreadable::File(reason)) => {
                let message = format!("`{}` cannot be included", path.display());
                reader.error(span, message, Some(reason));
            }
            Err(Unreadable::At(place, reason)) => reader.error_at(&place, reason, None),
        }
        Some(())
    }

    /// Where the file was named before, if it was.
    fn know(&mut self, path: &Path, place: Place) -> Option<Place> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(first) = self.places.get(&path) {
            return Some(first.clone());
        }
        self.places.insert(path, place);
        None
    }
}

/// Why there is no text.
pub(super) enum Unreadable {
    /// In words.
    File(String),
    /// From a place on.
    At(Place, String),
}

/// A pipe would be waited for; the first file may be one, since somebody named it just now.
fn regular_text_of(path: &Path, len_max: u64) -> Result<String, Unreadable> {
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => {
            Err(Unreadable::File("it is not a regular file".to_owned()))
        }
        _ => text_of(path, len_max),
    }
}

/// The text of a file of at most `len_max` octets.
pub(super) fn text_of(path: &Path, len_max: u64) -> Result<String, Unreadable> {
    let unreadable = |reason: io::Error| Unreadable::File(format!("cannot be read: {reason}"));
    let mut octets = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(len_max + 1)
        .read_to_end(&mut octets)
        .map_err(unreadable)?;
    if octets.len() as u64 > len_max {
        let limit = TEXT_LEN_MAX >> 20;
        let message = format!("a configuration has at most {limit} MiB, in all its files");
        return Err(Unreadable::File(message));
    }
    String::from_utf8(octets).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = std::str::from_utf8(&error.as_bytes()[..valid]).unwrap_or_default();
        let place = Reader::new(before, path).place(valid);
        Unreadable::At(place, "is not UTF-8 from here on".into())
    })
}
