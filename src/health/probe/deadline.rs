//! The time that one attempt has.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::clock;
use crate::health::failure::{Failure, Step};

/// The end of one attempt, counted from its start.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    after: Duration,
}

impl Deadline {
    /// `after` from now.
    pub fn new(after: Duration) -> Self {
        let at = clock::now() + after;
        Deadline { at, after }
    }

    /// What `work` comes to.
    ///
    /// # Errors
    /// [`Failure::TimedOut`] when it takes longer than there is time.
    pub async fn within<T>(&self, step: Step, work: impl Future<Output = T>) -> Result<T, Failure> {
        let done = tokio::time::timeout_at(self.at.into(), work).await;
        done.map_err(|_elapsed| self.passed(step))
    }

    /// The same for what is done with a connection.
    ///
    /// # Errors
    /// That, or what the error stands for.
    pub async fn io<T>(
        &self,
        step: Step,
        work: impl Future<Output = std::io::Result<T>>,
    ) -> Result<T, Failure> {
        let done = self.within(step, work).await?;
        done.map_err(|error| Failure::from_io(&error))
    }

    pub fn passed(&self, step: Step) -> Failure {
        let after = self.after;
        Failure::TimedOut { after, step }
    }
}
