//! Tells somebody's web server of changes: signed, in order, again until it is taken.
//!
//! Changes gather for a second and go out as one request, which is tried until the server takes it. What
//! comes meanwhile waits; past a bound, the oldest is dropped and counted. What waits outlives a restart where there is
//! a state folder: [`super::postage`].

use std::collections::VecDeque;
use std::fmt::Write;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use ring::hmac;
use serde::Serialize;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use super::postage::{self, Kept, KeptLetter};
use crate::admin::health::Changed;
use crate::clock;
use crate::compile::Hook;
use crate::config::{HttpVersion, TlsProbe};
use crate::health::probe::{Alpn, TlsConfigs};
use crate::random::Random;

/// Changes that wait at most, besides those of the request under way.
pub const WAITING_MAX: usize = 1_000;
/// Changes of one request at most.
pub const LETTER_MAX: usize = 100;
/// How long changes gather.
const GATHER: Duration = Duration::from_secs(1);
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// From a request that failed to the next; doubled each time.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// For how long a disk may keep a request from going out.
const DISK_TIME: Duration = Duration::from_secs(5);

/// What waits, and who gets it.
pub struct Postbox {
    inside: Mutex<Inside>,
    /// Something was posted, or somebody else gets it.
    wake: Notify,
    /// What waits is not what it was.
    pub(super) turned: Notify,
    /// The newest [`Inside::version`] that was saved, or could not be.
    saved: watch::Sender<u64>,
    delivered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Inside {
    hook: Option<Arc<Hook>>,
    waiting: VecDeque<Arc<Changed>>,
    /// Dropped since the last letter.
    dropped: u64,
    /// On its way.
    letter: Option<Arc<Letter>>,
    /// Counts changes of what waits.
    version: u64,
}

/// What became of changes since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    pub delivered: u64,
    /// Requests, not changes.
    pub failed: u64,
    pub dropped: u64,
    /// With those of the request under way.
    pub waiting: usize,
}

/// Changes that go out together.
#[derive(Debug)]
pub struct Letter {
    pub id: String,
    pub changes: Vec<Arc<Changed>>,
    pub dropped: u64,
}

/// What waits, at one time.
#[derive(Debug, Default)]
pub struct Mailbag {
    pub version: u64,
    pub letter: Option<Arc<Letter>>,
    pub waiting: Vec<Arc<Changed>>,
    pub dropped: u64,
}

/// The body of a request.
#[derive(Serialize)]
struct Body<'a> {
    /// The same whenever this is tried again.
    id: &'a str,
    sent_unix_ms: u64,
    changes: Vec<&'a Changed>,
    /// How many changes were dropped before these.
    dropped: u64,
}

/// A request on its way: `Err` says in words why it was not taken.
type Delivery = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Carries a body to whom a hook names.
pub type Courier = dyn Fn(Arc<Hook>, Vec<u8>) -> Delivery + Send + Sync;

/// Delivers until it is dropped.
struct Postman(JoinHandle<()>);

impl Drop for Postman {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The tasks that deliver, and that save what waits.
pub struct Mail {
    postman: Postman,
    keeper: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Mail {
    /// With what a state folder has. Must be called in a Tokio runtime.
    pub fn start(state_dir: Option<&Path>, hook: &Option<Arc<Hook>>) -> (Arc<Postbox>, Self) {
        let path = state_dir.map(postage::path_in);
        let kept = path.as_deref().map(postage::load).unwrap_or_default();
        let postbox = Arc::new(Postbox::with(kept, path.is_some()));
        postbox.adopt(hook.clone());
        let waiting = postbox.posted().waiting;
        if waiting > 0 {
            tracing::info!(
                waiting,
                "changes from before the restart wait for the webhook"
            );
        }
        let keeper = path.map(|path| {
            let (stop, stopped) = oneshot::channel();
            let keeping = postage::keep(Arc::clone(&postbox), path, stopped);
            (stop, tokio::spawn(keeping))
        });
        let postman = Postman(tokio::spawn(Arc::clone(&postbox).run(courier())));
        (postbox, Mail { postman, keeper })
    }

    /// The server stops: what nobody could be told is saved, and that is said.
    pub async fn stop(mut self, postbox: &Postbox) {
        self.postman.0.abort();
        let _ = (&mut self.postman.0).await;
        let is_kept = self.keeper.is_some();
        if let Some((stop, keeping)) = self.keeper {
            let _ = stop.send(());
            let _ = keeping.await;
        }
        match postbox.posted().waiting {
            0 => {}
            waiting if is_kept => tracing::info!(
                waiting,
                "the webhook has not taken all changes; they are sent after the next start"
            ),
            waiting => tracing::warn!(
                waiting,
                "the webhook has not taken all changes, and will not get them: there is no state_dir"
            ),
        }
    }
}

impl Default for Postbox {
    /// Empty, and saved by nobody.
    fn default() -> Self {
        Postbox::with(Kept::default(), false)
    }
}

impl Postbox {
    /// With what was kept; `is_saved`: somebody saves what waits, before it goes out.
    pub fn with(kept: Kept, is_saved: bool) -> Self {
        let letter = |letter: KeptLetter| {
            Arc::new(Letter {
                id: letter.id,
                changes: letter.changes.into_iter().map(Arc::new).collect(),
                dropped: letter.dropped,
            })
        };
        let too_many = kept.waiting.len().saturating_sub(WAITING_MAX);
        let inside = Inside {
            hook: None,
            letter: kept.letter.map(letter),
            waiting: (kept.waiting.into_iter().skip(too_many))
                .map(Arc::new)
                .collect(),
            dropped: kept.dropped,
            version: 0,
        };
        Postbox {
            inside: Mutex::new(inside),
            wake: Notify::new(),
            turned: Notify::new(),
            saved: watch::Sender::new(if is_saved { 0 } else { u64::MAX }),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// What waits now.
    pub fn mailbag(&self) -> Mailbag {
        let inside = self.lock();
        Mailbag {
            version: inside.version,
            letter: inside.letter.clone(),
            waiting: inside.waiting.iter().cloned().collect(),
            dropped: inside.dropped,
        }
    }

    /// What waited at that version is saved, or cannot be.
    pub fn set_saved(&self, version: u64) {
        self.saved.send_replace(version);
    }

    /// The largest number of a change that waits; 0 without any.
    pub fn last_id(&self) -> u64 {
        let inside = self.lock();
        let letter = inside.letter.iter().flat_map(|letter| &letter.changes);
        let ids = letter.chain(&inside.waiting).map(|change| change.id);
        ids.max().unwrap_or(0)
    }

    /// Notes that what waits is not what it was.
    fn turn(&self, inside: &mut Inside) {
        inside.version += 1;
        self.turned.notify_one();
    }

    /// From now on `hook` gets what waits and what comes; nobody: it is forgotten.
    pub fn adopt(&self, hook: Option<Arc<Hook>>) {
        let mut inside = self.lock();
        let is_empty = inside.waiting.is_empty() && inside.letter.is_none();
        if hook.is_none() && !is_empty {
            inside.waiting.clear();
            inside.letter = None;
            inside.dropped = 0;
            self.turn(&mut inside);
        }
        let is_same = inside.hook == hook;
        inside.hook = hook;
        drop(inside);
        if !is_same {
            self.wake.notify_one();
        }
    }

    /// Takes a change, if it is one to be told.
    pub fn post(&self, changed: &Arc<Changed>) {
        let mut inside = self.lock();
        let is_told = inside.hook.as_ref().is_some_and(|hook| match &*changed.to {
            "down" => hook.on_down,
            // What was never seen down is not back.
            "up" => hook.on_up && changed.from == "down",
            _ => false,
        });
        if !is_told {
            return;
        }
        if inside.waiting.len() == WAITING_MAX {
            inside.waiting.pop_front();
            inside.dropped += 1;
            self.dropped.fetch_add(1, Relaxed);
        }
        inside.waiting.push_back(Arc::clone(changed));
        self.turn(&mut inside);
        drop(inside);
        self.wake.notify_one();
    }

    pub fn posted(&self) -> Posted {
        let waiting = {
            let inside = self.lock();
            let letter = inside.letter.as_ref();
            inside.waiting.len() + letter.map_or(0, |letter| letter.changes.len())
        };
        Posted {
            delivered: self.delivered.load(Relaxed),
            failed: self.failed.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            waiting,
        }
    }

    /// Delivers, for ever.
    pub async fn run(self: Arc<Self>, courier: Box<Courier>) {
        let mut random = Random::from_os();
        loop {
            while self.is_empty() {
                self.wake.notified().await;
            }
            // One from before a restart goes first.
            if self.lock().letter.is_none() {
                tokio::time::sleep(GATHER).await;
            }
            if let Some((letter, version)) = self.take(&mut random) {
                self.deliver(&letter, version, &courier).await;
                let mut inside = self.lock();
                inside.letter = None;
                self.turn(&mut inside);
            }
        }
    }

    fn is_empty(&self) -> bool {
        let inside = self.lock();
        inside.letter.is_none() && inside.waiting.is_empty()
    }

    /// The letter that is to go out, and the version of what waits that has it.
    fn take(&self, random: &mut Random) -> Option<(Arc<Letter>, u64)> {
        let mut inside = self.lock();
        if let Some(letter) = &inside.letter {
            return Some((Arc::clone(letter), inside.version));
        }
        let count = inside.waiting.len().min(LETTER_MAX);
        if count == 0 {
            return None;
        }
        let letter = Arc::new(Letter {
            id: format!("{:016x}{:016x}", random.next_u64(), random.next_u64()),
            changes: inside.waiting.drain(..count).collect(),
            dropped: std::mem::take(&mut inside.dropped),
        });
        inside.letter = Some(Arc::clone(&letter));
        self.turn(&mut inside);
        Some((letter, inside.version))
    }

    /// Tries until it is taken, or nobody is to be told any more. `version` is to be saved first, so that it has the
    /// same name after a restart.
    async fn deliver(&self, letter: &Letter, version: u64, courier: &Courier) {
        let mut saved = self.saved.subscribe();
        let is_saved = saved.wait_for(|&saved| saved >= version);
        // Where a disk hangs, changes are told all the same.
        let _ = tokio::time::timeout(DISK_TIME, is_saved).await;
        let mut pause = PAUSE_MIN;
        let mut has_failed = false;
        loop {
            let hook = {
                let inside = self.lock();
                // What waited for a webhook that was taken away is not the next one's.
                let waits = inside
                    .letter
                    .as_ref()
                    .is_some_and(|now| now.id == letter.id);
                inside.hook.clone().filter(|_| waits)
            };
            let Some(hook) = hook else {
                return;
            };
            let delivered = courier(Arc::clone(&hook), letter.body()).await;
            let Err(why) = delivered else {
                self.delivered
                    .fetch_add(letter.changes.len() as u64, Relaxed);
                if has_failed {
                    tracing::info!(webhook = %host(&hook), "the webhook takes changes again");
                }
                return;
            };
            self.failed.fetch_add(1, Relaxed);
            if !has_failed {
                tracing::warn!(
                    webhook = %host(&hook), reason = %why,
                    "the webhook does not take changes; they are sent again until it does"
                );
            }
            has_failed = true;
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
                () = self.changed_from(&hook) => pause = PAUSE_MIN,
            }
        }
    }

    /// Waits until another hook gets what waits.
    async fn changed_from(&self, hook: &Arc<Hook>) {
        loop {
            self.wake.notified().await;
            if self.lock().hook.as_ref() != Some(hook) {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Letter {
    fn body(&self) -> Vec<u8> {
        let body = Body {
            id: &self.id,
            sent_unix_ms: clock::unix_ms(),
            changes: self.changes.iter().map(|change| &**change).collect(),
            dropped: self.dropped,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// Without the path, which may hold a secret.
fn host(hook: &Hook) -> String {
    let url = reqwest::Url::parse(&hook.url).ok();
    let host = url.and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_default()
}

/// Carries by HTTP.
pub fn courier() -> Box<Courier> {
    let known: Mutex<Option<(Arc<Hook>, reqwest::Client)>> = Mutex::default();
    Box::new(move |hook, body| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let client = match &*known {
            Some((of, client)) if Arc::ptr_eq(of, &hook) => Ok(client.clone()),
            _ => client(&hook),
        };
        if let Ok(client) = &client {
            *known = Some((Arc::clone(&hook), client.clone()));
        }
        Box::pin(async move { carry(&client?, &hook, body).await })
    })
}

fn client(hook: &Hook) -> Result<reqwest::Client, String> {
    let tls = TlsProbe {
        ca: hook.ca.clone(),
        ..TlsProbe::default()
    };
    let config = TlsConfigs::default().get(&tls, Alpn::Http(HttpVersion::One));
    let config = config.map_err(|failure| failure.to_string())?;
    // Also without TLS: left to itself it would look for settings of the whole process, and panic where there are none.
    // It knows the settings themselves only, and takes anything else without a word.
    let builder = reqwest::Client::builder().tls_backend_preconfigured((*config).clone());
    let builder = builder.timeout(TIMEOUT).redirect(Policy::none()).no_proxy();
    builder.build().map_err(|e| e.to_string())
}

async fn carry(client: &reqwest::Client, hook: &Hook, body: Vec<u8>) -> Result<(), String> {
    let request = client
        .post(&hook.url)
        .header("content-type", "application/json")
        .header(
            "user-agent",
            concat!("meridian/", env!("CARGO_PKG_VERSION")),
        )
        .header("x-meridian-signature", signature(&hook.secret.0, &body))
        .body(body);
    // The URL is left out of errors, as it may hold a secret.
    let sent = request.send().await.map_err(|e| words(&e.without_url()))?;
    match sent.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("status {}", status.as_u16())),
    }
}

/// The innermost cause, which says most.
fn words(error: &reqwest::Error) -> String {
    let mut deepest = error as &dyn std::error::Error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    match error.is_timeout() {
        true => format!("no answer within {} s", TIMEOUT.as_secs()),
        false => deepest.to_string(),
    }
}

/// `sha256=` and the HMAC (RFC 2104) of the body in hexadecimal digits.
fn signature(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut text = "sha256=".to_owned();
    for octet in hmac::sign(&key, body).as_ref() {
        // A text takes all that is written to it.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::admin::health::Cause;
    use crate::config::Hidden;

    fn hook(url: &str) -> Arc<Hook> {
        Arc::new(Hook {
            url: url.to_owned(),
            secret: Hidden("0123456789abcdef".to_owned()),
            ca: None,
            on_down: true,
            on_up: true,
        })
    }

    #[test]
    fn hooks_over_tls_have_a_client() {
        for url in ["http://192.0.2.1/hook", "https://192.0.2.1/hook"] {
            assert_eq!(client(&hook(url)).map(|_| ()), Ok(()), "{url}");
        }
    }

    fn change(id: u64, from: &str, to: &str) -> Arc<Changed> {
        Arc::new(Changed {
            id,
            at_unix_ms: 0,
            cause: Cause::Observation,
            target: Some("tcp://192.0.2.1:80".to_owned()),
            monitor: None,
            part: false,
            pools: Vec::new(),
            regions: Vec::new(),
            endpoints: Vec::new(),
            more_endpoints: 0,
            part_endpoints: 0,
            from: from.to_owned(),
            to: to.to_owned(),
            why: "because".to_owned(),
        })
    }

    /// Bodies with the URL that they went to and the second that they came in; it refuses the first few.
    #[derive(Clone, Default)]
    struct Receiver(Arc<Mutex<Vec<(u64, String, Value)>>>);

    impl Receiver {
        fn courier(&self, refused: usize) -> Box<Courier> {
            let (start, taken) = (clock::now(), Arc::clone(&self.0));
            Box::new(move |hook, body| {
                let body = serde_json::from_slice(&body).expect("JSON");
                let second = clock::now().saturating_duration_since(start).as_secs();
                let mut taken = taken.lock().expect("unpoisoned");
                taken.push((second, hook.url.clone(), body));
                let is_taken = taken.len() > refused;
                Box::pin(async move { is_taken.then_some(()).ok_or("not now".to_owned()) })
            })
        }

        fn came(&self) -> Vec<(u64, String, Value)> {
            self.0.lock().expect("unpoisoned").clone()
        }
    }

    /// A postbox that is emptied, and who gets what is in it.
    fn start(refused: usize) -> (Arc<Postbox>, Receiver) {
        let (postbox, receiver) = (Arc::<Postbox>::default(), Receiver::default());
        postbox.adopt(Some(hook("http://first/")));
        tokio::spawn(Arc::clone(&postbox).run(receiver.courier(refused)));
        (postbox, receiver)
    }

    async fn seconds(n: u64) {
        tokio::time::sleep(Duration::from_millis(n * 1000 + 500)).await;
    }

    fn ids(body: &Value) -> Vec<u64> {
        let changes = body["changes"].as_array().expect("a list");
        changes.iter().filter_map(|c| c["id"].as_u64()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn changes_of_one_second_go_together_and_no_more_than_a_hundred() {
        let (postbox, receiver) = start(0);
        (0..150).for_each(|id| postbox.post(&change(id, "up", "down")));
        seconds(3).await;
        let came = receiver.came();
        let sizes: Vec<_> = came
            .iter()
            .map(|(at, _, body)| (*at, ids(body).len()))
            .collect();
        assert_eq!(sizes, [(1, 100), (2, 50)]);
        assert_ne!(came[0].2["id"], came[1].2["id"]);
        assert_eq!(postbox.posted().delivered, 150);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_taken_is_sent_again_ever_more_rarely_with_the_same_id() {
        let (postbox, receiver) = start(4);
        postbox.post(&change(1, "up", "down"));
        seconds(1).await;
        postbox.post(&change(2, "down", "up"));
        seconds(30).await;
        let came = receiver.came();
        let times: Vec<u64> = came.iter().map(|(at, ..)| *at).collect();
        assert_eq!(times, [1, 2, 4, 8, 16, 17]);
        assert!(
            came[..5]
                .iter()
                .all(|(_, _, body)| body["id"] == came[0].2["id"])
        );
        assert_eq!((ids(&came[4].2), ids(&came[5].2)), (vec![1], vec![2]));
        assert_eq!(postbox.posted().failed, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_are_dropped_when_too_many_wait_and_that_is_said() {
        let (postbox, receiver) = start(1);
        postbox.post(&change(0, "up", "down"));
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        (1..=1_007).for_each(|id| postbox.post(&change(id, "up", "down")));
        assert_eq!(postbox.posted().waiting, WAITING_MAX + 1);
        seconds(60).await;
        let came = receiver.came();
        assert_eq!((ids(&came[2].2)[0], &came[2].2["dropped"]), (8, &7.into()));
        assert_eq!(came[3].2["dropped"], 0);
        assert_eq!(
            came.last().and_then(|(_, _, body)| ids(body).pop()),
            Some(1_007)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn another_hook_gets_at_once_what_the_old_one_did_not_take() {
        let (postbox, receiver) = start(8);
        postbox.post(&change(1, "up", "down"));
        seconds(200).await;
        assert_eq!(receiver.came().len(), 8);
        postbox.adopt(Some(hook("http://second/")));
        seconds(1).await;
        let came = receiver.came();
        assert_eq!(
            (came.len(), &*came[8].1, ids(&came[8].2)),
            (9, "http://second/", vec![1])
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_hook_nothing_is_kept() {
        let (postbox, receiver) = start(100);
        postbox.post(&change(1, "up", "down"));
        seconds(2).await;
        postbox.adopt(None);
        seconds(0).await;
        assert_eq!(postbox.posted().waiting, 0);
        postbox.post(&change(2, "up", "down"));
        assert_eq!(postbox.posted().waiting, 0);
        let tried = receiver.came().len();
        postbox.adopt(Some(hook("http://second/")));
        seconds(600).await;
        assert_eq!(receiver.came().len(), tried);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_on_its_way_goes_out_after_a_restart_by_the_same_name_and_then_what_waited() {
        let (postbox, receiver) = start(100);
        postbox.post(&change(1, "up", "down"));
        seconds(1).await;
        postbox.post(&change(2, "down", "up"));
        let kept = postage::kept(&postbox.mailbag());
        let after = Arc::new(Postbox::with(kept, false));
        assert_eq!((after.last_id(), after.posted().waiting), (2, 2));
        let receiver_after = Receiver::default();
        after.adopt(Some(hook("http://first/")));
        tokio::spawn(Arc::clone(&after).run(receiver_after.courier(0)));
        seconds(2).await;
        let (before, came) = (receiver.came(), receiver_after.came());
        assert_eq!(came[0].2["id"], before[0].2["id"]);
        assert_eq!((ids(&came[0].2), ids(&came[1].2)), (vec![1], vec![2]));
        assert_eq!(after.posted().waiting, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_goes_out_before_it_is_saved_unless_the_disk_hangs() {
        let (postbox, receiver) = (
            Arc::new(Postbox::with(Kept::default(), true)),
            Receiver::default(),
        );
        postbox.adopt(Some(hook("http://first/")));
        tokio::spawn(Arc::clone(&postbox).run(receiver.courier(0)));
        postbox.post(&change(1, "up", "down"));
        seconds(2).await;
        assert_eq!(receiver.came().len(), 0);
        postbox.set_saved(postbox.mailbag().version);
        seconds(0).await;
        assert_eq!(receiver.came().len(), 1);
        postbox.post(&change(2, "down", "up"));
        seconds(1 + DISK_TIME.as_secs()).await;
        assert_eq!(receiver.came().len(), 2);
    }

    #[test]
    fn only_what_was_asked_for_is_told_and_a_first_success_is_none_of_it() {
        let waiting = |on_down, on_up, from: &str, to: &str| {
            let postbox = Postbox::default();
            postbox.adopt(Some(Arc::new(Hook {
                on_down,
                on_up,
                ..(*hook("http://first/")).clone()
            })));
            postbox.post(&change(1, from, to));
            postbox.posted().waiting
        };
        assert_eq!(waiting(true, true, "unknown", "up"), 0);
        assert_eq!(waiting(true, false, "unknown", "down"), 1);
        assert_eq!(waiting(true, false, "down", "up"), 0);
        assert_eq!(waiting(false, true, "down", "up"), 1);
        assert_eq!(waiting(false, true, "up", "down"), 0);
    }

    #[test]
    fn the_signature_is_the_hmac_of_the_body() {
        // RFC 4231, 4.3.
        let signature = signature("Jefe", b"what do ya want for nothing?");
        assert_eq!(
            signature,
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
