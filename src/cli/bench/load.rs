//! The load itself: one thread that sends, takes what comes back, and never sleeps.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::counts::Tally;
use super::courier::{BURST_MAX, Courier};
use super::flight::{Flight, Landed, Sent};
use super::replay::Replay;
use super::reply::{self, Reply};
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

/// A socket, and its queries under way.
pub struct Link {
    pub socket: UdpSocket,
    pub flight: Flight,
}

/// What was measured.
pub struct Measured {
    pub seconds: f64,
    pub tally: Tally,
    pub usage: Usage,
    pub samples: Vec<Sample>,
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
    tally: Tally,
    samples: Samples,
    random: Random,
    start: Instant,
    /// Whether what is sent now counts.
    measures: bool,
    /// The link whose turn it is (open loop).
    turn: usize,
    /// When the next query is due (open loop).
    due_ns: f64,
    behind_ns: u64,
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
            tally: Tally::new(nanoseconds(plan.timeout)),
            plan,
            links,
            replay,
            courier: Courier::new(),
            samples,
            random,
            start: clock::now(),
            measures: false,
            turn: 0,
            due_ns: 0.0,
            behind_ns: 0,
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
        self.measures = true;
        self.tally.arrived = 0;
        let before = watch.read()?;
        let began = clock::now();
        self.generate(self.plan.duration)?;
        let seconds = clock::now().duration_since(began).as_secs_f64();
        let usage = watch.read()?.since(before);
        let arrived = self.tally.arrived;
        self.measures = false;
        self.wait_for_the_last()?;
        self.tally.arrived = arrived;
        Ok(Measured {
            seconds,
            tally: self.tally,
            usage,
            samples: self.samples.list(),
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
            match self.plan.pace {
                Pace::Closed => self.refill(now),
                Pace::Open { rate } => self.send_due(now, rate),
            }
            .map_err(|e| format!("sending failed: {e}"))?;
            self.receive()?;
            now = self.now_ns();
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
        match self.measures {
            true => self.plan.queries_max - self.tally.counts.sent,
            false => u64::MAX,
        }
    }

    fn is_idle(&self) -> bool {
        self.links.iter().all(|link| link.flight.is_empty())
    }

    /// Fills up each link of which half has been answered: that keeps bursts long.
    fn refill(&mut self, now: u64) -> std::io::Result<()> {
        for i in 0..self.links.len() {
            let flight = &self.links[i].flight;
            if flight.room() * 2 < flight.size() {
                continue;
            }
            let mut room = flight.room() as u64;
            loop {
                let count = room.min(self.left()).min(BURST_MAX as u64);
                if count == 0 {
                    break;
                }
                self.send(i, count as usize, now)?;
                room -= count;
            }
        }
        Ok(())
    }

    /// Sends what is due by now. When no link has room, it stays due: its latency grows.
    fn send_due(&mut self, now: u64, rate: f64) -> std::io::Result<()> {
        while self.due_ns <= now as f64 && self.left() > 0 {
            let count = self.links.len();
            let turns = (self.turn..self.turn + count).map(|turn| turn % count);
            let mut with_room = turns.filter(|&i| self.links[i].flight.room() > 0);
            let Some(turn) = with_room.next() else {
                break;
            };
            let due = self.due_ns as u64;
            if self.measures {
                self.behind_ns = self.behind_ns.max(now - due);
            }
            self.send(turn, 1, due)?;
            self.turn = turn + 1;
            self.due_ns += -(1.0 - self.random.fraction()).ln() * 1e9 / rate;
        }
        Ok(())
    }

    /// Sends `count` queries, for which the link has room.
    fn send(&mut self, link: usize, count: usize, due_ns: u64) -> std::io::Result<()> {
        let Link { socket, flight } = &mut self.links[link];
        self.burst.clear();
        let mut ids = [0; BURST_MAX];
        let mut rest = ids.iter_mut();
        let len = self.replay.next(count, &mut self.burst, |place| {
            let sent = Sent {
                due_ns,
                place,
                counts: self.measures,
            };
            if let (Some(id), Some(given)) = (rest.next(), flight.launch(sent)) {
                *id = given;
            }
        });
        for (query, id) in self.burst.chunks_mut(len).zip(ids) {
            query[..2].copy_from_slice(&id.to_be_bytes());
        }
        if self.measures {
            self.tally.counts.sent += count as u64;
        }
        for part in self.burst.chunks(len * Courier::burst_max(len)) {
            self.courier.send(socket, part, len)?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), String> {
        let is_open = matches!(self.plan.pace, Pace::Open { .. });
        for (number, link) in self.links.iter_mut().enumerate() {
            let Link { socket, flight } = link;
            if flight.is_empty() {
                continue;
            }
            // The time of the batch, read when its first reply is there.
            let mut now = None;
            let mut take = |reply: &[u8]| {
                self.tally.arrived += 1;
                let id = reply.first_chunk().map(|id| u16::from_be_bytes(*id));
                let sent = match id.map_or(Landed::Unknown, |id| flight.land(id)) {
                    Landed::Expected(sent) => sent,
                    Landed::Late => {
                        self.tally.counts.late += 1;
                        return;
                    }
                    Landed::Unknown => {
                        self.tally.counts.unexpected += 1;
                        return;
                    }
                };
                if !sent.counts {
                    return;
                }
                let query = self.replay.query(sent.place);
                let read = reply::read(query, reply);
                self.tally.reply(&read, reply.len());
                if is_open {
                    let now = *now.get_or_insert_with(|| {
                        nanoseconds(clock::now().duration_since(self.start))
                    });
                    self.tally.latency(now.saturating_sub(sent.due_ns));
                }
                if matches!(read, Reply::Answer { .. }) {
                    self.samples.offer(number, query, reply);
                }
            };
            self.courier
                .receive(socket, &mut take)
                .map_err(|e| format!("receiving failed: {e}"))?;
        }
        Ok(())
    }

    /// Gives up what waits for longer than the time-out. Its latency counts as the time-out.
    fn expire(&mut self, now: u64) {
        if now < self.expire_at_ns {
            return;
        }
        self.expire_at_ns = now + EXPIRY_PERIOD_NS;
        let timeout = nanoseconds(self.plan.timeout);
        for link in &mut self.links {
            link.flight.expire(now.saturating_sub(timeout), |sent| {
                if sent.counts {
                    self.tally.counts.lost += 1;
                    self.tally.latency(timeout);
                }
            });
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
