//! What the connections of the TCP thread share: the worker, the buffer that it answers
//! into, and buffers for whoever has something to read or to write.

use std::net::IpAddr;
use std::time::Duration;

use super::super::answer::{Query, Transport, Worker, answer};
use super::buffers::Buffers;
use crate::clock;
use crate::state::RootReader;

/// A message is preceded by its length in two octets (RFC 1035, 4.2.2).
const LENGTH_LEN: usize = 2;

/// The header; what is shorter is no DNS message (RFC 1035, 4.1.1).
const MESSAGE_MIN: usize = 12;

/// Answers in octets after which they are sent before further queries are looked at. What a
/// connection holds back is at most this and one answer.
const OUTPUT_MAX: usize = 16 * 1024;

/// Answers for every connection of one thread, one at a time.
pub struct Desk {
    pub worker: Worker,
    root: RootReader,
    payload_max: u16,
    reply: Box<[u8]>,
    pub buffers: Buffers,
}

/// Why [`Desk::answer`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// What is left is the beginning of a message, or nothing.
    InputNeeded,
    /// Enough answers for one write.
    OutputFull,
    /// What is left is not DNS.
    Malformed,
}

/// What a stream begins with.
#[derive(Debug, PartialEq, Eq)]
enum Frame<'a> {
    Message(&'a [u8]),
    Incomplete,
    Malformed,
}

impl Desk {
    /// `payload_max` is the largest UDP answer in octets.
    pub fn new(worker: Worker, root: RootReader, payload_max: u16) -> Self {
        Desk {
            worker,
            root,
            payload_max,
            reply: vec![0; usize::from(u16::MAX)].into(),
            buffers: Buffers::default(),
        }
    }

    /// Answers the messages that `input` begins with, in order, and takes them out of it. The
    /// answers, each behind its length, are appended to `output`. `idle_timeout` is what clients that
    /// ask are told (RFC 7828).
    pub fn answer(
        &mut self,
        input: &mut Vec<u8>,
        peer: IpAddr,
        idle_timeout: Duration,
        output: &mut Vec<u8>,
    ) -> Stopped {
        let root = self.root.load();
        self.worker.fit(&root);
        self.worker.unix_ms = clock::unix_ms();
        let idle_timeout_100ms = u16::try_from(idle_timeout.as_millis() / 100);
        self.worker.idle_timeout_100ms = Some(idle_timeout_100ms.unwrap_or(u16::MAX));
        let mut at = 0;
        let stopped = loop {
            if output.len() >= OUTPUT_MAX {
                break Stopped::OutputFull;
            }
            let message = match first_frame(&input[at..]) {
                Frame::Message(message) => message,
                Frame::Incomplete => break Stopped::InputNeeded,
                Frame::Malformed => break Stopped::Malformed,
            };
            at += LENGTH_LEN + message.len();
            let query = Query {
                message,
                peer,
                transport: Transport::Tcp {
                    payload_max: self.payload_max,
                },
            };
            if let Some(len) = answer(&mut self.worker, &root, &query, &mut self.reply) {
                // `reply` has 65,535 octets, so its length fits.
                output.extend_from_slice(&(len as u16).to_be_bytes());
                output.extend_from_slice(&self.reply[..len]);
            }
        };
        input.drain(..at);
        stopped
    }
}

/// Whether there is something to do about `input`: a whole message, or one that is none.
pub fn is_ready(input: &[u8]) -> bool {
    first_frame(input) != Frame::Incomplete
}

fn first_frame(input: &[u8]) -> Frame<'_> {
    let Some((length, rest)) = input.split_first_chunk::<LENGTH_LEN>() else {
        return Frame::Incomplete;
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length < MESSAGE_MIN {
        return Frame::Malformed;
    }
    rest.get(..length).map_or(Frame::Incomplete, Frame::Message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_at_its_lengths() {
        let mut stream = vec![0, 12];
        stream.extend([7; 12]);
        let whole = stream.clone();
        assert_eq!(first_frame(&whole), Frame::Message(&[7; 12]));
        stream.extend([0, 13, 1]);
        assert_eq!(first_frame(&stream), Frame::Message(&[7; 12]));
        for cut in 0..whole.len() {
            assert_eq!(first_frame(&whole[..cut]), Frame::Incomplete, "{cut}");
        }
    }

    #[test]
    fn a_length_below_a_header_is_malformed_at_once() {
        for length in 0..12 {
            assert_eq!(first_frame(&[0, length]), Frame::Malformed);
        }
        assert_eq!(first_frame(&[0, 12]), Frame::Incomplete);
    }
}
