//! Falls of the last window, counted as they come and go: a fall costs the same however many there are.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::model::{RegionId, TargetKey};

/// The falls that a panic guard goes by.
#[derive(Debug, Default)]
pub struct Falls {
    by_key: HashMap<TargetKey, Fall>,
    /// As they came, those that were taken back since included.
    in_order: VecDeque<(Instant, TargetKey)>,
    /// How many are doubtful, by region; no region has none.
    doubtful: HashMap<RegionId, usize>,
    doubtful_count: usize,
}

#[derive(Clone, Copy, Debug)]
struct Fall {
    at: Instant,
    region: RegionId,
    is_doubtful: bool,
}

impl Falls {
    pub fn add(&mut self, key: &TargetKey, region: RegionId, is_doubtful: bool, at: Instant) {
        self.remove(key);
        let fall = Fall {
            at,
            region,
            is_doubtful,
        };
        self.by_key.insert(key.clone(), fall);
        self.in_order.push_back((at, key.clone()));
        if is_doubtful {
            *self.doubtful.entry(region).or_default() += 1;
            self.doubtful_count += 1;
        }
    }

    pub fn remove(&mut self, key: &TargetKey) {
        if let Some(fall) = self.by_key.remove(key) {
            self.settle(fall);
        }
    }

    /// It is no longer in doubt.
    pub fn confirm(&mut self, key: &TargetKey) {
        if let Some(fall) = self.by_key.get_mut(key) {
            let before = *fall;
            fall.is_doubtful = false;
            self.settle(before);
        }
    }

    /// Forgets those that are longer ago than `window`.
    pub fn expire(&mut self, window: Duration, now: Instant) {
        while let Some((at, key)) = self.in_order.front()
            && now.saturating_duration_since(*at) > window
        {
            if self.by_key.get(key).is_some_and(|fall| fall.at == *at) {
                let key = key.clone();
                self.remove(&key);
            }
            self.in_order.pop_front();
        }
    }

    /// Takes one out of the counts.
    fn settle(&mut self, fall: Fall) {
        if !fall.is_doubtful {
            return;
        }
        self.doubtful_count -= 1;
        if let Some(count) = self.doubtful.get_mut(&fall.region) {
            *count -= 1;
            if *count == 0 {
                self.doubtful.remove(&fall.region);
            }
        }
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn doubtful_count(&self) -> usize {
        self.doubtful_count
    }

    /// How many regions have doubtful ones.
    pub fn doubtful_regions(&self) -> usize {
        self.doubtful.len()
    }

    /// The targets whose falls are doubtful; none is left.
    pub fn take_doubtful(&mut self) -> Vec<TargetKey> {
        let falls = std::mem::take(self).by_key.into_iter();
        let doubtful = falls.filter(|(_, fall)| fall.is_doubtful);
        doubtful.map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(2);

    #[derive(Clone, Debug)]
    enum Event {
        Add(u8, bool),
        Remove(u8),
        Confirm(u8),
        Pass(u8),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0u8..8, any::<bool>()).prop_map(|(n, is_doubtful)| Event::Add(n, is_doubtful)),
            (0u8..8).prop_map(Event::Remove),
            (0u8..8).prop_map(Event::Confirm),
            (0u8..3).prop_map(Event::Pass),
        ]
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_plain_list(events in prop::collection::vec(event(), 0..60)) {
            let key = |n: u8| TargetKey(format!("target {n}").into());
            let region = |n: u8| RegionId(u16::from(n % 3));
            let start = crate::clock::now();
            let (mut now, mut falls) = (start, Falls::default());
            let mut plain: Vec<(u8, bool, Instant)> = Vec::new();
            for event in events {
                match event {
                    Event::Add(n, is_doubtful) => {
                        falls.add(&key(n), region(n), is_doubtful, now);
                        plain.retain(|fall| fall.0 != n);
                        plain.push((n, is_doubtful, now));
                    }
                    Event::Remove(n) => {
                        falls.remove(&key(n));
                        plain.retain(|fall| fall.0 != n);
                    }
                    Event::Confirm(n) => {
                        falls.confirm(&key(n));
                        plain.iter_mut().filter(|fall| fall.0 == n).for_each(|fall| fall.1 = false);
                    }
                    Event::Pass(seconds) => {
                        now += Duration::from_secs(seconds.into());
                        falls.expire(WINDOW, now);
                        plain.retain(|fall| now - fall.2 <= WINDOW);
                    }
                }
                let doubtful = plain.iter().filter(|fall| fall.1);
                let regions: std::collections::HashSet<_> =
                    doubtful.clone().map(|fall| region(fall.0)).collect();
                prop_assert_eq!(falls.len(), plain.len());
                prop_assert_eq!(falls.doubtful_count(), doubtful.clone().count());
                prop_assert_eq!(falls.doubtful_regions(), regions.len());
            }
            let mut left: Vec<_> =
                plain.iter().filter(|fall| fall.1).map(|fall| key(fall.0)).collect();
            let mut taken = falls.take_doubtful();
            left.sort();
            taken.sort();
            prop_assert_eq!(taken, left);
            prop_assert_eq!((falls.len(), falls.doubtful_count()), (0, 0));
        }
    }
}
