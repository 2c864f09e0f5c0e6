//! The time that one attempt has.
//!
//! While this machine is late, what a target says is not heard (see [`lateness`](crate::health::lateness)). So the end is
//! put off by what was lost of the time. That also lets what has come meanwhile be read: timers that are due
//! with it may be served first.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::health::failure::{Failure, Step};
use crate::health::lateness::{Passed, Pulse, Watch};

/// How often an end is put off. Where that is not enough, two thirds of the time and more are lost.
const PUT_OFF_MAX: u32 = 3;

tokio::task_local! {
    static PULSE: Arc<Pulse>;
}

/// The deadlines that `attempt` sets go by this pulse; others by the clock alone.
pub async fn by<T>(pulse: Arc<Pulse>, attempt: impl Future<Output = T>) -> T {
    PULSE.scope(pulse, attempt).await
}

/// The end of one attempt, counted from its start.
#[derive(Debug)]
pub struct Deadline {
    after: Duration,
    watch: Option<Watch>,
    end: Mutex<End>,
}

#[derive(Clone, Copy, Debug)]
struct End {
    at: Instant,
    /// How often it was put off.
    times: u32,
}

impl Deadline {
    /// `after` from now.
    pub fn new(after: Duration) -> Self {
        let at = clock::now() + after;
        Deadline {
            after,
            watch: PULSE.try_with(Arc::clone).ok().map(Watch::start),
            end: Mutex::new(End { at, times: 0 }),
        }
    }

    /// What `work` comes to.
    ///
    /// # Errors
    /// [`Failure::TimedOut`] when it takes longer than there is time.
    pub async fn within<T>(&self, step: Step, work: impl Future<Output = T>) -> Result<T, Failure> {
        let mut work = pin!(work);
        loop {
            let at = self.end().at;
            if let Ok(done) = tokio::time::timeout_at(at.into(), work.as_mut()).await {
                return Ok(done);
            }
            let passed = self.watch.as_ref().map(Watch::read);
            let is_put_off =
                passed.is_some_and(|passed| self.end().put_off(passed, self.after, clock::now()));
            if !is_put_off {
                return Err(self.passed(step));
            }
        }
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

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End {
    /// Puts it off by what is left of `after`, of which so much has passed, if anything is.
    fn put_off(&mut self, passed: Passed, after: Duration, now: Instant) -> bool {
        let Some(left) = passed.left_of(after).filter(|_| self.times < PUT_OFF_MAX) else {
            return false;
        };
        self.at = now + left;
        self.times += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::time::{advance, sleep};

    use super::*;
    use crate::health::lateness::{BEAT, beat};

    const TIMEOUT: Duration = Duration::from_secs(1);

    /// A pulse that beats once `silence` is over, which the clock passes at once.
    async fn stand_still(pulse: &Pulse, silence: Duration) {
        pulse.beat(clock::now());
        advance(silence).await;
        pulse.beat(clock::now());
    }

    async fn timed_out(deadline: &Deadline) -> bool {
        let never = std::future::pending::<()>();
        let failure = deadline.within(Step::Answer, never).await;
        failure == Err(deadline.passed(Step::Answer))
    }

    fn pulse() -> Arc<Pulse> {
        let pulse = Arc::<Pulse>::default();
        pulse.beat(clock::now());
        pulse
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_pulse_the_clock_alone_counts() {
        let (begun, deadline) = (clock::now(), Deadline::new(TIMEOUT));
        assert!(timed_out(&deadline).await);
        assert_eq!(clock::now() - begun, TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_lost_is_added_and_an_answer_in_that_time_is_in_time() {
        let pulse = pulse();
        let attempt = async {
            let deadline = Deadline::new(TIMEOUT);
            stand_still(&pulse, TIMEOUT * 10).await;
            let answer = async {
                sleep(TIMEOUT / 2).await;
                "answer"
            };
            deadline.within(Step::Answer, answer).await
        };
        assert_eq!(by(Arc::clone(&pulse), attempt).await, Ok("answer"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_that_hangs_is_waited_for_as_long_as_if_nothing_had_been_lost() {
        let pulse = pulse();
        let attempt = async {
            let (begun, deadline) = (clock::now(), Deadline::new(TIMEOUT));
            stand_still(&pulse, TIMEOUT * 10).await;
            let _beating = tokio::spawn(beat(Arc::clone(&pulse)));
            assert!(timed_out(&deadline).await);
            clock::now() - begun
        };
        let took = by(Arc::clone(&pulse), attempt).await;
        let usual = TIMEOUT * 11;
        assert!(
            took > usual - TIMEOUT / 8 && took <= usual + BEAT * 2,
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_to_be_lost_ends_all_the_same() {
        let pulse = pulse();
        let attempt = async {
            let (begun, deadline) = (clock::now(), Deadline::new(TIMEOUT));
            // It never beats.
            assert!(timed_out(&deadline).await);
            // And so does what is tried after that.
            assert!(timed_out(&deadline).await);
            clock::now() - begun
        };
        let took = by(Arc::clone(&pulse), attempt).await;
        assert!(took > TIMEOUT * 3 && took <= TIMEOUT * 4, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_when_time_is_over_is_taken() {
        let deadline = Deadline::new(TIMEOUT);
        let (sender, receiver) = oneshot::channel();
        sender.send(7).expect("somebody receives");
        advance(TIMEOUT * 2).await;
        assert_eq!(deadline.within(Step::Answer, receiver).await, Ok(Ok(7)));
    }
}
