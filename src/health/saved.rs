//! Verdicts that outlive a restart: `verdicts.json` in the state directory.
//!
//! The file is written aside, synced and renamed, so that it is whole at any moment. It is written
//! at most once a second when a verdict changes, and now and then when none does, so that its age
//! says how long ago the verdicts were true. A file that is stale or cannot be read is ignored
//! with a line in the log: the first probes will tell.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use serde::{Deserialize, Serialize};

use super::belief::Remembered;
use super::engine::Engine;
use super::flaps::FlapMemory;
use crate::model::{TargetKey, Verdict};
use crate::{clock, durable};

/// The version of the format that is written. Those since the first are read, what they lack being as by default;
/// others are ignored.
const VERSION: u32 = 2;
const VERSION_OLDEST: u32 = 1;
/// More falls of one target were not written here.
const FALLS_MAX: usize = 100;
/// The shortest time between two writes.
const WRITE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    version: u32,
    /// Milliseconds since the Unix epoch.
    saved_unix_ms: u64,
    verdicts: Vec<Entry>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    target: String,
    verdict: Verdict,
    since_unix_ms: u64,
    /// How often its hold has doubled, counted from 1: see [`FlapMemory`].
    #[serde(default, skip_serializing_if = "is_zero")]
    flap_level: u32,
    /// How long before the file was written it fell, the first time first, in milliseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    falls_ago_ms: Vec<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    degraded: bool,
    /// How long before the file was written it was said, where others say it, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    said_ago_ms: Option<u64>,
}

fn is_false(truth: &bool) -> bool {
    !truth
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Where the verdicts of a state directory are saved.
pub fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("verdicts.json")
}

/// The saved verdicts, when they are at most `max_age` old; else none, and the log says why.
/// `now_unix_ms` is the wall-clock time.
pub fn load(path: &Path, max_age: Duration, now_unix_ms: u64) -> HashMap<TargetKey, Remembered> {
    match read(path, max_age, now_unix_ms) {
        Ok(verdicts) => verdicts,
        Err(why) => {
            tracing::warn!("saved verdicts are not used: {}: {why}", path.display());
            HashMap::new()
        }
    }
}

fn read(
    path: &Path,
    max_age: Duration,
    now_unix_ms: u64,
) -> Result<HashMap<TargetKey, Remembered>, String> {
    let Some(text) = durable::read(path)? else {
        return Ok(HashMap::new());
    };
    let contents: Contents = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    if !(VERSION_OLDEST..=VERSION).contains(&contents.version) {
        let version = contents.version;
        return Err(format!("version {version}, expected {VERSION}"));
    }
    // A time in the future is as wrong as one in the past.
    let age = Duration::from_millis(now_unix_ms.abs_diff(contents.saved_unix_ms));
    if age > max_age {
        return Err(format!("{age:?} old, expected at most {max_age:?}"));
    }
    let remembered = |entry: Entry| {
        // What passed since the file was written is time, too.
        let ago = |&ms: &u64| Duration::from_millis(ms).saturating_add(age);
        let remembered = Remembered {
            verdict: entry.verdict,
            since_unix_ms: entry.since_unix_ms,
            flaps: FlapMemory {
                level: entry.flap_level,
                falls_ago: entry.falls_ago_ms.iter().take(FALLS_MAX).map(ago).collect(),
            },
            degraded: entry.degraded,
            said_ago: entry.said_ago_ms.as_ref().map(ago),
        };
        (TargetKey(entry.target.into()), remembered)
    };
    Ok(contents.verdicts.into_iter().map(remembered).collect())
}

/// Replaces the saved verdicts. After an error, the file is what it was.
pub fn save(path: &Path, known: &[(TargetKey, Remembered)], now_unix_ms: u64) -> io::Result<()> {
    let contents = Contents {
        version: VERSION,
        saved_unix_ms: now_unix_ms,
        verdicts: entries(known),
    };
    durable::replace(path, &serde_json::to_vec(&contents)?)
}

fn entries(known: &[(TargetKey, Remembered)]) -> Vec<Entry> {
    let known = known
        .iter()
        .filter(|(_, known)| known.verdict != Verdict::Unknown);
    let ms = |ago: &Duration| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
    known
        .map(|(key, known)| Entry {
            target: key.to_string(),
            verdict: known.verdict,
            since_unix_ms: known.since_unix_ms,
            flap_level: known.flaps.level,
            falls_ago_ms: known.flaps.falls_ago.iter().map(ms).collect(),
            degraded: known.degraded,
            said_ago_ms: known.said_ago.as_ref().map(ms),
        })
        .collect()
}

/// Keeps the file at `path` like the engine's verdicts until `stop` is sent or its sender is gone,
/// and saves once more then. `max_age` is the age at which [`load`] will refuse the file.
pub async fn keep(
    engine: Arc<Engine>,
    path: PathBuf,
    max_age: Duration,
    mut stop: oneshot::Receiver<()>,
) {
    let refresh_after = (max_age / 10).max(WRITE_EVERY).as_millis() as u64;
    let (mut written, mut written_unix_ms) = (None, 0);
    let (mut is_last, mut has_failed) = (false, false);
    while !is_last {
        is_last = tokio::time::timeout(WRITE_EVERY, &mut stop).await.is_ok();
        let (turns, now) = (engine.turns(), clock::unix_ms());
        let is_fresh = now.abs_diff(written_unix_ms) < refresh_after;
        if written == Some(turns) && is_fresh && !is_last {
            continue;
        }
        let (engine, target) = (Arc::clone(&engine), path.clone());
        let saving = tokio::task::spawn_blocking(move || save(&target, &engine.memories(), now));
        match saving.await {
            Ok(Ok(())) => {
                (written, written_unix_ms) = (Some(turns), now);
                has_failed = false;
            }
            // It is tried again, a second later.
            Ok(Err(error)) => {
                if !std::mem::replace(&mut has_failed, true) {
                    tracing::warn!("cannot save verdicts: {}: {error}", path.display());
                }
            }
            // The runtime is shutting down.
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const MAX_AGE: Duration = Duration::from_secs(600);

    fn slow() -> Remembered {
        Remembered {
            degraded: true,
            said_ago: Some(Duration::from_secs(3)),
            ..Remembered::new(Verdict::Up, 7)
        }
    }

    fn two() -> Vec<(TargetKey, Remembered)> {
        let fallen = Remembered {
            flaps: FlapMemory {
                level: 3,
                falls_ago: vec![Duration::from_secs(60), Duration::from_secs(5)],
            },
            ..Remembered::new(Verdict::Down, 7)
        };
        vec![
            (TargetKey("a".into()), slow()),
            (TargetKey("b".into()), fallen),
            (TargetKey("c".into()), Remembered::new(Verdict::Unknown, 7)),
        ]
    }

    fn saved(now_unix_ms: u64) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = path_in(directory.path());
        save(&path, &two(), now_unix_ms).expect("saved");
        (directory, path)
    }

    #[test]
    fn what_is_saved_is_loaded_again_without_the_unknown() {
        let (_directory, path) = saved(1_000_000);
        let loaded = load(&path, MAX_AGE, 1_000_000 + 599_000);
        assert_eq!(loaded.len(), 2);
        let said_ago = Some(Duration::from_secs(602));
        let slow = Remembered { said_ago, ..slow() };
        assert_eq!(loaded[&TargetKey("a".into())], slow);
        let down = &loaded[&TargetKey("b".into())];
        assert_eq!((down.verdict, down.flaps.level), (Verdict::Down, 3));
        let ago = [659, 604].map(Duration::from_secs);
        assert_eq!(down.flaps.falls_ago, ago, "and the age of the file");
    }

    #[test]
    fn what_was_saved_before_there_was_damping_is_read() {
        let (_directory, path) = saved(0);
        let text = "{\"version\":1,\"saved_unix_ms\":0,\"verdicts\":[\
                    {\"target\":\"a\",\"verdict\":\"down\",\"since_unix_ms\":7}]}";
        fs::write(&path, text).expect("written");
        let loaded = load(&path, MAX_AGE, 0);
        let down = Remembered::new(Verdict::Down, 7);
        assert_eq!(loaded[&TargetKey("a".into())], down);
    }

    #[test]
    fn a_stale_file_is_ignored() {
        let (_directory, path) = saved(1_000_000);
        assert!(load(&path, MAX_AGE, 1_000_000 + 601_000).is_empty());
    }

    #[test]
    fn a_file_from_the_future_is_ignored() {
        let (_directory, path) = saved(10_000_000);
        assert!(load(&path, MAX_AGE, 1_000_000).is_empty());
    }

    #[test]
    fn a_corrupt_or_foreign_file_is_ignored_with_the_reason() {
        let (_directory, path) = saved(0);
        for (text, reason) in [
            ("{\"version\":1,", "EOF"),
            ("", "EOF"),
            (
                "{\"version\":3,\"saved_unix_ms\":0,\"verdicts\":[]}",
                "version 3, expected 2",
            ),
        ] {
            fs::write(&path, text).expect("written");
            let error = read(&path, MAX_AGE, 0).expect_err("refused");
            assert!(error.contains(reason), "{error}");
            assert!(load(&path, MAX_AGE, 0).is_empty());
        }
    }

    #[test]
    fn a_missing_file_is_no_news() {
        let directory = tempfile::tempdir().expect("a directory");
        let loaded = read(&path_in(directory.path()), MAX_AGE, 0);
        assert_eq!(loaded, Ok(HashMap::new()));
    }

    #[test]
    fn a_save_that_fails_leaves_the_file_as_it_was() {
        let (directory, path) = saved(0);
        fs::create_dir(directory.path().join("verdicts.json.new")).expect("in the way");
        save(&path, &[], 0).expect_err("refused");
        assert_eq!(load(&path, MAX_AGE, 0).len(), 2);
    }
}
