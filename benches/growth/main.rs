//! One point of a curve: a nameserver with so many names, zones, networks or endpoints, to be measured.
//! `benches/growth/measure` starts one for each point, and draws the curves.
//!
//! It takes commands from standard input, a line each, and answers each with a line:
//!
//! - `count`: asks 10,000 questions with Valgrind's instrumentation on (see there for how to start it); how many
//! - `loop`: asks for a second in this thread; nanoseconds per answer
//! - `serve`: starts one UDP thread on a free port of 127.0.0.1; the address
//! - `questions FOLDER`: writes what is asked there, as `meridian bench` reads it (`names`, and `subnets` if
//!   there are any); the folder
//!
//! The first line that it writes says that all is loaded.

#[path = "../common/mod.rs"]
mod common;
mod grown;

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write, stdin, stdout};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, process};

use clap::Parser;
use meridian::nameserver::answer::{DEFAULT_PAYLOAD, Query, Transport, Worker, answer};
use meridian::nameserver::tcp::Limits;
use meridian::nameserver::{Nameserver, Settings};
use meridian::random::Random;
use meridian::state::{Publisher, Root};

use grown::{Asked, Grown, What};

/// Asked under Valgrind, drawn at random.
const COUNTED: usize = 10_000;

/// Asked in a loop, over and over; many, so that nothing stays in a cache because of them being few.
const LOOPED: usize = 1 << 18;

const LOOP_TIME: Duration = Duration::from_secs(1);

#[derive(Parser)]
struct Arguments {
    what: What,
    /// How many of them
    size: u32,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Without arguments (`cargo bench`), the smallest of something.
    let alone = ["growth".to_owned(), "names".to_owned(), "10".to_owned()];
    let arguments = match env::args().nth(1).is_none_or(|first| first == "--bench") {
        true => Arguments::parse_from(alone),
        false => Arguments::parse(),
    };
    let start = Instant::now();
    let grown = Grown::new(arguments.what, arguments.size);
    say(&format!("loaded in {:.1} s", start.elapsed().as_secs_f64()))?;
    let mut bench = Bench::new(grown);
    for line in stdin().lock().lines() {
        let line = line?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("count", _) => say(&bench.count()?.to_string())?,
            ("loop", _) => say(&format!("{:.1}", bench.loop_ns()))?,
            ("serve", _) => say(&bench.serve()?.to_string())?,
            ("questions", folder) => {
                bench.grown.write_questions(folder.as_ref())?;
                say(folder)?;
            }
            _ => return Err(format!("`{line}` is no command").into()),
        }
    }
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

struct Bench {
    grown: Grown,
    publisher: Publisher,
    root: Arc<Root>,
    worker: Worker,
    reply: Vec<u8>,
    nameserver: Option<Nameserver>,
}

impl Bench {
    fn new(mut grown: Grown) -> Self {
        let publisher = Publisher::new(grown.root.take().expect("a root, once"));
        let root = publisher.current();
        let mut worker = Worker::new(Random::from_seed(2), None);
        worker.fit(&root);
        Bench {
            grown,
            publisher,
            root,
            worker,
            reply: vec![0; usize::from(DEFAULT_PAYLOAD)],
            nameserver: None,
        }
    }

    /// Everything is asked once before, so that it is not the first time.
    fn count(&mut self) -> Result<usize, Box<dyn Error>> {
        let asked = self.grown.questions(COUNTED, 1);
        self.check(&asked);
        let pid = process::id().to_string();
        let switched = Command::new("callgrind_control")
            .args(["-i", "on", &pid])
            .output()?;
        if !switched.status.success() {
            return Err("callgrind_control: is this running under Valgrind?".into());
        }
        ask_all(&mut self.worker, &self.root, &asked, &mut self.reply);
        Ok(asked.len())
    }

    fn loop_ns(&mut self) -> f64 {
        let asked = self.grown.questions(LOOPED, 2);
        self.check(&asked);
        let (start, mut answers) = (Instant::now(), 0);
        while start.elapsed() < LOOP_TIME {
            ask_all(&mut self.worker, &self.root, &asked, &mut self.reply);
            answers += asked.len();
        }
        start.elapsed().as_nanos() as f64 / answers as f64
    }

    fn check(&mut self, asked: &[Asked]) {
        for one in asked {
            let query = one.query();
            let length = answer(&mut self.worker, &self.root, &query, &mut self.reply);
            assert!(length.is_some_and(|length| length > 12), "an answer");
            assert_eq!(self.reply[3] & 15, 0, "NOERROR");
            assert_ne!(self.reply[7], 0, "a record");
        }
    }

    fn serve(&mut self) -> Result<SocketAddr, Box<dyn Error>> {
        let settings = Settings {
            listen: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)],
            udp_threads: Some(1),
            udp_payload_max: DEFAULT_PAYLOAD,
            tcp: Limits {
                connections_max: 8,
                per_client_max: 8,
                idle_timeout: Duration::from_secs(1),
            },
            seed: Some(3),
            samples: None,
        };
        let bound = Nameserver::bind(settings)?;
        let address = bound.local_addrs()[0];
        self.nameserver = Some(bound.start(self.publisher.reader())?);
        Ok(address)
    }
}

/// What Valgrind counts: this function by its name.
#[inline(never)]
fn ask_all(worker: &mut Worker, root: &Root, asked: &[Asked], reply: &mut [u8]) {
    for one in asked {
        black_box(answer(worker, root, &one.query(), reply));
    }
}

impl Asked {
    fn query(&self) -> Query<'_> {
        Query {
            message: &self.message,
            peer: self.peer,
            transport: Transport::Udp {
                payload_max: DEFAULT_PAYLOAD,
            },
        }
    }
}
