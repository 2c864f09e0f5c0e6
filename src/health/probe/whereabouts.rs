//! Where targets are that are known by name.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::Failure;
use crate::config::Resolver;
use crate::health::target::Whom;
use crate::resolve::Upstream;

/// Whom probes ask for addresses; cheap to clone, and the same for all.
#[derive(Clone, Default)]
pub struct Whereabouts(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    settings: Resolver,
    /// Made when somebody asks.
    upstream: Option<Upstream>,
}

impl Whereabouts {
    /// From now on these resolvers are asked.
    pub fn ask_of(&self, settings: &Resolver) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.settings != *settings {
            *known = Known {
                settings: settings.clone(),
                upstream: None,
            };
        }
    }

    /// Where to probe now; what was said of a name is remembered for as long as it holds.
    ///
    /// # Errors
    /// [`Failure::Unresolved`]
    pub async fn of(&self, whom: &Whom) -> Result<SocketAddr, Failure> {
        let (name, port) = match whom {
            Whom::Address(address) => return Ok(*address),
            Whom::Name(name, port) => (name, *port),
        };
        match self.upstream().address(name).await {
            Ok(address) => Ok(SocketAddr::new(address, port)),
            Err(why) => Err(Failure::Unresolved {
                name: name.to_string(),
                why,
            }),
        }
    }

    fn upstream(&self) -> Upstream {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { settings, upstream } = &mut *known;
        upstream
            .get_or_insert_with(|| Upstream::caching(settings))
            .clone()
    }
}
