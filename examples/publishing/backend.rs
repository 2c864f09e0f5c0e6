//! A web server that health checks ask, and that knows when it gave another answer than before.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub struct Backend {
    pub address: SocketAddr,
    wanted: Arc<Mutex<bool>>,
    turned: Receiver<Instant>,
}

impl Backend {
    /// Answers 200.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let wanted = Arc::new(Mutex::new(true));
        let (turn, turned) = channel();
        let backend = Backend {
            address: listener.local_addr()?,
            wanted: Arc::clone(&wanted),
            turned,
        };
        thread::spawn(move || serve(&listener, &wanted, &turn));
        Ok(backend)
    }

    /// From now on answers 200 or 503. Returns when the first such answer was about to be sent: the
    /// verdict can hardly be known before.
    ///
    /// # Errors
    /// When nobody asks within ten seconds.
    pub fn turn(&self, is_up: bool) -> Result<Instant, String> {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = is_up;
        let turned = self.turned.recv_timeout(Duration::from_secs(10));
        turned.map_err(|_| "the backend was not probed".to_owned())
    }
}

fn serve(listener: &TcpListener, wanted: &Mutex<bool>, turn: &Sender<Instant>) {
    let mut before = true;
    for connection in listener.incoming().flatten() {
        let is_up = *wanted.lock().unwrap_or_else(PoisonError::into_inner);
        // A probe that gives up is the server's business.
        if let Ok(sent) = reply(connection, is_up)
            && is_up != before
        {
            before = is_up;
            let _ = turn.send(sent);
        }
    }
}

fn reply(mut connection: TcpStream, is_up: bool) -> io::Result<Instant> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut octets = [0; 512];
        match connection.read(&mut octets)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => request.extend_from_slice(&octets[..len]),
        }
    }
    let status = if is_up { "200 OK" } else { "503 No" };
    let sent = Instant::now();
    write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    Ok(sent)
}
