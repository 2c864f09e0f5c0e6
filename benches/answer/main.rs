//! Instructions of a whole answer, counted by Valgrind: the same on every run, whatever else the machine does.
//!
//! ```sh
//! benches/instructions                # counts, and compares with benches/instructions.json
//! benches/instructions --write        # counts, and writes that record
//! ```
//!
//! What is counted is [`answer`] as the UDP transport calls it, and the loop around it (some ten
//! instructions); what is asked, and what it is answered from, is made before. Not counted is what the UDP
//! transport does for a batch of queries beforehand (`state::look_ahead`).

#[path = "../common/mod.rs"]
mod common;
mod questions;
mod world;

use std::hint::black_box;
use std::net::IpAddr;

use gungraun::prelude::*;
use meridian::nameserver::answer::{DEFAULT_PAYLOAD, Query, Transport, Worker, answer};
use meridian::random::Random;
use meridian::state::Root;

use questions::{Expected, Question};

/// Questions of each case: `benches/instructions` divides by it.
const QUESTIONS: usize = 1000;

const TRANSPORT: Transport = Transport::Udp {
    payload_max: DEFAULT_PAYLOAD,
};

/// A thread of the nameserver, and what it is asked.
struct Thread {
    root: Root,
    worker: Worker,
    reply: Vec<u8>,
    questions: Vec<(Vec<u8>, IpAddr)>,
}

/// Asks everything once before it counts, so that nothing is done for the first time then, and every answer is what
/// the case says it is.
fn asked(root: Root, question: Question, expected: Expected) -> Box<Thread> {
    let mut random = Random::from_seed(1);
    let mut worker = Worker::new(Random::from_seed(2), None);
    worker.fit(&root);
    let mut thread = Thread {
        root,
        worker,
        reply: vec![0; usize::from(DEFAULT_PAYLOAD)],
        questions: (0..QUESTIONS).map(|_| question(&mut random)).collect(),
    };
    for (message, peer) in &thread.questions {
        let query = Query {
            message,
            peer: *peer,
            transport: TRANSPORT,
        };
        let length = answer(&mut thread.worker, &thread.root, &query, &mut thread.reply);
        let length = length.expect("every question is answered");
        expected.check(&thread.reply[..length]);
    }
    Box::new(thread)
}

fn small(question: Question, expected: Expected) -> Box<Thread> {
    asked(world::small(), question, expected)
}

fn many_names(question: Question, expected: Expected) -> Box<Thread> {
    asked(world::of_names(questions::MANY), question, expected)
}

#[library_benchmark]
#[bench::a(args = (questions::a, Expected::answers(3)), setup = small)]
#[bench::a_without_edns(args = (questions::a_without_edns, Expected::answers(3)), setup = small)]
#[bench::no_such_name(args = (questions::no_such_name, Expected::rcode(3)), setup = small)]
#[bench::no_such_type(args = (questions::no_such_type, Expected::answers(0)), setup = small)]
#[bench::geo_by_source(args = (questions::geo, Expected::answers(2)), setup = small)]
#[bench::geo_by_subnet_ipv4(args = (questions::geo_by_subnet_ipv4, Expected::answers(2)), setup = small)]
#[bench::geo_by_subnet_ipv6(args = (questions::geo_by_subnet_ipv6, Expected::answers(2)), setup = small)]
#[bench::one_of_100000_names(args = (questions::one_of_many, Expected::answers(1)), setup = many_names)]
#[bench::cname_chain(args = (questions::alias, Expected::answers(3)), setup = small)]
#[bench::wildcard(args = (questions::wildcard, Expected::answers(1)), setup = small)]
#[bench::referral(args = (questions::referral, Expected::answers(0)), setup = small)]
#[bench::mx_with_addresses(args = (questions::mx, Expected::answers(2)), setup = small)]
#[bench::sixty_addresses(args = (questions::sixty_addresses, Expected::answers(60)), setup = small)]
#[bench::refused(args = (questions::elsewhere, Expected::rcode(5)), setup = small)]
#[bench::malformed(args = (questions::malformed, Expected::rcode(1)), setup = small)]
fn answers(mut thread: Box<Thread>) -> Box<Thread> {
    let Thread {
        root,
        worker,
        reply,
        questions,
    } = &mut *thread;
    for (message, peer) in questions {
        let query = Query {
            message,
            peer: *peer,
            transport: TRANSPORT,
        };
        black_box(answer(worker, root, &query, reply));
    }
    thread
}

library_benchmark_group!(name = instructions, benchmarks = answers);

main!(library_benchmark_groups = instructions);
