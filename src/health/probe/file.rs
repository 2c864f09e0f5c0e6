//! The file probe: what other monitoring has written of a target.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::deadline::Deadline;
use super::{Ask, Asking, Outcome};
use crate::clock;
use crate::config::{FileProbe, Stamp};
use crate::health::failure::{Failure, Step};

/// Octets of a file, with more lines than there are targets.
const FILE_MAX: u64 = 8 * 1024 * 1024;
/// Threads that read at a time: where a file system hangs, no more hang with it.
const READING_MAX: usize = 4;

/// What files said when they had this stamp.
type Known = HashMap<PathBuf, (Stamp, Arc<Content>)>;

/// The files read so far, which are not read again while their stamps are the same; cheap to clone.
#[derive(Clone, Debug)]
pub struct Files {
    known: Arc<Mutex<Known>>,
    reading: Arc<Semaphore>,
}

impl Default for Files {
    fn default() -> Self {
        Files {
            known: Arc::default(),
            reading: Arc::new(Semaphore::new(READING_MAX)),
        }
    }
}

/// Looks up one address.
#[derive(Debug)]
pub struct FileAsker {
    pub address: IpAddr,
    pub timeout: Duration,
    pub probe: FileProbe,
    pub files: Files,
}

impl FileAsker {
    async fn attempt(&self) -> Outcome {
        let deadline = Deadline::new(self.timeout);
        let looking = async {
            let reading = Arc::clone(&self.files.reading);
            let permit = reading.acquire_owned().await;
            let (address, probe, files) = (self.address, self.probe.clone(), self.files.clone());
            let looking = tokio::task::spawn_blocking(move || {
                let looked = look(address, &probe, &files);
                drop(permit);
                looked
            });
            looking.await
        };
        let path = self.probe.path.display();
        match deadline.within(Step::File, looking).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(Failure::local(&format!("{path}: {error}"))),
            // It is the file that is late, and not the target.
            Err(late) => Err(Failure::local(&format!("{path}: {late}"))),
        }
    }
}

impl Ask for FileAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(self.attempt())
    }
}

impl Files {
    /// What is in a file, read anew if that is needed.
    fn content(&self, path: &Path, alone: bool) -> io::Result<Arc<Content>> {
        let stamp = Stamp::settled_at(path);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, content)) = known.get(path)
            && stamp == Some(*before)
        {
            return Ok(Arc::clone(content));
        }
        known.remove(path);
        drop(known);
        let text = text(path)?;
        let content = match alone {
            true => Content::of_one(&text),
            false => Content::of_many(&text),
        };
        let content = Arc::new(content);
        if let Some(stamp) = stamp {
            let entry = (stamp, Arc::clone(&content));
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(path.to_owned(), entry);
        }
        Ok(content)
    }

    /// Nothing is kept of files that nobody may ask for any more.
    pub fn forget(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clear();
    }
}

/// What is said of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Up,
    /// With the reason, if one is given.
    Down(String),
    /// Something else.
    Unclear,
}

/// What a file says.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// It is somebody's own.
    One(Word),
    Many {
        words: HashMap<IpAddr, Word>,
        /// The first line that begins with no address.
        odd_line: Option<usize>,
    },
}

impl Content {
    fn of_one(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim);
        let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        Content::One(line.map_or(Word::Unclear, word))
    }

    /// Of several lines about one address, the last counts.
    fn of_many(text: &str) -> Self {
        let (mut words, mut odd_line) = (HashMap::new(), None);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (address, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            match address.parse::<IpAddr>() {
                Ok(address) => {
                    words.insert(address, word(rest.trim_start()));
                }
                Err(_) => odd_line = odd_line.or(Some(number + 1)),
            }
        }
        Content::Many { words, odd_line }
    }
}

/// `up`, or `down` and perhaps why.
fn word(text: &str) -> Word {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match first {
        "up" => Word::Up,
        "down" => Word::Down(rest.trim().to_owned()),
        _ => Word::Unclear,
    }
}

fn look(address: IpAddr, probe: &FileProbe, files: &Files) -> Outcome {
    let say = |path: &Path, why: &dyn std::fmt::Display| {
        Failure::local(&format!("{}: {why}", path.display()))
    };
    let metadata = fs::metadata(&probe.path).map_err(|e| say(&probe.path, &e))?;
    let alone = metadata.is_dir();
    let (path, metadata) = match alone {
        false => (probe.path.clone(), metadata),
        true => {
            let path = probe.path.join(address.to_string());
            let metadata = fs::metadata(&path).map_err(|e| say(&path, &e))?;
            (path, metadata)
        }
    };
    if !metadata.is_file() {
        return Err(say(&path, &"expected a file"));
    }
    let content = files.content(&path, alone).map_err(|e| say(&path, &e))?;
    let word = match &*content {
        Content::One(word) => word,
        Content::Many { words, odd_line } => words.get(&address).ok_or_else(|| {
            let odd = odd_line.map(|line| format!(" (and line {line} begins with no address)"));
            let odd = odd.unwrap_or_default();
            say(&path, &format_args!("it does not name {address}{odd}"))
        })?,
    };
    if let Some(max_age) = probe.max_age {
        let written = metadata.modified().map_err(|e| say(&path, &e))?;
        let written = written
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        if Duration::from_millis(clock::unix_ms()).saturating_sub(written) > max_age {
            return Err(Failure::Silent { max_age });
        }
    }
    match word {
        Word::Up => Ok(()),
        Word::Down(why) => Err(Failure::said_down(why)),
        Word::Unclear => {
            let why = format!("expected `up` or `down` of {address}");
            Err(say(&path, &why))
        }
    }
}

/// The text of a regular file. What is not UTF-8 in it is replaced.
fn text(path: &Path) -> io::Result<String> {
    // Should it have become a pipe, opening it does not wait for who writes.
    let mut options = OpenOptions::new();
    let file: File = options
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let mut octets = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > FILE_MAX {
        let why = format!("longer than {FILE_MAX} octets");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_whatever_stands_between_them() {
        let text = "# by Icinga\n\n192.0.2.1 up\r\n 192.0.2.2\tdown  disk full \n2001:DB8::1 down\n\
                    web1 up\n192.0.2.3\n192.0.2.1 down again\n";
        let down = |why: &str| Word::Down(why.into());
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let words = HashMap::from([
            (address("192.0.2.1"), down("again")),
            (address("192.0.2.2"), down("disk full")),
            (address("2001:db8::1"), down("")),
            (address("192.0.2.3"), Word::Unclear),
        ]);
        let odd_line = Some(6);
        assert_eq!(Content::of_many(text), Content::Many { words, odd_line });
    }

    #[test]
    fn a_file_of_ones_own_has_one_line() {
        for (text, word) in [
            ("up", Word::Up),
            ("\n# why\nup since noon\ndown\n", Word::Up),
            ("down too slow\n", Word::Down("too slow".into())),
            ("UP", Word::Unclear),
            ("", Word::Unclear),
        ] {
            assert_eq!(Content::of_one(text), Content::One(word), "{text:?}");
        }
    }
}
