//! Resolves many names, each again and again, as long as they are wanted: one task, and one more for
//! each question under way.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};

use super::belief::{Belief, Trouble};
use super::{Answer, Ask};
use crate::clock;
use crate::config::{ALIAS_ADDRESSES_MAX, Addresses, Resolved};
use crate::dns::Name;
use crate::model::Family;
use crate::random::Random;

/// Questions under way at most.
const QUESTIONS_MAX: usize = 64;

/// Resolves its names until it is dropped.
pub struct Aliases {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    book: Mutex<Book>,
    /// There may be something to do.
    wake: Notify,
    /// A name was asked about, or there are others.
    progress: Notify,
}

/// All names, and whom to ask about them.
struct Book {
    names: HashMap<Name, Entry>,
    /// By when something is to be done.
    agenda: BTreeSet<(Instant, Name)>,
    ask: Option<Arc<dyn Ask>>,
    keep: Duration,
    random: Random,
}

struct Entry {
    belief: Belief,
    /// Under which it stands on the agenda.
    due: Option<Instant>,
    /// What was last said of it.
    told: Told,
}

#[derive(PartialEq)]
struct Told {
    addresses: Vec<Resolved>,
    trouble: Trouble,
    unusable: Vec<IpAddr>,
    too_many: usize,
}

impl Drop for Aliases {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Aliases {
    /// Without names yet, and where it is seen that what some of them lead to has changed. Must be called in
    /// a tokio runtime.
    pub fn start() -> (Self, watch::Receiver<()>) {
        let (changes, receiver) = watch::channel(());
        let shared = Arc::new(Shared {
            book: Mutex::new(Book {
                names: HashMap::new(),
                agenda: BTreeSet::new(),
                ask: None,
                keep: Duration::ZERO,
                random: Random::from_os(),
            }),
            wake: Notify::new(),
            progress: Notify::new(),
        });
        let task = tokio::spawn(run(Arc::clone(&shared), changes));
        (Aliases { shared, task }, receiver)
    }

    /// From now on, `ask` is asked, beginning at once, and addresses are kept for `keep` when it does not know them
    /// any more.
    pub fn ask_of(&self, ask: Arc<dyn Ask>, keep: Duration) {
        let mut book = lock(&self.shared.book);
        book.ask = Some(ask);
        book.keep = keep;
        let now = clock::now();
        for entry in book.names.values_mut() {
            entry.belief.hurry(now);
        }
        book.schedule_all();
        drop(book);
        self.shared.wake.notify_one();
    }

    /// From now on these are the names. New ones are asked about at once.
    pub fn set_names(&self, names: BTreeSet<Name>) {
        let mut book = lock(&self.shared.book);
        book.names.retain(|name, _| names.contains(name));
        let now = clock::now();
        for name in names {
            book.names.entry(name).or_insert_with(|| Entry {
                belief: Belief::new(now),
                due: None,
                told: Told {
                    addresses: Vec::new(),
                    trouble: Trouble::No,
                    unusable: Vec::new(),
                    too_many: 0,
                },
            });
        }
        book.schedule_all();
        drop(book);
        self.shared.wake.notify_one();
        self.shared.progress.notify_waiters();
    }

    /// Waits until every name was asked about once, for `grace` at most. Returns of how many nothing is known yet.
    pub async fn first_round(&self, grace: Duration) -> usize {
        let all_asked = async {
            loop {
                let progress = self.shared.progress.notified();
                tokio::pin!(progress);
                progress.as_mut().enable();
                if self.unasked() == 0 {
                    return;
                }
                progress.await;
            }
        };
        let _ = tokio::time::timeout(grace, all_asked).await;
        self.unasked()
    }

    /// One of those of which nothing is known yet.
    pub fn any_unasked(&self) -> Option<Name> {
        let book = lock(&self.shared.book);
        let mut names = book.names.iter();
        let (name, _) = names.find(|(_, entry)| !entry.belief.is_asked())?;
        Some(name.clone())
    }

    fn unasked(&self) -> usize {
        let book = lock(&self.shared.book);
        let entries = book.names.values();
        entries.filter(|entry| !entry.belief.is_asked()).count()
    }

    /// What the names lead to now.
    pub fn addresses(&self) -> Addresses {
        let book = lock(&self.shared.book);
        let names = book.names.iter();
        names
            .map(|(name, entry)| (name.clone(), entry.belief.addresses()))
            .collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    fn schedule_all(&mut self) {
        let keep = self.keep;
        self.agenda.clear();
        for (name, entry) in &mut self.names {
            entry.due = entry.belief.due(keep);
            self.agenda.extend(entry.due.map(|due| (due, name.clone())));
        }
    }

    fn schedule(&mut self, name: &Name) {
        let Some(entry) = self.names.get_mut(name) else {
            return;
        };
        let due = entry.belief.due(self.keep);
        if due != entry.due {
            if let Some(before) = std::mem::replace(&mut entry.due, due) {
                self.agenda.remove(&(before, name.clone()));
            }
            self.agenda.extend(due.map(|due| (due, name.clone())));
        }
    }

    /// Does what is due, but for asking more than `questions_max` questions, which are returned; and says
    /// whether addresses have changed.
    fn look(&mut self, now: Instant, questions_max: usize) -> (Vec<(Name, Family)>, bool) {
        let (mut questions, mut has_changed) = (Vec::new(), false);
        while let Some((due, name)) = self.agenda.first()
            && *due <= now
            && questions.len() < questions_max
        {
            let name = name.clone();
            let Some(entry) = self.names.get_mut(&name) else {
                self.agenda.pop_first();
                continue;
            };
            entry.belief.look(now, self.keep);
            let family = entry.belief.next_question(now);
            questions.extend(family.map(|family| (name.clone(), family)));
            has_changed |= entry.tell(&name, self.keep);
            self.schedule(&name);
        }
        (questions, has_changed)
    }

    /// Says whether addresses have changed.
    fn hear(&mut self, name: &Name, family: Family, answer: Answer, now: Instant) -> bool {
        // It is no longer wanted, perhaps.
        let Some(entry) = self.names.get_mut(name) else {
            return false;
        };
        entry.belief.hear(family, answer, now, &mut self.random);
        entry.belief.look(now, self.keep);
        let has_changed = entry.tell(name, self.keep);
        self.schedule(name);
        has_changed
    }

    /// When something is due next.
    fn next(&self) -> Option<Instant> {
        let (due, _) = self.agenda.first()?;
        Some(*due)
    }
}

impl Entry {
    /// Logs what is no longer as it was last told, and says whether the addresses are not.
    fn tell(&mut self, name: &Name, keep: Duration) -> bool {
        let belief = &self.belief;
        let now = Told {
            addresses: belief.addresses(),
            trouble: belief.trouble(),
            unusable: belief.unusable(),
            too_many: belief.too_many(),
        };
        // Halves of a first answer are not worth a word.
        if now == self.told || !belief.is_asked() {
            return false;
        }
        let before = std::mem::replace(&mut self.told, now);
        let now = &self.told;
        match (&before.trouble, &now.trouble) {
            (Trouble::No, Trouble::Kept(why)) => tracing::warn!(
                "alias {name} cannot be resolved ({why}); what was known is used for {keep:?} more"
            ),
            (Trouble::No, Trouble::Without(why)) => {
                tracing::warn!("alias {name} cannot be resolved ({why}): it has no addresses");
            }
            (Trouble::Kept(_), Trouble::Without(why)) => tracing::warn!(
                "alias {name} could not be resolved for {keep:?} ({why}): it has no addresses any more"
            ),
            (Trouble::Kept(_) | Trouble::Without(_), Trouble::No) => {
                tracing::info!("alias {name} is resolved again");
            }
            _ => {}
        }
        if !now.unusable.is_empty() && now.unusable != before.unusable {
            let unusable = listed(now.unusable.iter());
            tracing::warn!(
                "alias {name} leads to {unusable}, to which no client can connect: left out"
            );
        }
        if now.too_many > 0 && before.too_many == 0 {
            let more = now.too_many;
            tracing::warn!(
                "alias {name} has {more} addresses more than the {ALIAS_ADDRESSES_MAX} of a family that are used"
            );
        }
        let plain =
            |addresses: &[Resolved]| addresses.iter().map(|it| it.address).collect::<Vec<_>>();
        let addresses = plain(&now.addresses);
        if addresses != plain(&before.addresses) && !addresses.is_empty() {
            let listed = listed(addresses.iter());
            tracing::info!("alias {name} leads to {listed}");
        }
        before.addresses != now.addresses
    }
}

fn listed<'a>(addresses: impl Iterator<Item = &'a IpAddr>) -> String {
    let texts: Vec<_> = addresses.map(ToString::to_string).collect();
    texts.join(", ")
}

/// Asks what is due, as long as somebody wants to know.
async fn run(shared: Arc<Shared>, changes: watch::Sender<()>) {
    let mut asking: JoinSet<Answer> = JoinSet::new();
    let mut asked: HashMap<Id, (Name, Family)> = HashMap::new();
    loop {
        let room = QUESTIONS_MAX - asked.len();
        let (questions, has_changed, ask, next) = {
            let mut book = lock(&shared.book);
            let ask = book.ask.clone();
            let room = if ask.is_some() { room } else { 0 };
            let (questions, has_changed) = book.look(clock::now(), room);
            // What is due by then waits for an answer.
            let next = book.next().filter(|_| questions.len() < room);
            (questions, has_changed, ask, next)
        };
        if has_changed {
            changes.send_replace(());
        }
        for (name, family) in questions {
            if let Some(ask) = &ask {
                let task = asking.spawn(ask.ask(&name, family));
                asked.insert(task.id(), (name, family));
            }
        }
        tokio::select! {
            () = shared.wake.notified() => {}
            Some(answered) = asking.join_next_with_id() => {
                let (id, answer) = answered.unwrap_or_else(|e| (e.id(), broken(&e)));
                if let Some((name, family)) = asked.remove(&id) {
                    let mut book = lock(&shared.book);
                    let has_changed = book.hear(&name, family, answer, clock::now());
                    drop(book);
                    shared.progress.notify_waiters();
                    if has_changed {
                        changes.send_replace(());
                    }
                }
            }
            () = sleep_until_some(next) => {}
        }
    }
}

fn broken(error: &JoinError) -> Answer {
    Answer::Failure(format!("internal error: {error}"))
}

/// Never returns without a deadline.
async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => {
            tokio::time::sleep_until(tokio::time::Instant::from_std(deadline)).await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::Asking;

    const SECOND: Duration = Duration::from_secs(1);

    /// A resolver without sockets: what it says of each name and family, how often it was asked, and how
    /// long it takes.
    #[derive(Clone, Default)]
    struct Fake(Arc<Mutex<FakeState>>);

    #[derive(Default)]
    struct FakeState {
        says: HashMap<(Name, Family), Answer>,
        takes: Duration,
        asked: usize,
        under_way: usize,
        under_way_max: usize,
    }

    impl Fake {
        fn says(&self, name: &str, family: Family, addresses: &[&str], ttl_s: u32) {
            let addresses = addresses.iter().map(|text| text.parse().unwrap());
            let answer = match addresses.len() {
                0 => Answer::Nothing { ttl_s },
                _ => Answer::Addresses {
                    addresses: addresses.collect(),
                    ttl_s,
                },
            };
            lock(&self.0)
                .says
                .insert((self::name(name), family), answer);
        }

        fn asked(&self) -> usize {
            lock(&self.0).asked
        }
    }

    impl Ask for Fake {
        fn ask(&self, name: &Name, family: Family) -> Asking {
            let (fake, key) = (self.clone(), (name.clone(), family));
            Box::pin(async move {
                let takes = {
                    let mut state = lock(&fake.0);
                    state.asked += 1;
                    state.under_way += 1;
                    state.under_way_max = state.under_way_max.max(state.under_way);
                    state.takes
                };
                tokio::time::sleep(takes).await;
                let mut state = lock(&fake.0);
                state.under_way -= 1;
                let known = state.says.get(&key).cloned();
                known.unwrap_or_else(|| Answer::Failure("SERVFAIL".to_owned()))
            })
        }
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn names(texts: &[&str]) -> BTreeSet<Name> {
        texts.iter().map(|text| name(text)).collect()
    }

    fn started(fake: &Fake, keep: Duration) -> (Aliases, watch::Receiver<()>) {
        let (aliases, changes) = Aliases::start();
        aliases.ask_of(Arc::new(fake.clone()), keep);
        (aliases, changes)
    }

    fn known(aliases: &Aliases, of: &str) -> Vec<String> {
        let all = aliases.addresses();
        let known = all[&name(of)].iter();
        known.map(|known| known.address.to_string()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_resolved_at_once_and_followed() {
        let fake = Fake::default();
        fake.says("a.example", Family::V4, &["192.0.2.1"], 10);
        fake.says("a.example", Family::V6, &["2001:db8::1"], 3600);
        let (aliases, mut changes) = started(&fake, SECOND);
        aliases.set_names(names(&["a.example"]));
        assert_eq!(aliases.first_round(SECOND).await, 0);
        assert_eq!(known(&aliases, "a.example"), ["192.0.2.1", "2001:db8::1"]);
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        fake.says("a.example", Family::V4, &["192.0.2.2"], 10);
        changes.changed().await.unwrap();
        assert_eq!(known(&aliases, "a.example"), ["192.0.2.2", "2001:db8::1"]);
        // Nothing is new any more, but it is asked on.
        let asked = fake.asked();
        tokio::time::sleep(15 * SECOND).await;
        assert!(!changes.has_changed().unwrap());
        assert_eq!(fake.asked(), asked + 1);
        // Names that nobody wants are not asked about.
        aliases.set_names(BTreeSet::new());
        let asked = fake.asked();
        tokio::time::sleep(7200 * SECOND).await;
        assert_eq!(fake.asked(), asked);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_known_is_kept_and_then_given_up() {
        let fake = Fake::default();
        fake.says("a.example", Family::V4, &["192.0.2.1"], 5);
        fake.says("a.example", Family::V6, &[], 5);
        let (aliases, mut changes) = started(&fake, 100 * SECOND);
        aliases.set_names(names(&["a.example"]));
        aliases.first_round(SECOND).await;
        changes.mark_unchanged();
        lock(&fake.0).says.clear();
        tokio::time::sleep(100 * SECOND).await;
        assert!(!changes.has_changed().unwrap());
        assert_eq!(known(&aliases, "a.example"), ["192.0.2.1"]);
        changes.changed().await.unwrap();
        assert!(known(&aliases, "a.example").is_empty());
        // It is asked about on.
        fake.says("a.example", Family::V4, &["192.0.2.1"], 5);
        changes.changed().await.unwrap();
        assert_eq!(known(&aliases, "a.example"), ["192.0.2.1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn questions_under_way_are_bounded_and_a_first_round_waits_no_longer_than_it_may() {
        let fake = Fake::default();
        lock(&fake.0).takes = SECOND;
        let (aliases, _changes) = started(&fake, SECOND);
        let many: BTreeSet<_> = (0..100).map(|n| name(&format!("{n}.example"))).collect();
        aliases.set_names(many);
        // 64 questions a second, two for each name.
        assert_eq!(aliases.first_round(SECOND + SECOND / 2).await, 100 - 32);
        assert_eq!(aliases.first_round(100 * SECOND).await, 0);
        assert_eq!(lock(&fake.0).under_way_max, QUESTIONS_MAX);
    }
}
