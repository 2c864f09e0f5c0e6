//! Targets that are known by name: where they are is found out at each attempt.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::deadline::Deadline;
use super::{Ask, Asking, Outcome, Told, Whereabouts};
use crate::health::failure::Step;
use crate::health::target::Whom;

/// Finds the address, and asks it.
pub struct NamedAsker {
    pub whom: Whom,
    pub timeout: Duration,
    pub whereabouts: Whereabouts,
    pub make: Box<dyn Fn(SocketAddr) -> Box<dyn Ask> + Send + Sync>,
    /// What asks the address of the last attempt.
    pub made: Option<(SocketAddr, Box<dyn Ask>)>,
    pub turns: Option<Arc<Semaphore>>,
}

impl NamedAsker {
    async fn attempt(&mut self) -> Outcome {
        let deadline = Deadline::new(self.timeout);
        let finding = self.whereabouts.of(&self.whom, self.timeout);
        let address = deadline.within(Step::Address, finding).await??;
        let made = match self.made.take() {
            Some(made) if made.0 == address => made,
            _ => (address, (self.make)(address)),
        };
        let (_, asker) = self.made.insert(made);
        // What is left of the time is less than what that has for itself.
        deadline.within(Step::Answer, asker.ask()).await?
    }
}

impl Ask for NamedAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(self.attempt())
    }

    fn turns(&self) -> Option<Arc<Semaphore>> {
        self.turns.clone()
    }

    fn take_told(&mut self) -> Option<Told> {
        let (_, asker) = self.made.as_mut()?;
        asker.take_told()
    }
}
