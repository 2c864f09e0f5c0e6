//! Which words stand, and how do they outlive a restart? In `overrides.json` in the state folder.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Action, Imposed, Order, Override, imposed};
use crate::durable;
use crate::model::{EndpointId, Verdict};
use crate::state::Pools;

/// The version of the format.
const VERSION: u32 = 1;
/// Words that may stand at a time.
const WORDS_MAX: usize = 1000;
/// Characters of a reason, or of a name.
const TEXT_MAX: usize = 500;
/// Seconds for which a word may stand, if it says for how long: ten years.
const FOR_MAX_S: u64 = 10 * 366 * 86_400;

/// The words that stand. What it is told holds at once; who tells it has it [saved](Book::page).
#[derive(Debug, Default)]
pub struct Book {
    contents: Arc<Contents>,
    /// None: they end with the server.
    path: Option<PathBuf>,
}

/// What a book says at a time, to be saved aside.
pub struct Page {
    contents: Arc<Contents>,
    path: PathBuf,
}

impl Page {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file. Takes as long as the disk does.
    ///
    /// # Errors
    /// What the system says; the file is what it was.
    pub fn save(&self) -> io::Result<()> {
        durable::replace(&self.path, &serde_json::to_vec_pretty(&*self.contents)?)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Contents {
    version: u32,
    last_id: u64,
    overrides: Vec<Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    word: Override,
    /// Of what is frozen: by pool and address, what it was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    held: BTreeMap<String, Verdict>,
}

impl Default for Contents {
    fn default() -> Self {
        Contents {
            version: VERSION,
            last_id: 0,
            overrides: Vec::new(),
        }
    }
}

/// Where the overrides of a state folder are.
pub fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("overrides.json")
}

impl Book {
    /// With what is saved at `path`; `None`: nothing is saved.
    ///
    /// # Errors
    /// In words, when there is a file that cannot be read: to go on without it could send clients where
    /// nobody is to be sent.
    pub fn open(path: Option<PathBuf>) -> Result<Self, String> {
        let contents = match &path {
            Some(path) => read(path)
                .map_err(|why| format!("{}: {why} (moved away, it is ignored)", path.display()))?,
            None => Contents::default(),
        };
        let contents = Arc::new(contents);
        Ok(Book { contents, path })
    }

    /// The words that stand, in the order in which they were given.
    pub fn overrides(&self) -> impl Iterator<Item = &Override> {
        self.contents.overrides.iter().map(|entry| &entry.word)
    }

    /// What is to be saved, if anything is.
    pub fn page(&self) -> Option<Page> {
        let contents = Arc::clone(&self.contents);
        let path = self.path.clone()?;
        Some(Page { contents, path })
    }

    /// Takes an order; `verdict` says what the endpoints of `pools` are now.
    ///
    /// # Errors
    /// In words: it means no endpoint, there are too many words, or a text is too long. Nothing has changed
    /// then.
    pub fn add(
        &mut self,
        order: Order,
        pools: &Pools,
        verdict: impl Fn(EndpointId) -> Verdict,
        now_unix_ms: u64,
    ) -> Result<Override, String> {
        check(&order)?;
        let meant = order.what.endpoints(pools);
        if meant.is_empty() {
            return Err(format!(
                "`{}` is no region, pool or endpoint here",
                order.what
            ));
        }
        if self.contents.overrides.len() >= WORDS_MAX {
            return Err(format!(
                "there are {WORDS_MAX} overrides already: clear some"
            ));
        }
        let held = match order.action {
            Action::Freeze => meant
                .iter()
                .map(|&id| (key(pools, id), verdict(id)))
                .collect(),
            Action::Drain | Action::Up | Action::Down | Action::Weight => BTreeMap::new(),
        };
        let contents = Arc::make_mut(&mut self.contents);
        contents.last_id += 1;
        let word = Override {
            id: contents.last_id,
            what: order.what,
            action: order.action,
            percent: order.percent,
            over_s: order.over_s,
            reason: order.reason,
            by: order.by,
            since_unix_ms: now_unix_ms,
            until_unix_ms: order.for_s.map(|for_s| now_unix_ms + 1000 * for_s),
        };
        contents.overrides.push(Entry {
            word: word.clone(),
            held,
        });
        Ok(word)
    }

    /// Takes back those that `is_meant`; they are returned.
    pub fn clear(&mut self, is_meant: impl Fn(&Override) -> bool) -> Vec<Override> {
        if !self.overrides().any(&is_meant) {
            return Vec::new();
        }
        let entries = &mut Arc::make_mut(&mut self.contents).overrides;
        let cleared = entries.extract_if(.., |entry| is_meant(&entry.word));
        cleared.map(|entry| entry.word).collect()
    }

    /// Forgets those whose time is over; they are returned.
    pub fn expire(&mut self, now_unix_ms: u64) -> Vec<Override> {
        self.clear(|word| word.until_unix_ms.is_some_and(|until| until <= now_unix_ms))
    }

    /// What they, and before them those that are `given`, make of `pools` and their endpoints.
    pub fn imposed(&self, given: &[Override], pools: &Pools, now_unix_ms: u64) -> Imposed {
        let held = |word: u64, endpoint: EndpointId| {
            let mut entries = self.contents.overrides.iter();
            let entry = entries.find(|entry| entry.word.id == word)?;
            entry.held.get(&key(pools, endpoint)).copied()
        };
        imposed(
            given.iter().chain(self.overrides()),
            held,
            pools,
            now_unix_ms,
        )
    }
}

/// An endpoint by what it is called, so that it is found after a reload: `web-eu/192.0.2.1`.
pub fn key(pools: &Pools, id: EndpointId) -> String {
    let endpoint = &pools.endpoints[id.index()];
    format!(
        "{}/{}",
        pools.pools[endpoint.pool.index()].name,
        endpoint.destination
    )
}

fn check(order: &Order) -> Result<(), String> {
    for (name, text) in [("reason", &order.reason), ("by", &order.by)] {
        let Some(text) = text else { continue };
        if text.chars().count() > TEXT_MAX {
            return Err(format!("`{name}` is longer than {TEXT_MAX} characters"));
        }
        // They are printed to terminals.
        if text.chars().any(char::is_control) {
            return Err(format!("`{name}` has a control character"));
        }
    }
    for (name, seconds) in [("for", order.for_s), ("over", order.over_s)] {
        if let Some(seconds) = seconds.filter(|seconds| !(1..=FOR_MAX_S).contains(seconds)) {
            return Err(format!(
                "{name} {seconds} s is out of range: expected 1 s to 10 years"
            ));
        }
    }
    match (order.action, order.percent, order.over_s) {
        (Action::Weight, None, _) => Err("`percent` is missing: which part is to be taken".into()),
        (Action::Weight, Some(_), _) | (Action::Drain, None, _) => Ok(()),
        (_, Some(_), _) => Err("`percent` is for the action `weight` alone".into()),
        (_, None, Some(_)) => Err("`over_s` is for the actions `drain` and `weight` alone".into()),
        (_, None, None) => Ok(()),
    }
}

fn read(path: &Path) -> Result<Contents, String> {
    let Some(text) = durable::read(path)? else {
        return Ok(Contents::default());
    };
    let contents: Contents = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    if contents.version != VERSION {
        let version = contents.version;
        return Err(format!("version {version}, expected {VERSION}"));
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::overrides::imposed::tests::pools;

    fn order(what: &str, action: Action, for_s: Option<u64>) -> Order {
        Order {
            what: what.parse().unwrap(),
            action,
            percent: None,
            over_s: None,
            reason: Some("new disks".to_owned()),
            by: Some("ann".to_owned()),
            for_s,
        }
    }

    fn down(_: EndpointId) -> Verdict {
        Verdict::Down
    }

    fn save(book: &Book) {
        book.page().unwrap().save().unwrap();
    }

    fn open(folder: &tempfile::TempDir) -> Book {
        Book::open(Some(path_in(folder.path()))).unwrap()
    }

    fn ids(book: &Book) -> Vec<u64> {
        book.overrides().map(|word| word.id).collect()
    }

    #[test]
    fn what_was_said_stands_after_a_restart_and_ids_are_never_given_twice() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = open(&folder);
        book.add(order("eu", Action::Drain, None), &pools(), down, 1_000)
            .unwrap();
        book.add(order("us", Action::Freeze, Some(60)), &pools(), down, 1_000)
            .unwrap();
        save(&book);
        let mut again = open(&folder);
        assert!(again.overrides().eq(book.overrides()));
        let (imposed, now) = (again.imposed(&[], &pools(), 2_000), 2_000);
        assert_eq!(imposed, book.imposed(&[], &pools(), now));
        let forced = imposed.verdicts;
        assert_eq!(forced[&EndpointId(3)].health.verdict, Verdict::Down);
        assert_eq!(
            forced[&EndpointId(0)].why,
            "drained by ann: new disks (override 1)"
        );
        assert_eq!(again.clear(|word| word.id == 2).len(), 1);
        save(&again);
        let next = open(&folder).add(order("eu", Action::Up, None), &pools(), down, 0);
        assert_eq!(next.unwrap().id, 3);
    }

    #[test]
    fn a_word_ends_when_its_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = open(&folder);
        book.add(order("eu", Action::Down, Some(2)), &pools(), down, 1_000)
            .unwrap();
        book.add(order("us", Action::Down, None), &pools(), down, 1_000)
            .unwrap();
        assert_eq!(book.expire(2_999), []);
        assert_eq!(book.expire(3_000).len(), 1);
        assert_eq!(ids(&book), [2]);
    }

    #[test]
    fn what_cannot_be_done_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = open(&folder);
        let mut long = order("eu", Action::Drain, None);
        long.by = Some("x".repeat(TEXT_MAX + 1));
        let mut control = order("eu", Action::Drain, None);
        control.reason = Some("\x1b[2J".to_owned());
        let mut part = order("eu", Action::Drain, None);
        part.percent = Some("10%".parse().unwrap());
        let mut slow = order("eu", Action::Up, None);
        slow.over_s = Some(60);
        for (order, words) in [
            (
                order("mars", Action::Drain, None),
                "`mars` is no region, pool or endpoint",
            ),
            (order("eu", Action::Drain, Some(0)), "out of range"),
            (order("eu", Action::Drain, Some(u64::MAX)), "out of range"),
            (long, "`by` is longer"),
            (control, "`reason` has a control character"),
            (order("eu", Action::Weight, None), "`percent` is missing"),
            (part, "`percent` is for the action `weight` alone"),
            (slow, "`over_s` is for the actions"),
        ] {
            let error = book.add(order, &pools(), down, 0).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(ids(&book), [0u64; 0]);
    }

    #[test]
    fn a_page_that_cannot_be_saved_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = open(&folder);
        book.add(order("eu", Action::Drain, None), &pools(), down, 0)
            .unwrap();
        save(&book);
        // In the way of the file that is written aside.
        fs::create_dir(folder.path().join("overrides.json.new")).unwrap();
        book.clear(|_| true);
        assert!(book.page().unwrap().save().is_err());
        assert_eq!(ids(&open(&folder)), [1]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_of_and_never_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        for (text, why) in [
            ("{\"version\":1,", "EOF"),
            (
                "{\"version\":9,\"last_id\":0,\"overrides\":[]}",
                "version 9, expected 1",
            ),
            (
                "{\"version\":1,\"last_id\":1,\"overrides\":[{\"id\":1,\"what\":\"a b\",\"action\":\"drain\",\"since_unix_ms\":0}]}",
                "`a b` is no region",
            ),
        ] {
            fs::write(&path, text).unwrap();
            let error = Book::open(Some(path.clone())).unwrap_err();
            assert!(
                error.contains("overrides.json") && error.contains(why),
                "{error}"
            );
        }
    }
}
