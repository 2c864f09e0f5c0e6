//! A request that a backend works on, and how it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::time::timeout;

use crate::clock;
use crate::state::forwarding::{Backend, Entry, Failure, Full, Outcome, Upstream, Waiting};

/// A place among what a backend works on, given back on drop. What becomes of the request is noted for all who choose
/// among backends.
pub(crate) struct AtWork {
    upstream: Arc<Upstream>,
    backend: Arc<Backend>,
    /// It decides whether the backend comes back.
    is_trial: bool,
    /// It decides whether the pool does.
    is_pools_trial: bool,
    is_noted: bool,
}

/// Why a request does not go to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It was ejected meanwhile, or another request is its trial.
    Ejected,
    /// It works on as much as it may, and as many wait as may, or this one has waited too long.
    Full,
}

impl AtWork {
    /// A place, if there is one now. `None`: it is to be waited for.
    pub fn try_enter(
        upstream: &Arc<Upstream>,
        backend: &Arc<Backend>,
        is_pools_trial: bool,
        now_ms: u64,
    ) -> Option<Result<Self, Refused>> {
        let has_place = backend.slots.try_take(upstream.care.limits);
        has_place.then(|| AtWork::placed(upstream, backend, is_pools_trial, now_ms))
    }

    /// Waits for a place, if it has to.
    pub async fn enter(
        upstream: &Arc<Upstream>,
        backend: &Arc<Backend>,
        is_pools_trial: bool,
        now_ms: u64,
    ) -> Result<Self, Refused> {
        if let Some(entered) = AtWork::try_enter(upstream, backend, is_pools_trial, now_ms) {
            return entered;
        }
        let care = &upstream.care;
        let waiting = Waiting::new(backend, care.limits).map_err(|Full| Refused::Full)?;
        let turn = timeout(care.pending_timeout, waiting.turn());
        turn.await.map_err(|_| Refused::Full)?;
        let now_ms = clock::steady_ms(clock::now());
        AtWork::placed(upstream, backend, is_pools_trial, now_ms)
    }

    fn placed(
        upstream: &Arc<Upstream>,
        backend: &Arc<Backend>,
        is_pools_trial: bool,
        now_ms: u64,
    ) -> Result<Self, Refused> {
        let mut at_work = AtWork {
            upstream: Arc::clone(upstream),
            backend: Arc::clone(backend),
            is_trial: false,
            is_pools_trial,
            is_noted: false,
        };
        // As long as anything may be waited for.
        let trial = upstream.connect_timeout + upstream.response_timeout;
        match at_work.backend.standing.enter(now_ms, trial) {
            Entry::Usual => {}
            Entry::Trial => at_work.is_trial = true,
            Entry::Refused => return Err(Refused::Ejected),
        }
        Ok(at_work)
    }

    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The backend's pool.
    pub fn pool(&self) -> &str {
        &self.upstream.pool
    }

    /// The head of the response to what was sent at `begun` is there.
    pub fn begin(&mut self, status: StatusCode, begun: Instant) {
        if status.is_server_error() {
            self.fail(Failure::Status(status.as_u16()));
            return;
        }
        let now = clock::now();
        let took = now.saturating_duration_since(begun);
        self.backend.latency.note(took, clock::steady_ms(now));
        if std::mem::take(&mut self.is_trial) {
            self.backend.standing.succeed(true);
        }
        if self.is_pools_trial {
            self.upstream.care.fleet.close();
        }
    }

    /// All of the response is there.
    pub fn end(&mut self) {
        if std::mem::replace(&mut self.is_noted, true) {
            return;
        }
        let was_trial = std::mem::take(&mut self.is_trial);
        self.backend.standing.succeed(was_trial);
        if self.backend.standing.settle() {
            self.tell(None);
        }
    }

    /// It failed, for the first time only.
    pub fn fail(&mut self, failure: Failure) {
        if std::mem::replace(&mut self.is_noted, true) {
            return;
        }
        let (backend, care) = (&*self.backend, &self.upstream.care);
        let now_ms = clock::steady_ms(clock::now());
        care.fleet.fail(care.circuit.as_ref(), now_ms);
        // Who fails fast is not fast.
        backend.latency.note(FAILED_TAKES, now_ms);
        if let Some(by) = &care.outliers {
            let in_a_row = backend.standing.fail();
            if std::mem::take(&mut self.is_trial) {
                backend.standing.eject(now_ms, by);
            } else if by.failures > 0 && in_a_row >= by.failures && !backend.standing.is_ejected() {
                care.fleet
                    .eject(backend, &self.upstream.backends, by, now_ms);
            }
        }
        if care.told > 0 {
            backend.standing.owe(care.told);
            self.tell(Some(failure));
        }
    }

    fn tell(&self, failure: Option<Failure>) {
        self.upstream.care.outcomes.offer(Outcome {
            backend: self.backend.number,
            failure,
        });
    }
}

/// What a failure counts as among latencies.
const FAILED_TAKES: Duration = Duration::from_secs(1);

impl Drop for AtWork {
    fn drop(&mut self) {
        if self.is_trial {
            // Its client has gone, or waited for too long in all.
            self.backend.standing.forget_trial();
        }
        self.backend.slots.give_back(self.upstream.care.limits);
    }
}
