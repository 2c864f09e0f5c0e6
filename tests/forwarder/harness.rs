//! A server with a forwarder, backends that say what a test wants, and clients that do.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use meridian::daemon::{Daemon, HealthSource, Settings};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// So that a test which fails does so by an error, not by hanging.
pub const GUARD: Duration = Duration::from_secs(20);

/// A running server; one listener leads everything to one pool.
pub struct Site {
    folder: TempDir,
    pub runtime: Runtime,
    daemon: Option<Daemon>,
}

impl Site {
    /// `listener` and `backend` are lines of their tables, the port of the backend apart.
    pub fn with(listener: &str, backend: &str, port: u16) -> Site {
        Site::of(&config(
            &format!("[forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\n{listener}\n"),
            backend,
            port,
        ))
    }

    pub fn to(port: u16) -> Site {
        Site::with("", "", port)
    }

    pub fn of(text: &str) -> Site {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("meridian.toml"), text).unwrap();
        let runtime = Runtime::new().unwrap();
        let settings = Settings {
            config: folder.path().join("meridian.toml"),
            health: HealthSource::Frozen(None),
            ..Settings::default()
        };
        let daemon = match runtime.block_on(Daemon::start(settings)) {
            Ok((daemon, _)) => daemon,
            Err(error) => panic!("{error:?}"),
        };
        Site {
            folder,
            runtime,
            daemon: Some(daemon),
        }
    }

    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.daemon().forwarding()
    }

    pub fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// What comes back until the connection ends, if that is sent.
    pub fn talk(&self, request: impl AsRef<[u8]>) -> String {
        let mut client = self.connect();
        client.send(request);
        client.rest()
    }

    pub fn reload(&self, text: &str) -> Result<(), Vec<String>> {
        fs::write(self.folder.path().join("meridian.toml"), text).unwrap();
        let reloaded = self.runtime.block_on(self.daemon().reload());
        reloaded.map(|_| ())
    }

    /// Stops it beside the test.
    pub fn stop(mut self) -> thread::JoinHandle<()> {
        let daemon = self.daemon.take().unwrap();
        thread::spawn(move || self.runtime.block_on(daemon.stop()))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            self.runtime.block_on(daemon.stop());
        }
    }
}

/// A configuration with `listeners`, tables each.
pub fn config(listeners: &str, backend: &str, port: u16) -> String {
    format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\n[region.eu]\n\
         [pool.web]\nregion = \"eu\"\nendpoints = [\"127.0.0.1\"]\n\
         [pool.web.backend]\nport = {port}\n{backend}\n\
         [forwarder]\nthreads = 1\n{listeners}\n[[forwarder.route]]\nto = \"web\"\n"
    )
}

/// One end of a connection that says and hears octets.
pub struct Client(pub TcpStream);

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream.set_write_timeout(Some(GUARD)).unwrap();
        Client(stream)
    }

    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.0.write_all(octets.as_ref()).unwrap();
    }

    /// Everything until the end.
    pub fn rest(&mut self) -> String {
        let mut octets = Vec::new();
        // A reset is an end, too.
        let _ = self.0.read_to_end(&mut octets);
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Up to and with `end`.
    pub fn until(&mut self, end: &str) -> String {
        let mut octets = Vec::new();
        while !octets.ends_with(end.as_bytes()) {
            let mut octet = [0];
            match self.0.read(&mut octet) {
                Ok(1) => octets.push(octet[0]),
                other => panic!(
                    "{other:?} instead of {end:?} after {:?}",
                    String::from_utf8_lossy(&octets)
                ),
            }
        }
        String::from_utf8(octets).unwrap()
    }

    pub fn head(&mut self) -> String {
        self.until("\r\n\r\n")
    }

    /// Whether the other end has closed it, and said nothing before.
    pub fn is_closed(&mut self) -> bool {
        !matches!(self.0.read(&mut [0]), Ok(1))
    }
}

/// Runs `script` for each connection that a backend takes, with its number from 0 on; its port.
pub fn backend(script: impl Fn(Client, usize) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = Arc::new(script);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (stream, script) = (stream.unwrap(), Arc::clone(&script));
            stream.set_read_timeout(Some(GUARD)).unwrap();
            thread::spawn(move || script(Client(stream), number));
        }
    });
    port
}

/// A backend that has a request, and answers it when it is told to.
pub struct Held {
    pub port: u16,
    /// Once for each request that is there.
    pub there: Receiver<()>,
    pub let_go: Sender<()>,
}

/// Answers one request of each connection with `response`, when it is told to.
pub fn held(response: &'static str) -> Held {
    let (tell, there) = mpsc::channel();
    let (let_go, go) = mpsc::channel();
    let go = Mutex::new(go);
    let port = backend(move |mut client, _| {
        client.head();
        tell.send(()).unwrap();
        go.lock().unwrap().recv_timeout(GUARD).unwrap();
        client.send(response);
    });
    Held {
        port,
        there,
        let_go,
    }
}

/// Answers each request, which must have no body, with `response`.
pub fn answering(response: &'static str) -> u16 {
    backend(move |mut client, _| {
        while read_head(&mut client).is_some() {
            if client.0.write_all(response.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// Answers each request, which must have no body, with its own head.
pub fn echoing() -> u16 {
    backend(|mut client, _| {
        while let Some(head) = read_head(&mut client) {
            let len = head.len();
            let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{head}");
            if client.0.write_all(response.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// Counts connections and answers each request with `ok`.
pub fn counting() -> (u16, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let port = backend(move |mut client, _| {
        counted.fetch_add(1, SeqCst);
        while read_head(&mut client).is_some() {
            client.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    (port, count)
}

/// `None`: the connection has ended.
pub fn read_head(client: &mut Client) -> Option<String> {
    let mut octets = Vec::new();
    while !octets.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        match client.0.read(&mut octet) {
            Ok(1) => octets.push(octet[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8(octets).unwrap())
}

pub const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
pub const LAST: &str = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The status of a response.
#[track_caller]
pub fn status(response: &str) -> u16 {
    let word = response.split(' ').nth(1);
    let status = word.and_then(|word| word.parse().ok());
    status.unwrap_or_else(|| panic!("no status in {response:?}"))
}

/// The values of a header in a head, which is in lower case on its way.
pub fn values<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let same = fields.filter(|field| field.0.eq_ignore_ascii_case(name));
    same.map(|field| field.1.trim()).collect()
}
