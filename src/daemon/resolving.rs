//! The names that pools have as aliases: what they lead to, beside the control loop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::aside;
use crate::clock;
use crate::compile::Whole;
use crate::config::{self, Config, Diagnostics, Joined, Unwritten};
use crate::resolve::{Aliases, Upstream, Written};

/// Names that are followed, and where it is seen that they lead elsewhere.
pub struct Resolving {
    pub names: Arc<Names>,
    changes: watch::Receiver<()>,
}

pub struct Names {
    aliases: Aliases,
    /// Who is asked; nobody, as long as there are no names.
    written: Mutex<Option<Written>>,
}

impl Resolving {
    /// Without names yet. Must be called in a Tokio runtime.
    pub fn start() -> Self {
        let (aliases, changes) = Aliases::start();
        let names = Arc::new(Names {
            aliases,
            written: Mutex::default(),
        });
        Resolving { names, changes }
    }

    /// Waits until some name leads elsewhere.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Names {
    /// `whole` with those that `registered`, and with what its aliases lead to: new ones are asked about once, until `grace` is over at most.
    /// Those of the configuration `before` are followed on. What is left of `grace` comes with it.
    ///
    /// # Errors
    /// Only when there is no thread to do it.
    pub async fn expanded(
        &self,
        before: Option<&Config>,
        whole: Whole,
        registered: HashMap<String, Vec<Joined>>,
        grace: Duration,
    ) -> Result<(Whole, Duration), Diagnostics> {
        let mut names = whole.config.alias_names();
        if names.is_empty() {
            let (whole, _) = aside::expand(whole, self.unwritten(registered)).await?;
            return Ok((whole, grace));
        }
        let begun = clock::now();
        names.extend(before.into_iter().flat_map(Config::alias_names));
        self.ask_of(&whole.config.resolver);
        self.aliases.set_names(names);
        let unknown = self.aliases.first_round(grace).await;
        if unknown > 0 {
            let name = self.aliases.any_unasked();
            let such_as = name.map_or_else(String::new, |name| format!(", such as {name}"));
            tracing::warn!(
                unknown,
                "going on although not every alias is resolved yet{such_as}"
            );
        }
        let (whole, _) = aside::expand(whole, self.unwritten(registered)).await?;
        let took = clock::now().saturating_duration_since(begun);
        Ok((whole, grace.saturating_sub(took)))
    }

    /// Follows the names of this configuration, and no others.
    pub fn follow(&self, config: &Config) {
        self.aliases.set_names(config.alias_names());
    }

    /// What is known of endpoints beside the configuration.
    pub fn unwritten(&self, registered: HashMap<String, Vec<Joined>>) -> Unwritten {
        Unwritten {
            addresses: self.aliases.addresses(),
            registered,
        }
    }

    fn ask_of(&self, settings: &config::Resolver) {
        let known = self.written.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        let written = Written::now(settings);
        if known.as_ref() != Some(&written) {
            let upstream = Arc::new(Upstream::new(written.clone()));
            self.aliases.ask_of(upstream, settings.keep);
            *known = Some(written);
        }
    }
}
