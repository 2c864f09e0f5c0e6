//! The TCP probe: connects, and perhaps says something and waits for what is expected.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::body::BodySearch;
use super::deadline::Deadline;
use super::{Ask, Asking, Outcome, dial};
use crate::config::{TcpProbe, Way};
use crate::health::failure::{Failure, Step};

/// Octets that are read at a time.
const PIECE: usize = 4096;

/// Talks to one address.
#[derive(Debug)]
pub struct TcpAsker {
    pub address: SocketAddr,
    pub timeout: Duration,
    pub probe: TcpProbe,
}

impl TcpAsker {
    async fn attempt(&self) -> Outcome {
        let deadline = Deadline::new(self.timeout);
        let TcpProbe {
            way,
            send,
            expect,
            limit,
        } = &self.probe;
        let mut stream = dial::connect(self.address, way, &deadline).await?;
        if !send.is_empty() {
            let sending = stream.write_all(send);
            deadline.io(Step::Answer, sending).await?;
        }
        if expect.is_empty() {
            return Ok(());
        }
        let mut search = BodySearch::new(expect);
        let (mut piece, mut left) = ([0; PIECE], *limit as usize);
        while left > 0 {
            let most = left.min(PIECE);
            let reading = stream.read(&mut piece[..most]);
            let length = match deadline.io(Step::Answer, reading).await {
                Ok(length) => length,
                // Who has answered was reached, and has said something else.
                Err(Failure::TimedOut { .. }) if left < *limit as usize => 0,
                Err(failure) => return Err(failure),
            };
            if length == 0 {
                break;
            }
            if search.found_in(&piece[..length]) {
                return Ok(());
            }
            left -= length;
        }
        Err(Failure::AnswerLacks {
            expected: expect.clone(),
            read: *limit - left as u32,
        })
    }
}

impl Ask for TcpAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(self.attempt())
    }
}

/// Succeeds when a connection to `address` is established within `timeout`; closes it again.
pub async fn connect(address: SocketAddr, timeout: Duration) -> Outcome {
    let deadline = Deadline::new(timeout);
    dial::connect(address, &Way::default(), &deadline).await?;
    Ok(())
}
