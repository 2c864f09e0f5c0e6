//! Says in the log when rate limiting begins to hold answers back, and when it has ended: a line
//! each, however many answers there are.

use std::sync::Arc;

use crate::state::feedback::Counters;

/// Looks without an answer held back after which the flood is over.
const QUIET_LOOKS: u32 = 60;

/// What the counters said the last time.
pub struct Limiting {
    counters: Vec<Arc<Counters>>,
    seen: Held,
    flood: Option<Flood>,
}

/// Answers held back since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    back: u64,
    /// That would have been, but for `dry_run`.
    dry_run: u64,
}

struct Flood {
    before: Held,
    quiet_looks: u32,
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Begun { is_dry_run: bool },
    Ended(Held),
}

impl Limiting {
    /// `counters` are those of all workers.
    pub fn new(counters: Vec<Arc<Counters>>) -> Self {
        Limiting {
            counters,
            seen: Held::default(),
            flood: None,
        }
    }

    /// Looks at the counters, and logs what is new. To be called once a second.
    pub fn look(&mut self) {
        let held = self.held();
        match self.news(held) {
            None => {}
            Some(News::Begun { is_dry_run: false }) => {
                tracing::warn!("rate limiting begins to hold answers back");
            }
            Some(News::Begun { is_dry_run: true }) => {
                tracing::warn!("rate limiting would begin to hold answers back (dry run)");
            }
            Some(News::Ended(held)) => tracing::info!(
                held_back = held.back,
                dry_run = held.dry_run,
                "rate limiting has held no answer back for a minute"
            ),
        }
    }

    fn held(&self) -> Held {
        let sum = |counted: fn(&Counters) -> u64| self.counters.iter().map(|c| counted(c)).sum();
        Held {
            back: sum(|c| c.limited_dropped.get() + c.limited_slipped.get()),
            dry_run: sum(|c| c.limited_dry_run.get()),
        }
    }

    fn news(&mut self, held: Held) -> Option<News> {
        let before = std::mem::replace(&mut self.seen, held);
        let is_quiet = before == held;
        match &mut self.flood {
            None if is_quiet => None,
            None => {
                self.flood = Some(Flood {
                    before,
                    quiet_looks: 0,
                });
                Some(News::Begun {
                    is_dry_run: held.back == before.back,
                })
            }
            Some(flood) if is_quiet => {
                flood.quiet_looks += 1;
                if flood.quiet_looks < QUIET_LOOKS {
                    return None;
                }
                let ended = Held {
                    back: held.back - flood.before.back,
                    dry_run: held.dry_run - flood.before.dry_run,
                };
                self.flood = None;
                Some(News::Ended(ended))
            }
            Some(flood) => {
                flood.quiet_looks = 0;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_when_it_begins_and_once_when_it_has_ended() {
        let counters = Arc::new(Counters::default());
        let mut limiting = Limiting::new(vec![Arc::clone(&counters), Arc::default()]);
        let mut look = || {
            let held = limiting.held();
            limiting.news(held)
        };
        assert_eq!(look(), None);
        for flood in 0..2 {
            counters.limited_dropped.add(10);
            let begun = News::Begun { is_dry_run: false };
            assert_eq!(look(), Some(begun), "{flood}");
            for _ in 0..100 {
                counters.limited_slipped.add(1);
                assert_eq!(look(), None);
                assert_eq!(look(), None);
            }
            for _ in 2..QUIET_LOOKS {
                assert_eq!(look(), None);
            }
            let held = Held {
                back: 110,
                dry_run: 0,
            };
            assert_eq!(look(), Some(News::Ended(held)), "{flood}");
            assert_eq!(look(), None);
        }
    }

    #[test]
    fn a_dry_run_is_told_too() {
        let counters = Arc::new(Counters::default());
        let mut limiting = Limiting::new(vec![Arc::clone(&counters)]);
        counters.limited_dry_run.add(1);
        let held = limiting.held();
        assert_eq!(limiting.news(held), Some(News::Begun { is_dry_run: true }));
    }
}
