//! Queries over TCP (RFC 1035, 4.2.2; RFC 7766): one connection, many queries under way.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

use super::TIMEOUT_TO_CONNECT;
use crate::dns::MESSAGE_LEN_MAX;

/// Room for what is read at once: a longest message with its length, at least.
const UNREAD: usize = 2 * (2 + MESSAGE_LEN_MAX);

/// A connection that never blocks.
pub struct Stream {
    socket: TcpStream,
    /// Queries for which the kernel had no room yet.
    unsent: Vec<u8>,
    /// What was read, of which the first `filled` octets are answers not taken yet.
    unread: Box<[u8]>,
    filled: usize,
}

impl Stream {
    /// # Errors
    /// What the kernel says.
    pub fn connect(source: SocketAddr, target: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(target);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind(&source.into())?;
        socket.connect_timeout(&target.into(), TIMEOUT_TO_CONNECT)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Stream {
            socket: socket.into(),
            unsent: Vec::new(),
            unread: vec![0; UNREAD].into(),
            filled: 0,
        })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends `burst`, which is queries of `len` octets each, or as much of it as the kernel has room for.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn send(&mut self, burst: &[u8], len: usize) -> io::Result<()> {
        for query in burst.chunks(len) {
            self.unsent.extend((len as u16).to_be_bytes());
            self.unsent.extend(query);
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if is_not_ready(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there, and hands over each answer that is whole. Returns how many there were.
    ///
    /// # Errors
    /// What the kernel says, and when the server has closed the connection.
    pub fn receive(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<usize> {
        self.flush()?;
        match self.socket.read(&mut self.unread[self.filled..]) {
            Ok(0) => return Err(io::Error::other("the server closed the connection")),
            Ok(read) => self.filled += read,
            Err(error) if is_not_ready(&error) => return Ok(0),
            Err(error) => return Err(error),
        }
        let mut rest = &self.unread[..self.filled];
        let mut count = 0;
        while let Some((message, next)) = first_message(rest) {
            take(message);
            rest = next;
            count += 1;
        }
        let taken = self.filled - rest.len();
        self.unread.copy_within(taken..self.filled, 0);
        self.filled -= taken;
        Ok(count)
    }
}

/// The first message of a stream, if it is whole, and what follows it.
fn first_message(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = stream.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}

fn is_not_ready(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn answers_come_whole_however_they_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        let mut stream = Stream::connect("127.0.0.1:0".parse().unwrap(), target).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        stream.send(b"onetwo", 3).unwrap();
        let mut sent = [0; 10];
        server.read_exact(&mut sent).unwrap();
        assert_eq!(&sent, b"\0\x03one\0\x03two");

        let longest = [7; MESSAGE_LEN_MAX];
        let mut answers = b"\0\x01a\0\x02bc\xff\xff".to_vec();
        answers.extend(longest);
        let writer = std::thread::spawn(move || {
            for part in [&answers[..2], &answers[2..6], &answers[6..]] {
                server.write_all(part).unwrap();
            }
        });
        let mut taken: Vec<Vec<u8>> = Vec::new();
        let error = loop {
            if let Err(error) = stream.receive(|answer| taken.push(answer.into())) {
                break error;
            }
        };
        writer.join().unwrap();
        assert_eq!(taken, [&b"a"[..], b"bc", &longest]);
        assert_eq!(error.to_string(), "the server closed the connection");
    }
}
