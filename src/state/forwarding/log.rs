//! Lines on their way from the threads that serve to the one that writes them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use crossbeam_queue::ArrayQueue;

/// Lines that may wait to be written.
const WAITING_MAX: usize = 16_384;

/// Where lines are written to. It outlives reloads that keep it.
#[derive(Debug)]
pub struct Log {
    pub target: Target,
    waiting: ArrayQueue<Vec<u8>>,
    dropped: AtomicU64,
    written: AtomicU64,
    /// Whoever writes, once there is somebody.
    writer: OnceLock<Thread>,
    is_over: AtomicBool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Stdout,
    File(PathBuf),
}

/// How a route's requests are logged.
#[derive(Clone, Debug)]
pub struct Logging {
    pub log: Arc<Log>,
    pub format: Format,
    /// The part of requests that are logged: 0.0..=1.0.
    pub sample: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An object on each line.
    Json,
    /// As NCSA servers write it, with referrer and user agent.
    Combined,
}

impl Log {
    pub fn new(target: Target) -> Self {
        Log {
            target,
            waiting: ArrayQueue::new(WAITING_MAX),
            dropped: AtomicU64::new(0),
            written: AtomicU64::new(0),
            writer: OnceLock::new(),
            is_over: AtomicBool::new(false),
        }
    }

    /// Leaves a line to the writer, or drops and counts it when too many wait.
    pub fn push(&self, line: Vec<u8>) {
        if self.waiting.push(line).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
        // It looks by itself, but not as often as that.
        if self.waiting.len() == WAITING_MAX / 4
            && let Some(writer) = self.writer.get()
        {
            writer.unpark();
        }
    }

    /// The next line to be written.
    pub fn pop(&self) -> Option<Vec<u8>> {
        self.waiting.pop()
    }

    /// Says who writes from now on.
    pub fn written_by(&self, writer: Thread) {
        // It is said once.
        let _ = self.writer.set(writer);
    }

    pub fn count_written(&self, lines: u64) {
        self.written.fetch_add(lines, Relaxed);
    }

    pub fn count_dropped(&self, lines: u64) {
        self.dropped.fetch_add(lines, Relaxed);
    }

    pub fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Lines that were never written.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Tells the writer to write what waits, and end.
    pub fn end(&self) {
        self.is_over.store(true, Relaxed);
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }
}
