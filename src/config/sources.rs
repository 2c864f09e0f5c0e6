//! The files that make a configuration, as if they were one long text: an offset into it says
//! the file, too.

use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Place;

/// Files that a configuration can have besides the first.
pub(super) const INCLUDED_MAX: usize = SHELF * SHELF;
const SHELF: usize = 256;

/// The texts of included files. They stay where they are once they are here, because what is read
/// from them borrows from them.
pub(super) struct Texts(Box<[OnceCell<Shelf>]>);

type Shelf = Box<[OnceCell<String>]>;

impl Texts {
    pub fn new() -> Self {
        Texts((0..SHELF).map(|_| OnceCell::new()).collect())
    }

    /// Keeps the text of the `number`th included file, which is below [`INCLUDED_MAX`].
    pub fn keep(&self, number: usize, text: String) -> &str {
        let shelf =
            self.0[number / SHELF].get_or_init(|| (0..SHELF).map(|_| OnceCell::new()).collect());
        shelf[number % SHELF].get_or_init(|| text)
    }
}

pub(super) struct Sources<'t> {
    /// In order of `base`.
    files: Vec<Source<'t>>,
    /// The offset asked for last and its column: a long line is not counted anew for each place.
    last: Cell<(usize, usize)>,
}

pub(super) struct Source<'t> {
    pub text: &'t str,
    pub path: Arc<Path>,
    /// Where relative paths begin: the folder of the file.
    folder: PathBuf,
    /// The offset of the first octet. Offsets within the tree of this file are counted from here.
    pub base: usize,
    /// Offset of the first octet of every line, from `base`.
    line_starts: Vec<usize>,
}

impl<'t> Sources<'t> {
    pub fn new(text: &'t str, path: &Path) -> Self {
        let mut sources = Sources {
            files: Vec::new(),
            last: Cell::new((0, 1)),
        };
        sources.add(text, path);
        sources
    }

    pub fn add(&mut self, text: &'t str, path: &Path) {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        // One more, so that the end of a file is not the beginning of the next.
        let base = self.files.last().map_or(0, |s| s.base + s.text.len() + 1);
        self.files.push(Source {
            text,
            path: Arc::from(path),
            folder: absolute.parent().map(Path::to_owned).unwrap_or_default(),
            base,
            line_starts: std::iter::once(0).chain(newlines).collect(),
        });
    }

    pub fn get(&self, number: usize) -> Option<&Source<'t>> {
        self.files.get(number)
    }

    /// The file that the configuration begins with.
    pub fn first(&self) -> &Source<'t> {
        &self.files[0]
    }

    /// The file in which an octet stands.
    pub fn of(&self, offset: usize) -> &Source<'t> {
        let after = self.files.partition_point(|source| source.base <= offset);
        &self.files[after - 1]
    }

    /// The text as it was written.
    pub fn written(&self, span: Range<usize>) -> &'t str {
        let source = self.of(span.start);
        let local = span.start - source.base..span.end.saturating_sub(source.base);
        source.text.get(local).unwrap_or_default()
    }

    /// The line of a place; empty where that is in none of these files.
    pub fn line(&self, place: &Place) -> &'t str {
        let is_it = |source: &&Source<'_>| Arc::ptr_eq(&source.path, &place.file);
        let line = self.files.iter().find(is_it).and_then(|source| {
            let start = *source
                .line_starts
                .get((place.line as usize).checked_sub(1)?)?;
            source.text.get(start..)?.lines().next()
        });
        line.unwrap_or_default()
    }

    /// A path as written at `offset`, or, where it is relative, from the folder of that file.
    pub fn resolve(&self, path: &str, offset: usize) -> PathBuf {
        self.of(offset).folder.join(path)
    }

    pub fn place(&self, offset: usize) -> Place {
        let source = self.of(offset);
        let local = offset - source.base;
        let line = source.line_starts.partition_point(|&start| start <= local);
        let start = source.line_starts[line - 1];
        let (known, known_column) = match self.last.get() {
            (known, column) if (source.base + start..=offset).contains(&known) => {
                (known - source.base, column)
            }
            _ => (start, 1),
        };
        let between = source.text.get(known..local).unwrap_or_default();
        let column = known_column + between.chars().count();
        self.last.set((offset, column));
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            file: Arc::clone(&source.path),
            line: number(line),
            column: number(column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_what_they_are() {
        let texts = Texts::new();
        let kept: Vec<_> = [0, 1, SHELF, INCLUDED_MAX - 1]
            .map(|number| texts.keep(number, number.to_string()))
            .into();
        assert_eq!(kept, ["0", "1", "256", "65535"]);
    }

    #[test]
    fn an_offset_says_file_line_and_column() {
        let mut sources = Sources::new("a\nbé c", Path::new("/one/m.toml"));
        sources.add("", Path::new("/two/empty.toml"));
        sources.add("x\n", Path::new("/three/n.toml"));
        let shown = |offset| sources.place(offset).to_string();
        assert_eq!(shown(0), "/one/m.toml:1:1");
        assert_eq!(shown(5), "/one/m.toml:2:3");
        assert_eq!(shown(6), "/one/m.toml:2:4");
        // The ends of the files.
        assert_eq!(shown(7), "/one/m.toml:2:5");
        assert_eq!(shown(8), "/two/empty.toml:1:1");
        assert_eq!(shown(9), "/three/n.toml:1:1");
        assert_eq!(shown(11), "/three/n.toml:2:1");
        assert_eq!(sources.written(9..10), "x");
        assert_eq!(sources.resolve("z", 9), Path::new("/three/z"));
        assert_eq!(sources.resolve("/z", 0), Path::new("/z"));
    }
}
