//! Shows mistakes to a human, each with the line that it is about.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use super::{Diagnostic, Diagnostics, Place};

/// Characters of a source line that are shown at most.
const WIDTH_MAX: usize = 120;
/// Octets of a source file that are read at most in search of a line.
const SOURCE_MAX: u64 = 64 * 1024 * 1024;

/// Writes one block per mistake, in order of place: `file:line:column: error: message`, the
/// line with a caret under the place, and `= help: …`. A line that cannot be read (any more) is
/// left out.
///
/// # Errors
///
/// Whatever writing to `out` answers.
pub fn render(diagnostics: &Diagnostics, out: &mut dyn Write) -> io::Result<()> {
    let mut source = Source::default();
    for diagnostic in diagnostics.clone().sorted() {
        render_one(&diagnostic, &mut source, out)?;
    }
    Ok(())
}

fn render_one(diagnostic: &Diagnostic, source: &mut Source, out: &mut dyn Write) -> io::Result<()> {
    let Diagnostic {
        severity,
        place,
        message,
        help,
    } = diagnostic;
    writeln!(out, "{place}: {severity}: {message}")?;
    let gutter = " ".repeat(place.line.to_string().len());
    if let Some(line) = source.line(place) {
        let (shown, before) = excerpt(line, place.column);
        writeln!(out, "{gutter} |")?;
        writeln!(out, "{} | {shown}", place.line)?;
        writeln!(out, "{gutter} | {before}^")?;
    }
    if let Some(help) = help {
        writeln!(out, "{gutter} = help: {help}")?;
    }
    writeln!(out)
}

/// The part of a line around `column` that fits, and the blanks that go before a caret under it.
fn excerpt(line: &str, column: u32) -> (String, String) {
    let caret = (column as usize).saturating_sub(1);
    let first = caret.saturating_sub(WIDTH_MAX / 2);
    let is_cut = first > 0 && line.chars().count() > WIDTH_MAX;
    let first = if is_cut { first } else { 0 };
    let mut shown = String::new();
    let mut before = String::new();
    for (at, c) in line.chars().enumerate().skip(first).take(WIDTH_MAX) {
        // A terminal must not obey what a file says.
        shown.push(if c.is_control() && c != '\t' { '?' } else { c });
        if at < caret {
            before.push(if c == '\t' { '\t' } else { ' ' });
        }
    }
    (shown, before)
}

/// The file that was asked last, read up to the line that was asked last. Places in order of
/// line cost one pass over each file.
#[derive(Default)]
struct Source {
    place: Option<Place>,
    reader: Option<BufReader<io::Take<File>>>,
    read: u32,
    text: String,
}

impl Source {
    fn line(&mut self, place: &Place) -> Option<&str> {
        if place.line == 0 || place.column == 0 {
            return None;
        }
        let is_ahead = self
            .place
            .as_ref()
            .is_some_and(|last| last.file == place.file && last.line <= place.line);
        if !is_ahead {
            self.reader = open(&place.file);
            self.read = 0;
        }
        self.place = Some(place.clone());
        while self.read < place.line {
            let mut line = Vec::new();
            let length = self.reader.as_mut()?.read_until(b'\n', &mut line);
            if length.is_err() || line.is_empty() {
                self.reader = None;
                return None;
            }
            self.read += 1;
            self.text = String::from_utf8_lossy(&line).trim_end().to_owned();
        }
        self.reader.as_ref().map(|_| self.text.as_str())
    }
}

/// Opens a regular file; anything else (a pipe) was consumed by the first reading.
fn open(path: &Path) -> Option<BufReader<io::Take<File>>> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    Some(BufReader::new(File::open(path).ok()?.take(SOURCE_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, mistakes: &[(u32, u32)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("m.toml");
        std::fs::write(&file, text).unwrap();
        let mut diagnostics = Diagnostics::new();
        for &(line, column) in mistakes {
            let mut place = Place::file(&file);
            (place.line, place.column) = (line, column);
            diagnostics.error(&place, "wrong", Some("do right".into()));
        }
        let mut out = Vec::new();
        render(&diagnostics, &mut out).unwrap();
        let path = format!("{}/", folder.path().display());
        String::from_utf8(out).unwrap().replace(&path, "")
    }

    #[test]
    fn a_line_with_a_secret_is_not_shown() {
        assert_eq!(
            rendered("a = 1\nsecret\n", &[(2, 0)]),
            "m.toml:2: error: wrong\n = help: do right\n\n".replace("\n =", "\n  =")
        );
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(
            rendered("a = 1\n\tbe = 2\n", &[(2, 2), (1, 5)]),
            "m.toml:1:5: error: wrong\n  |\n1 | a = 1\n  |     ^\n  = help: do right\n\n\
             m.toml:2:2: error: wrong\n  |\n2 | \tbe = 2\n  | \t^\n  = help: do right\n\n"
        );
    }

    #[test]
    fn two_mistakes_in_one_line_show_it_twice() {
        let shown = rendered("a = 1\n", &[(1, 1), (1, 5)]);
        assert_eq!(shown.matches("1 | a = 1").count(), 2);
    }

    #[test]
    fn a_place_without_a_line_shows_no_source() {
        assert_eq!(
            rendered("", &[(0, 0), (7, 1)]),
            "m.toml: error: wrong\n  = help: do right\n\n\
             m.toml:7:1: error: wrong\n  = help: do right\n\n"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_caret_and_control_characters_are_not_obeyed() {
        let line = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let (shown, before) = excerpt(&line, 501);
        assert_eq!(shown.chars().count(), WIDTH_MAX);
        assert_eq!(shown.find('X'), Some(before.len()));
        assert_eq!(excerpt("\u{1b}[2J", 1).0, "?[2J");
    }
}
