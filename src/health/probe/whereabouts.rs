//! Where targets are that are known by name.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Failure;
use crate::clock;
use crate::config::Resolver;
use crate::dns::Name;
use crate::health::target::Whom;
use crate::resolve::{Upstream, Written};

/// Names whose last known address is remembered.
const NAMES_MAX: usize = 8_192;

/// Whom probes ask for addresses; cheap to clone, and the same for all.
#[derive(Clone, Default)]
pub struct Whereabouts(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    written: Written,
    /// Made when somebody asks.
    upstream: Option<Upstream>,
    /// How long an address is used on when no resolver knows it any more.
    keep: Duration,
    /// Where names were when that was last known, and when it was.
    last: HashMap<Name, (IpAddr, Instant)>,
}

impl Whereabouts {
    /// From now on these resolvers are asked.
    pub fn ask_of(&self, settings: &Resolver) {
        let written = Written::now(settings);
        let mut known = self.known();
        known.keep = settings.keep;
        if known.written != written {
            known.written = written;
            known.upstream = None;
        }
    }

    /// Where to probe now. What was said of a name is remembered for as long as it holds, and for
    /// `keep` more while nobody can say: an outage of the resolvers is none of the targets. Asking takes half of `timeout`
    /// at most where it is known where the name was, so that the target has the rest.
    ///
    /// # Errors
    /// [`Failure::Unresolved`]
    pub async fn of(&self, whom: &Whom, timeout: Duration) -> Result<SocketAddr, Failure> {
        let (name, port) = match whom {
            Whom::Address(address) => return Ok(*address),
            Whom::Name(name, port) => (name, *port),
        };
        let last = self.last(name);
        let upstream = self.upstream();
        let asking = upstream.address(name);
        let answer = match last {
            None => asking.await,
            Some(_) => match tokio::time::timeout(timeout / 2, asking).await {
                Ok(answer) => answer,
                Err(_elapsed) => Err(String::new()),
            },
        };
        let address = match (answer, last) {
            (Ok(address), _) => {
                self.remember(name, address);
                address
            }
            (Err(_), Some(last)) => last,
            (Err(why), None) => {
                let name = name.to_string();
                return Err(Failure::Unresolved { name, why });
            }
        };
        Ok(SocketAddr::new(address, port))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn upstream(&self) -> Upstream {
        let mut known = self.known();
        let Known {
            written, upstream, ..
        } = &mut *known;
        upstream
            .get_or_insert_with(|| Upstream::caching(written.clone()))
            .clone()
    }

    /// Where the name was, if that may still be used.
    fn last(&self, name: &Name) -> Option<IpAddr> {
        let known = self.known();
        let (address, at) = known.last.get(name)?;
        let age = clock::now().saturating_duration_since(*at);
        (age < known.keep).then_some(*address)
    }

    fn remember(&self, name: &Name, address: IpAddr) {
        let now = clock::now();
        let mut known = self.known();
        let Known { keep, last, .. } = &mut *known;
        if last.len() >= NAMES_MAX && !last.contains_key(name) {
            last.retain(|_, (_, at)| now.saturating_duration_since(*at) < *keep);
        }
        if last.len() < NAMES_MAX || last.contains_key(name) {
            last.insert(name.clone(), (address, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_outage_of_the_resolvers_is_none_of_the_targets() {
        // Nobody answers there.
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let settings = |keep| Resolver {
            servers: Some(vec![nobody.local_addr().unwrap()]),
            timeout: Duration::from_millis(20),
            keep,
        };
        let whereabouts = Whereabouts::default();
        whereabouts.ask_of(&settings(Duration::from_secs(3600)));
        let name = Name::parse("a.example").unwrap();
        let whom = Whom::Name(name.clone(), 443);
        let timeout = Duration::from_millis(100);
        assert!(whereabouts.of(&whom, timeout).await.is_err());
        let address = IpAddr::from([192, 0, 2, 1]);
        whereabouts.remember(&name, address);
        let found = whereabouts.of(&whom, timeout).await;
        assert_eq!(found.ok(), Some(SocketAddr::new(address, 443)));
        // But for longer than is configured nothing is believed.
        whereabouts.ask_of(&settings(Duration::ZERO));
        assert!(whereabouts.of(&whom, timeout).await.is_err());
    }
}
