//! To whom requests are told: counters, which go on over reloads by the names of routes, and logs.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{AccessLog, Forwarder, LogFormat};
use crate::state::forwarding::{Format, Forwarding, Log, Logging, Tally, Target, Told};

pub(super) struct Telling<'f> {
    forwarder: &'f Forwarder,
    threads: usize,
    tallies: HashMap<Box<str>, Arc<Tally>>,
    unrouted: Option<Arc<Tally>>,
    /// Those that there were, and those that there are now.
    known: HashMap<Target, Arc<Log>>,
    used: HashMap<Target, Arc<Log>>,
}

impl<'f> Telling<'f> {
    pub fn new(forwarder: &'f Forwarder, threads: usize, before: Option<&Forwarding>) -> Self {
        let before = before.filter(|before| !before.listeners.is_empty());
        let routes = before.iter().flat_map(|before| &before.routes);
        let told = routes.map(|route| &route.told);
        let logs = before.iter().flat_map(|before| &before.logs);
        Telling {
            forwarder,
            threads,
            tallies: told
                .map(|told| (told.route.clone(), Arc::clone(&told.tally)))
                .collect(),
            unrouted: before.map(|before| Arc::clone(&before.unrouted.tally)),
            known: logs
                .map(|log| (log.target.clone(), Arc::clone(log)))
                .collect(),
            used: HashMap::new(),
        }
    }

    /// `own`: what the route says of its log itself.
    pub fn of_route(&mut self, route: &str, own: Option<&Option<AccessLog>>) -> Arc<Told> {
        let threads = self.threads;
        let tally = self.tallies.entry(route.into());
        let tally = Arc::clone(tally.or_insert_with(|| Arc::new(Tally::new(threads))));
        let log = own.map_or(self.forwarder.access_log.as_ref(), Option::as_ref);
        Arc::new(Told {
            route: route.into(),
            tally,
            logging: log.map(|log| self.logging(log)),
        })
    }

    /// Of requests without a route.
    pub fn unrouted(&mut self) -> Arc<Told> {
        let tally = self.unrouted.clone();
        let log = self.forwarder.access_log.as_ref();
        Arc::new(Told {
            route: Box::default(),
            tally: tally.unwrap_or_else(|| Arc::new(Tally::new(self.threads))),
            logging: log.map(|log| self.logging(log)),
        })
    }

    pub fn logs(self) -> Box<[Arc<Log>]> {
        self.used.into_values().collect()
    }

    fn logging(&mut self, log: &AccessLog) -> Logging {
        let target = match &log.to {
            None => Target::Stdout,
            Some(path) => Target::File(path.clone()),
        };
        let known = self.known.get(&target).cloned();
        let used = self.used.entry(target.clone());
        let queue = used.or_insert_with(|| known.unwrap_or_else(|| Arc::new(Log::new(target))));
        Logging {
            log: Arc::clone(queue),
            format: match log.format {
                LogFormat::Json => Format::Json,
                LogFormat::Combined => Format::Combined,
            },
            sample: log.sample,
        }
    }
}
