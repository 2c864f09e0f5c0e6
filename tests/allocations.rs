//! Answering a query allocates nothing: held by an allocator that counts, per thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use meridian::nameserver::answer::{Query, Transport, Worker, answer};
use meridian::random::Random;
use meridian::state::Root;

/// The system's allocator, and how often each thread called it.
struct Counting;

thread_local! {
    // Constant and without a destructor, so that reading it allocates nothing itself.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    CALLS.set(CALLS.get() + 1);
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` called the allocator on this thread (to take or to give back).
fn allocator_calls(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

fn empty_root() -> Root {
    Root {
        generation: 1,
        zones: Arc::default(),
        maps: Arc::new([]),
        pools: Arc::default(),
        health: Arc::default(),
    }
}

/// A worker fit for `root`, as the transports make it.
fn worker_for(root: &Root) -> Worker {
    let mut worker = Worker::new(Random::from_seed(1), None);
    worker.fit(root);
    worker
}

/// Answers `message` a thousand times over each transport.
fn assert_answers_without_allocating(root: &Root, message: &[u8]) {
    let mut worker = worker_for(root);
    let mut reply = vec![0; usize::from(u16::MAX)];
    for transport in [Transport::Udp { payload_max: 1232 }, Transport::Tcp] {
        let query = Query {
            message,
            peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            transport,
        };
        let calls = allocator_calls(|| {
            for _ in 0..1000 {
                answer(&mut worker, root, &query, &mut reply);
            }
        });
        assert_eq!(calls, 0, "{transport:?}: {message:02x?}");
    }
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocator_calls(|| ()), 0);
    assert_eq!(allocator_calls(|| drop(std::hint::black_box(vec![1]))), 2);
}

#[test]
fn a_refused_query_allocates_nothing() {
    let query = b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07no-zone\x07invalid\x00\x00\x01\x00\x01";
    assert_answers_without_allocating(&empty_root(), query);
}

#[test]
fn what_is_no_query_allocates_nothing() {
    for message in [&b""[..], b"\x12\x34", &[0xff; 12], &[0; 12], &[0xff; 512]] {
        assert_answers_without_allocating(&empty_root(), message);
    }
}
