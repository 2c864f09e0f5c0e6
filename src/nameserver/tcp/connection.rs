//! One TCP connection, from accept to close.

use std::io;
use std::mem;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::buffers::BUFFER_LEN;
use super::desk::{Stopped, is_ready};
use super::limits::Ticket;
use super::{Drain, Shared, Vital, stop_signal};

/// How long a client may take, once a server that stops has closed its side, to close the other. Less than
/// what connections have to finish.
const LINGER: Duration = Duration::from_millis(300);

/// A connection and what it holds: received octets that are not answered, and answers that are not
/// sent. Both buffers go back to the desk while it waits for its client, unless part of a query has
/// arrived.
pub struct Connection {
    stream: TcpStream,
    peer: IpAddr,
    ticket: Ticket,
    shared: Rc<Shared>,
    stop: watch::Receiver<Option<Drain>>,
    input: Vec<u8>,
    output: Vec<u8>,
    has_answered: bool,
}

impl Connection {
    pub fn new(stream: TcpStream, peer: IpAddr, ticket: Ticket, shared: Rc<Shared>) -> Self {
        let stop = shared.stop.clone();
        Connection {
            stream,
            peer,
            ticket,
            shared,
            stop,
            input: Vec::new(),
            output: Vec::new(),
            has_answered: false,
        }
    }

    /// Answers until the client is done, breaks the rules, is idle for too long or has to make
    /// room, or until the server stops.
    pub async fn serve(mut self) {
        let _vital = Vital;
        // What fails here is the peer or the way to it; there is nobody to tell.
        let _ = self.exchange().await;
    }

    async fn exchange(&mut self) -> io::Result<()> {
        // Answers leave in as few segments as they are written; delay would gain nothing.
        self.stream.set_nodelay(true)?;
        loop {
            let more_may_come = self.receive().await?;
            let stopped = self.answer_all().await?;
            if !more_may_come || stopped == Stopped::Malformed {
                return self.close().await;
            }
            self.return_buffers();
        }
    }

    /// Closes. When the server stops, clients may be asking still: the system drops what was sent and has not
    /// arrived when queries come that are never read, so these are, unanswered.
    async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        if self.has_answered && self.stop.borrow().is_some() {
            let mut nowhere = tokio::io::sink();
            let rest = tokio::io::copy(&mut self.stream, &mut nowhere);
            let _ = timeout(LINGER, rest).await;
        }
        Ok(())
    }

    /// Waits until `input` begins with a whole query, and says whether more may come after it. The
    /// time limit is one for a whole query, so that single octets do not extend it.
    async fn receive(&mut self) -> io::Result<bool> {
        self.ticket.wait();
        let told_to_leave = async {
            tokio::select! {
                () = self.ticket.evicted() => {}
                _ = stop_signal(&mut self.stop) => {}
            }
            // One turn of the event loop, so that what had arrived by now is still read.
            tokio::task::yield_now().await;
        };
        let query = timeout(
            self.shared.connections.idle_timeout(),
            read_query(&mut self.stream, &mut self.input, &self.shared),
        );
        let open = tokio::select! {
            biased;
            read = query => read.unwrap_or(Ok(false))?,
            () = told_to_leave => false,
        };
        Ok(self.ticket.resume() && open)
    }

    /// Answers what `input` holds, in order, with one write per 16 KiB of answers.
    async fn answer_all(&mut self) -> io::Result<Stopped> {
        loop {
            let idle_timeout = self.shared.told_idle_timeout();
            let stopped = {
                let mut desk = self.shared.desk.borrow_mut();
                if self.output.capacity() == 0 {
                    self.output = desk.buffers.take();
                }
                desk.answer(&mut self.input, self.peer, idle_timeout, &mut self.output)
            };
            self.has_answered |= !self.output.is_empty();
            self.send().await?;
            if stopped != Stopped::OutputFull {
                return Ok(stopped);
            }
            // A client that sends without end gets its answers, but not those of others.
            tokio::task::yield_now().await;
        }
    }

    /// Sends `output`. Mostly the kernel takes all of it at once. A client that does not take its
    /// answers is given the idle timeout, too, and may have to make room like one that asks nothing.
    async fn send(&mut self) -> io::Result<()> {
        let sent = match self.stream.try_write(&self.output) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if sent < self.output.len() {
            if !self.ticket.wait() {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let taken = timeout(
                self.shared.connections.idle_timeout(),
                self.stream.write_all(&self.output[sent..]),
            );
            tokio::select! {
                biased;
                taken = taken => taken??,
                () = self.ticket.evicted() => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
            self.ticket.resume();
        }
        self.output.clear();
        Ok(())
    }

    fn return_buffers(&mut self) {
        let buffers = &mut self.shared.desk.borrow_mut().buffers;
        buffers.put_back(mem::take(&mut self.output));
        if self.input.is_empty() {
            buffers.put_back(mem::take(&mut self.input));
        }
    }
}

/// Reads until `input` begins with a whole message or with none; false at the end of the stream.
async fn read_query(
    stream: &mut TcpStream,
    input: &mut Vec<u8>,
    shared: &Shared,
) -> io::Result<bool> {
    while !is_ready(input) {
        // Waits without a buffer, but where the last read just filled one and the next finds nothing.
        stream.readable().await?;
        if input.capacity() == 0 {
            *input = shared.desk.borrow_mut().buffers.take();
        } else if input.len() == input.capacity() {
            input.reserve(BUFFER_LEN);
        }
        // Unlike `try_read_buf`, this takes a buffer that was not filled for a sign that there is no
        // more, which spares the call that would say so.
        if stream.read_buf(input).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
