//! A server that stands still for a while (`SIGSTOP`; a virtual machine that is moved) blames nobody for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::place::Place;
use crate::process::eventually;
use crate::server::{Server, ZONE};

/// Much longer than the timeout of every probe.
const STILL: Duration = Duration::from_millis(2500);
const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A web server on loopback that answers when it is told to.
struct Web {
    address: SocketAddr,
    /// Connections with a request.
    asked: Mutex<Receiver<TcpStream>>,
}

impl Web {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asks, asked) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let asks: Sender<TcpStream> = asks.clone();
                thread::spawn(move || read_request(stream, &asks));
            }
        });
        let asked = Mutex::new(asked);
        Web { address, asked }
    }

    fn next(&self) -> TcpStream {
        let patience = Duration::from_secs(60);
        let asked = self.asked.lock().unwrap();
        asked.recv_timeout(patience).expect("a request")
    }

    fn answer_next(&self) {
        answer(self.next());
    }
}

fn answer(mut stream: TcpStream) {
    // Whoever asked may have gone.
    let _ = stream.write_all(ANSWER.as_bytes());
}

fn read_request(mut stream: TcpStream, asks: &Sender<TcpStream>) {
    let (mut request, mut more) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut more) {
            Ok(n @ 1..) => request.extend(&more[..n]),
            _ => return,
        }
    }
    let _ = asks.send(stream);
}

/// One failure is a fall.
fn place(web: &Web) -> Place {
    let place = Place::new();
    place.write("gslb.zone", ZONE);
    let address = web.address;
    let config = format!(
        r#"
[server]
listen      = ["127.0.0.1:0"]
state_dir   = "state"
udp_threads = 1
[region.eu]
[monitor.web]
http     = "/"
port     = 80
interval = "1500ms"
timeout  = "1s"
fall     = 1
refused_counts_at_once = true
[monitor.alive]
tcp      = true
port     = 80
interval = "200ms"
timeout  = "150ms"
[pool.web]
region    = "eu"
monitor   = "web"
endpoints = [{{ address = "192.0.2.1", check = "{address}" }}]
[pool.alive]
region    = "eu"
monitor   = "alive"
endpoints = [{{ address = "192.0.2.2", check = "{address}" }}]
[policy.world]
failover = ["web", "alive"]
[zone."gslb.example.com"]
file = "gslb.zone"
[zone."gslb.example.com".balanced]
www = {{ policy = "world" }}
"#
    );
    place.write("meridian.toml", config);
    place
}

fn told(place: &Place, words: &[&str]) -> Value {
    let mut arguments = vec!["health", "--config", "meridian.toml", "--json"];
    arguments.extend(words);
    serde_json::from_str(&place.run(&arguments).stdout).unwrap()
}

/// Stops it with a probe under way; `meanwhile` is what becomes of the connection.
fn stand_still(server: &Server, web: &Web, meanwhile: impl FnOnce(TcpStream)) {
    let asked = web.next();
    server.process.signal("STOP");
    meanwhile(asked);
    server.process.signal("CONT");
}

#[test]
fn a_server_that_stood_still_changes_no_verdict_for_that() {
    let web = Web::new();
    let place = place(&web);
    let server = thread::scope(|scope| {
        // It asks before it is ready.
        scope.spawn(|| web.answer_next());
        Server::start(&place, &[])
    });
    // The answer comes while it stands still.
    stand_still(&server, &web, |asked| {
        answer(asked);
        thread::sleep(STILL);
    });
    web.answer_next();
    // It comes once it goes on.
    let mut late = None;
    stand_still(&server, &web, |asked| {
        thread::sleep(STILL);
        late = Some(asked);
    });
    answer(late.expect("a request"));
    web.answer_next();
    // The target does not wait so long.
    stand_still(&server, &web, |asked| {
        thread::sleep(STILL);
        drop(asked);
    });
    let words = eventually("a failure that does not count", || {
        let report = told(&place, &["web"]);
        let observations = report["targets"][0]["observations"].as_array()?;
        let last = observations.last()?;
        let words = last["words"].as_str()?.to_owned();
        words
            .contains("not counted: this machine was late by")
            .then_some(words)
    });
    assert!(
        words.starts_with("connection closed before a whole answer"),
        "{words}"
    );
    web.answer_next();
    web.answer_next();
    let history = told(&place, &["--history"]);
    let changes = history.as_array().unwrap();
    let is_first = |change: &Value| change["from"] == "unknown" && change["to"] == "up";
    assert!(
        changes.len() == 2 && changes.iter().all(is_first),
        "{history}"
    );
    // It looks once a second.
    eventually("a warning", || {
        let logged = server.process.stderr();
        logged
            .contains("timeouts do not count meanwhile")
            .then_some(())
    });
}
