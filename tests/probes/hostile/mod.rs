//! Servers that mean harm: what they are asked ends within bounds of time and memory, says so in plain words, and stops
//! no other probe.

mod beside;
mod http;
mod http2;
mod tls;
mod words;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use meridian::config::{HttpProbe, ProbeKind};
use meridian::health::Failure;

use crate::peer::*;

/// Octets that a probe with the default `body_limit` takes at most: 256 KiB and twice that limit.
pub const TAKEN_MAX: usize = 384 * 1024;
/// Octets that the kernel keeps of a connection on both sides, where they are allowed to grow.
const KEPT_BY_THE_KERNEL: usize = 12 * 1024 * 1024;

/// A server that writes again and again until its client leaves.
pub struct Hostile {
    pub address: SocketAddr,
    /// Octets, to the client that got the most.
    written: Arc<AtomicUsize>,
}

impl Hostile {
    /// Waits for the end of a request, writes `first`, and then `again` without end; where that is empty, it keeps the
    /// connection and waits.
    pub fn new(request_end: &'static [u8], first: Vec<u8>, again: Vec<u8>) -> Self {
        let written = Arc::new(AtomicUsize::new(0));
        let most = Arc::clone(&written);
        let address = serve(move |mut stream| {
            read_until(&mut stream, request_end);
            let drained = drain(&stream);
            let mut count = 0;
            let mut write = |octets: &[u8]| {
                count += octets.len();
                most.fetch_max(count, SeqCst);
                stream.write_all(octets).is_ok()
            };
            if write(&first) && !again.is_empty() {
                while write(&again) {}
            }
            let _ = drained.join();
        });
        Hostile { address, written }
    }

    /// That of HTTP/1.1.
    pub fn http(first: impl Into<Vec<u8>>, again: impl Into<Vec<u8>>) -> Self {
        Hostile::new(b"\r\n\r\n", first.into(), again.into())
    }

    /// What a probe fails with: not because time was up, and having taken no more than there are bounds for.
    pub async fn failure(&self, probe: ProbeKind) -> Failure {
        let failure = ask(probe, self.address).await.expect_err("a failure");
        assert!(!failure.is_local() && !failure.is_doubtful(), "{failure}");
        self.assert_bounded();
        assert_plain(&failure);
        failure
    }

    pub fn assert_bounded(&self) {
        let written = self.written.load(SeqCst);
        assert!(written < TAKEN_MAX + KEPT_BY_THE_KERNEL, "{written}");
    }
}

/// Reads all that a client says, so that it is never the client who waits.
fn drain(stream: &TcpStream) -> thread::JoinHandle<()> {
    let mut stream = stream.try_clone().expect("another handle");
    thread::spawn(move || while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {})
}

/// Nothing in it is obeyed by whatever shows a log, and it is no longer than a line.
pub fn assert_plain(failure: &Failure) {
    let text = failure.to_string();
    let is_plain = |c: char| !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}');
    assert!(text.chars().all(is_plain), "{text:?}");
    assert!(text.chars().count() < 300, "{text:?}");
}

/// One that looks for a text in the body.
pub fn wanting(text: &str) -> HttpProbe {
    HttpProbe {
        expect_body: Some(text.into()),
        ..HttpProbe::get("/healthz")
    }
}
