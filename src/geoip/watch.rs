//! Noticing that a database or feed was replaced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::config::Stamps;

/// Several files are often replaced together; what follows the first within this time makes one
/// signal with it.
const DEBOUNCE: Duration = Duration::from_millis(250);

/// Watches as long as it lives.
#[derive(Debug)]
pub struct Watcher {
    _watcher: RecommendedWatcher,
}

/// Watches files, and signals when any of them is another than `before`: renamed over, written and
/// closed, or reached by a symbolic link that now leads elsewhere.
///
/// Their folders are watched, not the files: a watch on a file stays with the old one after a
/// rename. Call it inside a Tokio runtime.
///
/// # Errors
///
/// A folder that does not exist or cannot be watched.
pub fn watch(before: Stamps) -> notify::Result<(Watcher, mpsc::Receiver<()>)> {
    let (stir, stirred) = mpsc::channel(1);
    // What happened before the watch began counts, too.
    let _ = stir.try_send(());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<_>| {
        // An error may mean that events were lost. A full channel has a signal waiting already.
        if event.as_ref().map_or(true, is_replacement) {
            let _ = stir.try_send(());
        }
    })?;
    for folder in folders(before.paths()) {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    let (signal, changed) = mpsc::channel(1);
    tokio::spawn(settle(before, stirred, signal));
    Ok((Watcher { _watcher: watcher }, changed))
}

/// Not every write counts: a file that is still being written is not ready to be read.
fn is_replacement(event: &notify::Event) -> bool {
    let kind = matches!(
        event.kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(_))
    );
    kind || event.need_rescan()
}

/// The folders of the files, and those that symbolic links lead to.
fn folders<'a>(paths: impl Iterator<Item = &'a PathBuf> + Clone) -> BTreeSet<PathBuf> {
    let parent = |path: &Path| match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let targets = paths.clone().filter_map(|path| path.canonicalize().ok());
    let mut folders: BTreeSet<_> = targets.map(|path| parent(&path)).collect();
    folders.extend(paths.map(|path| parent(path)));
    folders
}

/// Signals when, some time after something stirred, a file has another stamp.
async fn settle(mut before: Stamps, mut stirred: mpsc::Receiver<()>, signal: mpsc::Sender<()>) {
    while stirred.recv().await.is_some() {
        sleep(DEBOUNCE).await;
        // What stirs from here on is looked at in the next round.
        let _ = stirred.try_recv();
        let now = before.again();
        if !now.look_like(&before) {
            before = now;
            // Full: the receiver has yet to take the last signal, which serves for this one too.
            if let Err(mpsc::error::TrySendError::Closed(())) = signal.try_send(()) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_file_renamed_over_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mmdb");
        fs::write(&path, "old").unwrap();
        let (_watcher, mut changed) = watch(Stamps::now([path.clone()])).unwrap();
        for round in ["first", "second"] {
            let new = folder.path().join("new");
            fs::write(&new, round).unwrap();
            fs::rename(&new, &path).unwrap();
            changed.recv().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_file_written_in_place_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.csv");
        fs::write(&path, "old").unwrap();
        let (_watcher, mut changed) = watch(Stamps::now([path.clone()])).unwrap();
        fs::write(&path, "newer").unwrap();
        changed.recv().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_was_not_there_yet_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("late.mmdb");
        let (_watcher, mut changed) = watch(Stamps::now([path.clone()])).unwrap();
        fs::write(&path, "new").unwrap();
        changed.recv().await.unwrap();
    }

    #[tokio::test]
    async fn a_link_that_leads_elsewhere_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("one"), "one").unwrap();
        fs::write(at("two"), "two").unwrap();
        std::os::unix::fs::symlink("one", at("current")).unwrap();
        let (_watcher, mut changed) = watch(Stamps::now([at("current")])).unwrap();
        std::os::unix::fs::symlink("two", at("next")).unwrap();
        fs::rename(at("next"), at("current")).unwrap();
        changed.recv().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_replaced_before_the_watch_began_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.csv");
        fs::write(&path, "old").unwrap();
        let stamps = Stamps::now([path.clone()]);
        fs::write(&path, "newer").unwrap();
        let (_watcher, mut changed) = watch(stamps).unwrap();
        changed.recv().await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_does_not_exist_is_an_error() {
        assert!(watch(Stamps::now([PathBuf::from("/nonexistent/a.mmdb")])).is_err());
    }
}
