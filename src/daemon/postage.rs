//! What waits for the webhook outlives a restart: `webhook.json` in the state directory.
//!
//! The file is replaced as a whole when that changes, once a second at most, and before a request goes out for the first
//! time: so it has the same name when it goes out again. Whom it is for is not in the file: who is configured then.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::webhook::{LETTER_MAX, Letter, Mailbag, Postbox};
use crate::admin::health::Changed;
use crate::durable;

const VERSION: u32 = 1;
/// The shortest time between two writes.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// What waited.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct Kept {
    version: u32,
    /// On its way: perhaps it was taken, and the answer was not heard.
    pub letter: Option<KeptLetter>,
    pub waiting: Vec<Changed>,
    pub dropped: u64,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct KeptLetter {
    pub id: String,
    pub changes: Vec<Changed>,
    pub dropped: u64,
}

/// The same to be written.
#[derive(Serialize)]
struct Contents<'a> {
    version: u32,
    letter: Option<ContentsOfLetter<'a>>,
    waiting: Vec<&'a Changed>,
    dropped: u64,
}

#[derive(Serialize)]
struct ContentsOfLetter<'a> {
    id: &'a str,
    changes: Vec<&'a Changed>,
    dropped: u64,
}

pub fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("webhook.json")
}

/// What waited when the file was written; nothing where it cannot be read, and the log says why.
pub fn load(path: &Path) -> Kept {
    match read(path) {
        Ok(kept) => kept,
        Err(why) => {
            let path = path.display();
            tracing::warn!("what waited for the webhook is lost: {path}: {why}");
            Kept::default()
        }
    }
}

/// No server gives so many: what JSON readers take for whole numbers (RFC 8259, 6).
const ID_MAX: u64 = 1 << 53;

fn read(path: &Path) -> Result<Kept, String> {
    let Some(text) = durable::read(path)? else {
        return Ok(Kept::default());
    };
    let kept: Kept = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    if kept.version != VERSION {
        return Err(format!("version {}, expected {VERSION}", kept.version));
    }
    let letter = kept.letter.as_ref();
    if letter.is_some_and(|letter| letter.changes.len() > LETTER_MAX) {
        return Err(format!("a request of more than {LETTER_MAX} changes"));
    }
    let of_letter = letter.iter().flat_map(|letter| &letter.changes);
    let mut last = 0;
    for change in of_letter.chain(&kept.waiting) {
        if change.id <= last || change.id > ID_MAX {
            return Err(format!("a change {} behind {last}", change.id));
        }
        last = change.id;
    }
    Ok(kept)
}

fn text(bag: &Mailbag) -> serde_json::Result<Vec<u8>> {
    fn all(changes: &[Arc<Changed>]) -> Vec<&Changed> {
        changes.iter().map(|change| &**change).collect()
    }
    fn of_letter(letter: &Letter) -> ContentsOfLetter<'_> {
        ContentsOfLetter {
            id: &letter.id,
            changes: all(&letter.changes),
            dropped: letter.dropped,
        }
    }
    serde_json::to_vec(&Contents {
        version: VERSION,
        letter: bag.letter.as_deref().map(of_letter),
        waiting: all(&bag.waiting),
        dropped: bag.dropped,
    })
}

/// Replaces the file. After an error, it is what it was.
fn save(path: &Path, bag: &Mailbag) -> io::Result<()> {
    durable::replace(path, &text(bag)?)
}

/// Keeps the file at `path` like what waits until `stop` is sent or its sender is gone, and saves once more then.
pub async fn keep(postbox: Arc<Postbox>, path: PathBuf, mut stop: oneshot::Receiver<()>) {
    let (mut written, mut is_last, mut has_failed) = (0, false, false);
    loop {
        let bag = postbox.mailbag();
        let version = bag.version;
        if version != written {
            let path_too = path.clone();
            match tokio::task::spawn_blocking(move || save(&path_too, &bag)).await {
                Ok(Ok(())) => (written, has_failed) = (version, false),
                Ok(Err(error)) => {
                    if !has_failed {
                        let path = path.display();
                        tracing::warn!("cannot save what waits for the webhook: {path}: {error}");
                    }
                    has_failed = true;
                    // It is tried again, a second later.
                    postbox.turned.notify_one();
                }
                // The runtime is shutting down.
                Err(_) => return,
            }
            postbox.set_saved(version);
        }
        if is_last {
            return;
        }
        is_last = tokio::time::timeout(WRITE_EVERY, &mut stop).await.is_ok();
        if !is_last {
            tokio::select! {
                () = postbox.turned.notified() => {}
                _ = &mut stop => is_last = true,
            }
        }
    }
}

/// What would be read of what is written.
#[cfg(test)]
pub fn kept(bag: &Mailbag) -> Kept {
    let text = text(bag).expect("JSON");
    serde_json::from_slice(&text).expect("what was written")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::admin::health::Cause;

    fn bag(changes: u64) -> Mailbag {
        let change = |id| {
            Arc::new(Changed {
                id,
                at_unix_ms: 7,
                cause: Cause::Calculation,
                target: None,
                monitor: Some("a, b".to_owned()),
                part: false,
                pools: vec!["web".to_owned()],
                regions: vec!["eu".to_owned()],
                endpoints: vec!["web/192.0.2.1".to_owned()],
                more_endpoints: 3,
                part_endpoints: 0,
                from: "up".to_owned(),
                to: "down".to_owned(),
                why: "b is down".to_owned(),
            })
        };
        Mailbag {
            version: 1,
            letter: Some(Arc::new(Letter {
                id: "name".to_owned(),
                changes: (1..=changes).map(change).collect(),
                dropped: 2,
            })),
            waiting: vec![change(9)],
            dropped: 5,
        }
    }

    #[test]
    fn what_is_saved_is_loaded_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = path_in(folder.path());
        assert_eq!(load(&path), Kept::default());
        save(&path, &bag(2)).expect("saved");
        let loaded = load(&path);
        let letter = loaded.letter.as_ref().expect("a letter");
        assert_eq!((&*letter.id, letter.changes.len()), ("name", 2));
        assert_eq!(letter.changes[1], *bag(2).letter.expect("one").changes[1]);
        assert_eq!((loaded.waiting[0].id, loaded.dropped), (9, 5));
    }

    #[test]
    fn a_corrupt_or_foreign_file_is_lost_with_the_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = path_in(folder.path());
        let many = String::from_utf8(text(&bag(101)).expect("JSON")).expect("text");
        let two = String::from_utf8(text(&bag(2)).expect("JSON")).expect("text");
        let twice = String::from_utf8(text(&bag(9)).expect("JSON")).expect("text");
        let endless = two.replace("\"id\":9", "\"id\":18446744073709551615");
        for (text, reason) in [
            ("{\"version\":1,", "EOF"),
            ("", "EOF"),
            (
                "{\"version\":2,\"letter\":null,\"waiting\":[],\"dropped\":0}",
                "version 2, expected 1",
            ),
            (&many, "more than 100 changes"),
            (&twice, "a change 9 behind 9"),
            (&endless, "a change 18446744073709551615 behind 2"),
        ] {
            fs::write(&path, text).expect("written");
            let error = read(&path).expect_err("refused");
            assert!(error.contains(reason), "{error}");
            assert_eq!(load(&path), Kept::default());
        }
    }
}
