//! The load itself: one thread that sends, takes what comes back, and never sleeps.

use std::cell::OnceCell;
use std::io;
use std::time::{Duration, Instant};

use super::books::Books;
use super::counts::Tally;
use super::courier::{BURST_MAX, Courier, Wire};
use super::flight::{Flight, Sent};
use super::replay::Replay;
use super::samples::{Sample, Samples};
use super::usage::{Usage, Watch};
use crate::clock;
use crate::random::Random;

/// How the queries follow each other.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// The next query goes when an answer has come: as many as the server can do.
    Closed,
    /// So many a second on average, with exponential gaps, whatever the server does.
    Open { rate: f64 },
}

/// How long, how much, and when to give up.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub pace: Pace,
    pub warmup: Duration,
    pub duration: Duration,
    /// Queries of the measured time at most.
    pub queries_max: u64,
    pub timeout: Duration,
}

/// A way to the server, and the queries under way there.
pub struct Link {
    pub wire: Wire,
    pub flight: Flight,
}

/// What was measured.
pub struct Measured {
    pub seconds: f64,
    pub tally: Tally,
    pub usage: Usage,
    pub samples: Vec<Sample>,
    /// How long this thread had something to do: it never sleeps, so its CPU time says nothing.
    pub busy: Duration,
    /// The longest that a query left after it was due (open loop only).
    pub behind: Duration,
}

/// How often time-outs are looked for.
const EXPIRY_PERIOD_NS: u64 = 20_000_000;

pub struct Load {
    plan: Plan,
    links: Vec<Link>,
    replay: Replay,
    courier: Courier,
    books: Books,
    random: Random,
    start: Instant,
    /// The link whose turn it is (open loop).
    turn: usize,
    /// When the next query is due (open loop).
    due_ns: f64,
    behind_ns: u64,
    busy_ns: u64,
    expire_at_ns: u64,
    burst: Vec<u8>,
}

impl Load {
    pub fn new(
        plan: Plan,
        links: Vec<Link>,
        replay: Replay,
        samples: Samples,
        random: Random,
    ) -> Self {
        Load {
            books: Books::new(Tally::new(nanoseconds(plan.timeout)), samples),
            plan,
            links,
            replay,
            courier: Courier::new(),
            random,
            start: clock::now(),
            turn: 0,
            due_ns: 0.0,
            behind_ns: 0,
            busy_ns: 0,
            expire_at_ns: EXPIRY_PERIOD_NS,
            burst: Vec::new(),
        }
    }

    /// Warms up, measures, and waits for the last answers.
    ///
    /// # Errors
    /// In words, when a socket fails or a watched process is gone.
    pub fn run(mut self, watch: &Watch) -> Result<Measured, String> {
        self.start = clock::now();
        self.generate(self.plan.warmup)?;
        self.books.open();
        (self.busy_ns, self.behind_ns) = (0, 0);
        let before = watch.read()?;
        let began = clock::now();
        self.generate(self.plan.duration)?;
        let seconds = clock::now().duration_since(began).as_secs_f64();
        let usage = watch.read()?.since(before);
        self.books.close();
        let busy = Duration::from_nanos(self.busy_ns);
        self.wait_for_the_last()?;
        let (tally, samples) = self.books.audit();
        Ok(Measured {
            seconds,
            tally,
            usage,
            samples,
            busy,
            behind: Duration::from_nanos(self.behind_ns),
        })
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(clock::now().duration_since(self.start))
    }

    /// Until the time is over, or all that may be sent has been sent and answered.
    fn generate(&mut self, time: Duration) -> Result<(), String> {
        let mut now = self.now_ns();
        let end = now + nanoseconds(time);
        self.due_ns = now as f64;
        while now < end && !(self.left() == 0 && self.is_idle()) {
            let sent = match self.plan.pace {
                Pace::Closed => self.refill(now),
                Pace::Open { rate } => self.send_due(now, rate),
            };
            let sent = sent.map_err(|e| format!("sending failed: {e}"))?;
            let received = self.receive()?;
            let before = now;
            now = self.now_ns();
            if sent + received > 0 {
                self.busy_ns += now - before;
            }
            self.expire(now);
        }
        Ok(())
    }

    /// What was sent before the end may be answered until its time is over.
    fn wait_for_the_last(&mut self) -> Result<(), String> {
        while !self.is_idle() {
            self.receive()?;
            self.expire(self.now_ns());
        }
        Ok(())
    }

    /// How many queries may still be sent.
    fn left(&self) -> u64 {
        self.plan.queries_max.saturating_sub(self.books.sent())
    }

    fn is_idle(&self) -> bool {
        self.links.iter().all(|link| link.flight.is_empty())
    }

    /// Fills up each link of which half has been answered: that keeps bursts long. Returns how many were
    /// sent.
    fn refill(&mut self, now: u64) -> io::Result<usize> {
        let mut sent = 0;
        for i in 0..self.links.len() {
            let flight = &self.links[i].flight;
            if flight.room() * 2 < flight.size() {
                continue;
            }
            let mut room = flight.room();
            loop {
                let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
                let count = room.min(left).min(BURST_MAX);
                if count == 0 {
                    break;
                }
                self.send(i, count, now)?;
                room -= count;
                sent += count;
            }
        }
        Ok(sent)
    }

    /// Sends what is due by now. When no link has room, it stays due: its latency grows.
    fn send_due(&mut self, now: u64, rate: f64) -> io::Result<usize> {
        let mut sent = 0;
        while self.due_ns <= now as f64 && self.left() > 0 {
            let count = self.links.len();
            let mut turns = (self.turn..self.turn + count).map(|turn| turn % count);
            let Some(turn) = turns.find(|&i| self.links[i].flight.room() > 0) else {
                break;
            };
            let due = self.due_ns as u64;
            self.behind_ns = self.behind_ns.max(now - due);
            self.send(turn, 1, due)?;
            sent += 1;
            self.turn = turn + 1;
            self.due_ns += -(1.0 - self.random.fraction()).ln() * 1e9 / rate;
        }
        Ok(sent)
    }

    /// Sends `count` queries, for which the link has room.
    fn send(&mut self, link: usize, count: usize, due_ns: u64) -> io::Result<()> {
        let Link { wire, flight } = &mut self.links[link];
        let counts = self.books.note_sent(count);
        let mut ids = [0; BURST_MAX];
        let mut rest = ids.iter_mut();
        self.burst.clear();
        let len = self.replay.next(count, &mut self.burst, |place| {
            let sent = Sent {
                due_ns,
                place,
                counts,
            };
            if let (Some(id), Some(given)) = (rest.next(), flight.launch(sent)) {
                *id = given;
            }
        });
        for (query, id) in self.burst.chunks_mut(len).zip(ids) {
            query[..2].copy_from_slice(&id.to_be_bytes());
        }
        for part in self.burst.chunks(len * Courier::burst_max(len)) {
            self.courier.send(wire, part, len)?;
        }
        Ok(())
    }

    /// Takes what has come, and returns how much it was.
    fn receive(&mut self) -> Result<usize, String> {
        let mut received = 0;
        for (number, Link { wire, flight }) in self.links.iter_mut().enumerate() {
            if flight.is_empty() {
                continue;
            }
            // Read when the batch is there, once.
            let now = OnceCell::new();
            let now = || *now.get_or_init(|| nanoseconds(clock::now().duration_since(self.start)));
            let mut take = |reply: &[u8]| {
                let landed = flight.land(id(reply));
                self.books
                    .note_reply(landed, reply, &self.replay, number, now());
            };
            received += self
                .courier
                .receive(wire, &mut take)
                .map_err(|e| format!("receiving failed: {e}"))?;
        }
        Ok(received)
    }

    /// Gives up what waits for longer than the time-out.
    fn expire(&mut self, now: u64) {
        if now < self.expire_at_ns {
            return;
        }
        self.expire_at_ns = now + EXPIRY_PERIOD_NS;
        let timeout = nanoseconds(self.plan.timeout);
        for link in &mut self.links {
            let expired = |sent| self.books.note_lost(&sent, timeout);
            link.flight.expire(now.saturating_sub(timeout), expired);
        }
    }
}

/// Of a message that has one.
fn id(reply: &[u8]) -> Option<u16> {
    reply.first_chunk().map(|id| u16::from_be_bytes(*id))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
