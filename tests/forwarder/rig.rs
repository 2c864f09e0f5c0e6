//! A forwarder in this process, scripted backends before it on 127.0.0.1, .2, .3 …, and clients of raw sockets.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use meridian::daemon::{Daemon, HealthSource, Settings};
use tempfile::TempDir;

/// Long enough for a busy machine: what does not come until then never will.
pub const PATIENT: Duration = Duration::from_secs(30);

/// What a backend does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Answers 200 with its number.
    Serve,
    Status(u16),
    /// Ends the connection before it has said anything.
    Close,
    /// The same, so that the other end learns of it by a reset.
    Reset,
    /// Says nothing until the rig ends.
    Hang,
    /// Waits until [`Gate::open`], then serves.
    Hold,
    /// Serves after so many milliseconds.
    Slow(u64),
    /// Says that there are more octets than it sends.
    Lie,
    /// Says half of a chunked response.
    Half,
    /// Says what is no HTTP.
    Nonsense,
}

/// A request as a backend saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub body: Vec<u8>,
}

/// What holds requests.
#[derive(Default)]
pub struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.lock().unwrap();
        let _ = self.1.wait_timeout_while(open, PATIENT, |open| !*open);
    }
}

type Script = dyn Fn(&Seen) -> Act + Send + Sync;

/// One of them.
pub struct Backend {
    pub number: usize,
    script: Mutex<Arc<Script>>,
    seen: Mutex<Vec<Seen>>,
    /// Requests that it works on, and the most that were.
    at_work: AtomicUsize,
    most: AtomicUsize,
    gate: Arc<Gate>,
    /// It takes connections, and ends them at once.
    is_dead: AtomicBool,
}

impl Backend {
    pub fn acts(&self, act: Act) {
        self.scripted(move |_| act);
    }

    pub fn scripted(&self, script: impl Fn(&Seen) -> Act + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    pub fn kill(&self) {
        self.is_dead.store(true, SeqCst);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub fn at_work(&self) -> usize {
        self.at_work.load(SeqCst)
    }

    pub fn most(&self) -> usize {
        self.most.load(SeqCst)
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        while let Some(seen) = read_request(&mut reader) {
            if self.is_dead.load(SeqCst) {
                return;
            }
            let script = Arc::clone(&*self.script.lock().unwrap());
            let act = script(&seen);
            self.seen.lock().unwrap().push(seen);
            let at_work = self.at_work.fetch_add(1, SeqCst) + 1;
            self.most.fetch_max(at_work, SeqCst);
            let goes_on = self.act(act, &mut stream);
            self.at_work.fetch_sub(1, SeqCst);
            if !goes_on {
                return;
            }
        }
    }

    /// Whether the connection goes on.
    fn act(&self, act: Act, stream: &mut TcpStream) -> bool {
        let own = self.number.to_string();
        let whole = |status: u16| {
            let len = own.len();
            format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {len}\r\n\r\n{own}")
        };
        let text = match act {
            Act::Serve => whole(200),
            Act::Status(status) => whole(status),
            Act::Close => return false,
            Act::Reset => {
                let socket = socket2::SockRef::from(&*stream);
                let _ = socket.set_linger(Some(Duration::ZERO));
                return false;
            }
            Act::Hang => {
                // Until the other end is gone.
                let _ = stream.set_read_timeout(Some(PATIENT));
                let _ = stream.read(&mut [0]);
                return false;
            }
            Act::Hold => {
                self.gate.pass();
                whole(200)
            }
            Act::Slow(ms) => {
                thread::sleep(Duration::from_millis(ms));
                whole(200)
            }
            Act::Lie => {
                let text = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot so many";
                let _ = stream.write_all(text.as_bytes());
                let _ = stream.shutdown(Shutdown::Both);
                return false;
            }
            Act::Half => {
                let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal";
                let _ = stream.write_all(text.as_bytes());
                return false;
            }
            Act::Nonsense => {
                let _ = stream.write_all(b"this is no response\r\n\r\n");
                return false;
            }
        };
        stream.write_all(text.as_bytes()).is_ok()
    }
}

/// The next request, whole; `None`: there is none.
fn read_request(reader: &mut impl BufRead) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&len| len > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&len| len > 0)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        is_chunked |= line == "transfer-encoding: chunked";
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    while is_chunked {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let len = usize::from_str_radix(line.trim_end(), 16).ok()?;
        let mut chunk = vec![0; len + 2];
        reader.read_exact(&mut chunk).ok()?;
        body.extend_from_slice(&chunk[..len]);
        is_chunked = len > 0;
    }
    Some(Seen { method, path, body })
}

/// A response as a client saw it.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    /// In lower case, in order.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Whether all that was announced has come.
    pub is_whole: bool,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// Whose it is.
    pub fn backend(&self) -> usize {
        assert_eq!((self.status, self.is_whole), (200, true), "{self:?}");
        self.body.parse().expect("a backend's number")
    }
}

pub struct Rig {
    runtime: tokio::runtime::Runtime,
    pub daemon: Option<Daemon>,
    pub backends: Vec<Arc<Backend>>,
    pub gate: Arc<Gate>,
    pub port: u16,
    _folder: TempDir,
}

/// What a rig's configuration is made of, beside what every one has.
#[derive(Default)]
pub struct Plan<'a> {
    pub backends: usize,
    /// Of the pool, as `balance = "random"`.
    pub pool: &'a str,
    /// Of its `backend`, as `retries = 1`, in lines.
    pub backend: &'a str,
    /// Of the route, in lines.
    pub route: &'a str,
    /// Of `[forwarder]`, in lines.
    pub forwarder: &'a str,
    /// Of the listener.
    pub listener: &'a str,
    /// Anything else.
    pub more: &'a str,
    /// Instead of the endpoints' addresses, elements of the list.
    pub endpoints: Option<Vec<String>>,
    /// Whether verdicts are set by hand.
    pub frozen: bool,
    /// Files beside the configuration.
    pub files: &'a [(&'a str, &'a str)],
}

impl Rig {
    pub fn new(plan: Plan<'_>) -> Self {
        let (port, listeners) = listeners(plan.backends);
        let gate = Arc::<Gate>::default();
        let numbered = listeners.into_iter().enumerate();
        let backends: Vec<_> = numbered
            .map(|(number, listener)| start(number, listener, &gate))
            .collect();
        Rig::before(plan, backends, gate, port)
    }

    /// Another node with the same backends.
    pub fn beside(&self, plan: Plan<'_>) -> Self {
        Rig::before(
            plan,
            self.backends.clone(),
            Arc::clone(&self.gate),
            self.port,
        )
    }

    fn before(plan: Plan<'_>, backends: Vec<Arc<Backend>>, gate: Arc<Gate>, port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in plan.files {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(path, private).unwrap();
        }
        let addresses = || (0..plan.backends).map(|n| format!("\"{}\"", address(n)));
        let endpoints = plan.endpoints.unwrap_or_else(|| addresses().collect());
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\n\
             [region.here]\n\
             [pool.web]\nregion = \"here\"\nendpoints = [{}]\n{}\n\
             [pool.web.backend]\nport = {port}\n{}\n\
             [forwarder]\nthreads = 2\n{}\n\
             [forwarder.listener.http]\nlisten = \"127.0.0.1:0\"\n{}\n\
             [[forwarder.route]]\nto = \"web\"\n{}\n{}\n",
            endpoints.join(", "),
            plan.pool,
            plan.backend,
            plan.forwarder,
            plan.listener,
            plan.route,
            plan.more.replace("PORT", &port.to_string()),
        );
        let config = folder.path().join("meridian.toml");
        std::fs::write(&config, &text).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let settings = Settings {
            config,
            health: match plan.frozen {
                true => HealthSource::Frozen(None),
                false => HealthSource::Probes,
            },
            seed: Some(7),
            ..Settings::default()
        };
        let started = runtime.block_on(Daemon::start(settings));
        let (daemon, _) = started.unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        Rig {
            runtime,
            daemon: Some(daemon),
            backends,
            gate,
            port,
            _folder: folder,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.daemon.as_ref().unwrap().forwarding()[0]
    }

    /// Where queries are answered.
    pub fn dns(&self) -> SocketAddr {
        self.daemon.as_ref().unwrap().listening()[0]
    }

    pub fn set_verdict(&self, backend: usize, verdict: meridian::model::Verdict) {
        let daemon = self.daemon.as_ref().unwrap();
        let which = format!("web/{}", address(backend));
        self.runtime
            .block_on(daemon.set_verdict(&which, verdict))
            .unwrap();
    }

    /// Sends a request of these lines, on a connection of its own.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        send(self.address(), method, path, headers, body).expect("a response")
    }

    pub fn get(&self, headers: &str) -> Reply {
        self.send("GET", "/", headers, "")
    }

    /// How many requests each backend has seen.
    pub fn counts(&self) -> Vec<usize> {
        self.backends.iter().map(|one| one.count()).collect()
    }

    /// Waits until so many requests are at work at the backends.
    pub fn wait_at_work(&self, count: usize) {
        let at_work = || self.backends.iter().map(|one| one.at_work()).sum::<usize>();
        until(|| at_work() == count);
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.gate.open();
        if let Some(daemon) = self.daemon.take() {
            self.runtime.block_on(daemon.stop());
        }
    }
}

/// Waits for what has to come.
pub fn until(mut has_come: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !has_come() {
        assert!(begun.elapsed() < PATIENT, "it never came");
        thread::sleep(Duration::from_millis(5));
    }
}

pub fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, 1 + number as u8)
}

/// A port that all of them have.
fn listeners(count: usize) -> (u16, Vec<TcpListener>) {
    for _ in 0..100 {
        let first = TcpListener::bind((address(0), 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        let others = (1..count).map(|number| TcpListener::bind((address(number), port)));
        if let Ok(others) = others.collect::<Result<Vec<_>, _>>() {
            let all = [first].into_iter().chain(others);
            return (port, all.take(count).collect());
        }
    }
    panic!("no port is free at all addresses");
}

fn start(number: usize, listener: TcpListener, gate: &Arc<Gate>) -> Arc<Backend> {
    let backend = Arc::new(Backend {
        number,
        script: Mutex::new(Arc::new(|_| Act::Serve)),
        seen: Mutex::default(),
        at_work: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        gate: Arc::clone(gate),
        is_dead: AtomicBool::new(false),
    });
    let own = Arc::clone(&backend);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if own.is_dead.load(SeqCst) {
                continue;
            }
            let own = Arc::clone(&own);
            thread::spawn(move || own.serve(stream));
        }
    });
    backend
}

/// `None`: the connection ended without a response.
pub fn send(to: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Option<Reply> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(PATIENT)).unwrap();
    let length = match body {
        "" => String::new(),
        body => format!("Content-Length: {}\r\n", body.len()),
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{headers}{length}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut all = Vec::new();
    // A reset in the middle leaves what has come.
    let _ = stream.read_to_end(&mut all);
    parse(&all)
}

fn parse(all: &[u8]) -> Option<Reply> {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&all[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &all[end + 4..];
    let of: BTreeMap<_, _> = headers.iter().cloned().collect();
    let (body, is_whole) = match of.get("content-length") {
        Some(length) => (rest.to_vec(), length.parse() == Ok(rest.len())),
        None => unchunked(rest),
    };
    Some(Reply {
        status,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        is_whole,
    })
}

fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return (body, false);
        };
        let len = std::str::from_utf8(&rest[..end]).ok();
        let Some(len) = len.and_then(|len| usize::from_str_radix(len, 16).ok()) else {
            return (body, false);
        };
        let Some(chunk) = rest.get(end + 2..end + 2 + len) else {
            return (body, false);
        };
        body.extend_from_slice(chunk);
        if len == 0 {
            return (body, true);
        }
        rest = rest.get(end + 4 + len..).unwrap_or_default();
    }
}
