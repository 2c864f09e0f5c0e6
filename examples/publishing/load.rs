//! A closed loop: as many queries under way at any time, each answer checked.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use meridian::dns::{Name, query, rtype};
use meridian::random::Random;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::client::address_in;
use super::files::{Scale, VERSION, apex, host_address, host_label, version_of};

/// A query that is not answered for so long is lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// Queries in one system call at most.
const BURST: usize = 32;
/// Different questions: more than a processor's caches hold.
const QUESTIONS: usize = 1 << 16;
/// Octets of an answer, more than any has.
const REPLY_LEN: usize = 512;

/// What the loop has seen so far.
#[derive(Debug, Default)]
pub struct Seen {
    pub answered: AtomicU64,
    pub lost: AtomicU64,
    pub wrong: AtomicU64,
    /// The longest that a query waited for its answer, in nanoseconds, since somebody set this to 0.
    pub wait_max_ns: AtomicU64,
    /// The newest version that any zone file may say.
    pub newest: AtomicU16,
    stop: AtomicBool,
}

pub struct Load {
    pub seen: Arc<Seen>,
    thread: JoinHandle<Result<(), String>>,
}

impl Load {
    /// Asks `server` for names of random zones, `window` queries under way.
    pub fn start(server: SocketAddr, scale: Scale, window: u16, newest: u16) -> io::Result<Self> {
        let seen = Arc::new(Seen::default());
        seen.newest.store(newest, Relaxed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let for_loop = Arc::clone(&seen);
        let thread = thread::Builder::new().name("load".into()).spawn(move || {
            runtime.block_on(async {
                let closed = Loop::new(server, scale, window, for_loop).await;
                closed.map_err(|e| e.to_string())?.run().await
            })
        })?;
        Ok(Load { seen, thread })
    }

    pub fn stop(self) -> Result<(), String> {
        self.seen.stop.store(true, Relaxed);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err("the load panicked".to_owned()))
    }
}

/// A query under way.
#[derive(Clone, Copy)]
struct Asked {
    zone: usize,
    /// None: for the version.
    host: Option<usize>,
    at: Instant,
}

/// What is asked; all messages have the same length.
struct Question {
    zone: usize,
    host: Option<usize>,
    message: Vec<u8>,
}

impl Question {
    /// For a random name of a random zone, or for its version.
    fn random(scale: Scale, random: &mut Random) -> Self {
        let zone = random.below(scale.zones as u32) as usize;
        let names_per_zone = scale.names / scale.zones;
        let host = random.below(2 * names_per_zone as u32) as usize;
        let host = (host < names_per_zone).then_some(host);
        let label = host.map_or_else(|| VERSION.to_owned(), host_label);
        let name = Name::parse(&format!("{label}.{}", apex(zone)));
        let message = query::compose(0, &name.expect("a name"), rtype::A, None);
        Question {
            zone,
            host,
            message,
        }
    }
}

struct Loop {
    server: SocketAddr,
    socket: UdpSocket,
    state: UdpSocketState,
    scale: Scale,
    seen: Arc<Seen>,
    random: Random,
    questions: Vec<Question>,
    /// By ID.
    asked: Vec<Option<Asked>>,
    free_ids: Vec<u16>,
    /// By zone: the newest version that was answered.
    versions: Vec<u16>,
}

impl Loop {
    async fn new(
        server: SocketAddr,
        scale: Scale,
        window: u16,
        seen: Arc<Seen>,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let mut random = Random::from_seed(1);
        let questions = (0..QUESTIONS).map(|_| Question::random(scale, &mut random));
        Ok(Loop {
            questions: questions.collect(),
            server,
            state: UdpSocketState::new(UdpSockRef::from(&socket))?,
            socket,
            scale,
            seen,
            random,
            asked: vec![None; usize::from(window)],
            free_ids: (0..window).collect(),
            versions: vec![0; scale.zones],
        })
    }

    async fn run(mut self) -> Result<(), String> {
        let mut buffers = vec![[0; REPLY_LEN]; BATCH_SIZE];
        while !self.seen.stop.load(Relaxed) {
            self.ask_all().await.map_err(|e| e.to_string())?;
            match tokio::time::timeout(PATIENCE, self.socket.readable()).await {
                Ok(ready) => ready.map_err(|e| e.to_string())?,
                Err(_) => self.give_up(),
            }
            self.take_answers(&mut buffers).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Asks until the window is full.
    async fn ask_all(&mut self) -> io::Result<()> {
        let mut burst = Vec::new();
        while !self.free_ids.is_empty() {
            burst.clear();
            let mut len = 0;
            for id in self
                .free_ids
                .split_off(self.free_ids.len().saturating_sub(BURST))
            {
                let message = self.next(id);
                len = message.len();
                burst.extend_from_slice(message);
            }
            let transmit = Transmit {
                destination: self.server,
                ecn: None,
                contents: &burst,
                segment_size: Some(len),
                src_ip: None,
            };
            let socket = &self.socket;
            let send = || self.state.try_send(UdpSockRef::from(socket), &transmit);
            socket.async_io(Interest::WRITABLE, send).await?;
        }
        Ok(())
    }

    /// The next query, and notes what it asks for.
    fn next(&mut self, id: u16) -> &[u8] {
        let number = self.random.below(self.questions.len() as u32);
        let question = &mut self.questions[number as usize];
        question.message[..2].copy_from_slice(&id.to_be_bytes());
        self.asked[usize::from(id)] = Some(Asked {
            zone: question.zone,
            host: question.host,
            at: Instant::now(),
        });
        &question.message
    }

    fn give_up(&mut self) {
        for id in 0..self.asked.len() {
            if self.asked[id].take().is_some() {
                self.seen.lost.fetch_add(1, Relaxed);
                self.free_ids.push(id as u16);
            }
        }
    }

    fn take_answers(&mut self, buffers: &mut [[u8; REPLY_LEN]]) -> io::Result<()> {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<_> = buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
        let receive = || {
            let socket = UdpSockRef::from(&self.socket);
            self.state.recv(socket, &mut slices, &mut meta)
        };
        let count = match self.socket.try_io(Interest::READABLE, receive) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            received => received?,
        };
        let now = Instant::now();
        for (meta, buffer) in meta[..count].iter().zip(buffers) {
            for answer in buffer[..meta.len].chunks(meta.stride.max(1)) {
                self.take_answer(answer, now);
            }
        }
        Ok(())
    }

    fn take_answer(&mut self, answer: &[u8], now: Instant) {
        let id = answer.first_chunk().map(|id| u16::from_be_bytes(*id));
        let asked = id.and_then(|id| self.asked.get_mut(usize::from(id)));
        let (Some(id), Some(asked)) = (id, asked.and_then(Option::take)) else {
            self.seen.wrong.fetch_add(1, Relaxed);
            return;
        };
        self.free_ids.push(id);
        self.seen.answered.fetch_add(1, Relaxed);
        let wait_ns = now.saturating_duration_since(asked.at).as_nanos() as u64;
        self.seen.wait_max_ns.fetch_max(wait_ns, Relaxed);
        if !self.is_right(asked, answer) {
            self.seen.wrong.fetch_add(1, Relaxed);
        }
    }

    /// Whether that is what the zone says now, or has said before; but not what it said before an answer
    /// that came already.
    fn is_right(&mut self, asked: Asked, answer: &[u8]) -> bool {
        // Behind the header: the labels and their lengths, the root, type and class.
        let name_len = VERSION.len() + 1 + apex(asked.zone).len() + 1;
        let address: Option<Ipv4Addr> = address_in(answer, 12 + name_len + 1 + 4);
        match asked.host {
            Some(host) => address == Some(host_address(host, asked.zone, self.scale.zones)),
            None => {
                let newest = self.seen.newest.load(Relaxed);
                let seen = &mut self.versions[asked.zone];
                let version = address.and_then(version_of);
                let is_right = version.is_some_and(|version| (*seen..=newest).contains(&version));
                *seen = version.unwrap_or(*seen);
                is_right
            }
        }
    }
}
