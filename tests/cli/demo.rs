//! `meridian demo`, on the addresses of its six backends but on free ports.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::place::{Place, in_repository};
use crate::process::{Process, eventually};
use crate::query::{AMERICA, ASIA, EUROPE, ask, ask_tcp, sorted};
use crate::server::Server;

const WWW: &str = "www.gslb.example.com";
const FREE: [&str; 5] = ["demo", "--port", "0", "--backend-port", "0"];

/// A demo that runs, where it answers, and where its first backend is.
struct Demo {
    process: Process,
    welcome: String,
    address: SocketAddr,
    backend: SocketAddr,
}

impl Demo {
    fn start(place: &Place) -> Self {
        let mut process = Process::start(place.command(&FREE));
        let welcome = process.until_stdout("Ctrl-C stops.");
        let address = after(&welcome, "dig @").replace(" -p ", ":");
        let address = address.split_whitespace().next().unwrap().parse().unwrap();
        let backend = after(&welcome, "curl -X POST http://");
        let backend = backend.split('/').next().unwrap().parse().unwrap();
        Demo {
            process,
            welcome,
            address,
            backend,
        }
    }

    fn post(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.backend).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: demo\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }
}

#[test]
fn two_nodes_stand_in_for_one_another() {
    let place = Place::new();
    let outcome = place.run(&[
        "demo",
        "--forwarder",
        "--tour",
        "--port",
        "0",
        "--backend-port",
        "0",
    ]);
    assert_eq!(outcome.code, 0, "{}\n{}", outcome.stdout, outcome.stderr);
    let told = outcome.stdout;
    for text in [
        "Europe         -> 127.0.10.80: backend 127.0.10.",
        "North America  -> 127.0.20.80: backend 127.0.20.",
        "Europe         -> 127.0.10.80: backend 127.0.10.2 in region eu: up",
        "Europe         -> 127.0.20.80: backend 127.0.20.",
        "4. Node eu starts again",
    ] {
        assert!(told.contains(text), "{text}\n{told}");
    }
    assert!(
        told.trim_end()
            .lines()
            .last()
            .unwrap()
            .contains("127.0.10.80"),
        "{told}"
    );
}

/// The rest of the line after the first `marker`.
fn after<'a>(text: &'a str, marker: &str) -> &'a str {
    let at = text
        .find(marker)
        .unwrap_or_else(|| panic!("{marker}: {text}"));
    text[at + marker.len()..].lines().next().unwrap()
}

#[test]
fn it_prints_commands_that_work_on_its_real_ports() {
    let place = Place::new();
    let demo = Demo::start(&place);
    for (subnet, region, addresses) in [
        (EUROPE, "eu", ["127.0.10.1", "127.0.10.2"]),
        (AMERICA, "us", ["127.0.20.1", "127.0.20.2"]),
        (ASIA, "ap", ["127.0.30.1", "127.0.30.2"]),
    ] {
        let (ip, port) = (demo.address.ip(), demo.address.port());
        let dig = format!("dig @{ip} -p {port} {WWW} +subnet={subnet}");
        assert_eq!(after(&demo.welcome, &dig).trim(), format!("# {region}"));
        assert_eq!(sorted(&ask(demo.address, WWW, subnet)), addresses);
        assert_eq!(sorted(&ask_tcp(demo.address, WWW, subnet)), addresses);
    }
    assert!(demo.welcome.contains("+tcp"), "{}", demo.welcome);
    let explain = after(
        &demo.welcome,
        &format!("{} ", env!("CARGO_BIN_EXE_meridian")),
    );
    let explain: Vec<_> = explain.split_whitespace().collect();
    let explained = place.run(&explain);
    assert_eq!(explained.code, 0, "{explained:?}");
    assert!(explained.stdout.contains("of the running server"));
    // It fits a terminal, and obeys no escape.
    assert!(demo.welcome.lines().count() < 40, "{}", demo.welcome);
    assert!(demo.welcome.lines().all(|line| line.len() <= 130));
    assert!(!demo.welcome.contains('\u{1b}'));
}

#[test]
fn it_tells_what_changes_and_what_is_asked_and_leaves_nothing_behind() {
    let place = Place::new();
    let mut demo = Demo::start(&place);
    assert_eq!(fs::read_dir(place.temporary()).unwrap().count(), 1);

    assert!(demo.post("/down").contains("region eu: down"));
    demo.process.until_stdout(
        "health: eu 127.0.10.1 and eu 2001:db8:10::1 are down: 2 of 2 failed: bad status 503\n",
    );
    assert_eq!(sorted(&ask(demo.address, WWW, EUROPE)), ["127.0.10.2"]);
    demo.process
        .until_stdout("query:  193.0.0.0/24 -> eu 127.0.10.2 first, TTL ");
    demo.post("/up");
    demo.process
        .until_stdout("health: eu 127.0.10.1 and eu 2001:db8:10::1 are up: 2 of 2 succeeded\n");

    demo.process.signal("INT");
    assert_eq!(demo.process.wait(), 0);
    assert_eq!(fs::read_dir(place.temporary()).unwrap().count(), 0);
    assert_eq!(demo.process.stderr(), "");
}

#[test]
fn the_tour_tells_itself_and_exits() {
    let place = Place::new();
    let mut arguments = FREE.to_vec();
    arguments.push("--tour");
    let outcome = place.run(&arguments);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    for words in [
        "1. ", "2. ", "3. ", "4. ", "-> eu ", "-> us ", "-> ap ", "scope /8",
    ] {
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
    assert_eq!(fs::read_dir(place.temporary()).unwrap().count(), 0);
}

#[test]
fn what_it_writes_is_right_as_it_stands_and_is_never_overwritten() {
    let place = Place::new();
    let written = place.run(&["demo", "--write", "my gslb"]);
    assert_eq!(written.code, 0, "{written:?}");
    let binary = env!("CARGO_BIN_EXE_meridian");
    for command in ["check", "serve", "explain"] {
        let line = format!("  {binary} {command} ");
        assert!(written.stdout.contains(&line), "{}", written.stdout);
    }
    assert!(written.stdout.contains("--config 'my gslb/meridian.toml'"));
    let checked = place.run(&["check", "--config", "my gslb/meridian.toml"]);
    assert_eq!((checked.code, &*checked.stderr), (0, ""), "{checked:?}");
    let explained = place.run(&["explain", WWW, "--config", "my gslb/meridian.toml"]);
    assert_eq!(explained.code, 0, "{explained:?}");

    let again = place.run(&["demo", "--write", "my gslb"]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("meridian.toml is there already"));

    // Nothing else is written where one file is in the way.
    place.write("half/sample.mmdb", "mine");
    let half = place.run(&["demo", "--write", "half"]);
    assert_eq!(half.code, 1);
    assert!(half.stderr.contains("half/sample.mmdb is there already"));
    assert_eq!(place.read("half/sample.mmdb"), "mine");
    assert!(!place.path("half/meridian.toml").exists());
}

#[test]
fn what_it_writes_can_be_served() {
    let place = Place::new();
    assert_eq!(place.run(&["demo", "--write", "."]).code, 0);
    let text = place.read("meridian.toml");
    let listen = r#"listen = ["127.0.0.1:5300", "[::1]:5300"]"#;
    assert!(text.contains(listen));
    let text = text.replace(listen, r#"listen = ["127.0.0.1:0"]"#);
    place.write("meridian.toml", text);
    // The backends are not there: everything is down, and answered all the same.
    let server = Server::start(&place, &[]);
    let answer = ask(server.address, WWW, EUROPE);
    assert_eq!(sorted(&answer), ["127.0.10.1", "127.0.10.2"]);
    let explained = place.run(&["explain", WWW]);
    assert!(explained.stdout.contains("of the running server"));
}

#[test]
fn a_port_in_use_is_told_with_its_holder_and_the_option_that_helps() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let outcome = place.run(&["demo", "--port", &port, "--backend-port", "0"]);
    assert_eq!(outcome.code, 1);
    let holder = format!("(process {})", std::process::id());
    for words in [
        &*format!("127.0.0.1:{port}"),
        &holder,
        "--port PORT",
        "--port 0",
    ] {
        assert!(outcome.stderr.contains(words), "{outcome:?}");
    }
    // One backend's address is enough to be in the way.
    let taken = TcpListener::bind("127.0.20.2:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let outcome = place.run(&["demo", "--port", "0", "--backend-port", &port]);
    assert_eq!(outcome.code, 1);
    for words in ["the backends", &*holder, "--backend-port 0"] {
        assert!(outcome.stderr.contains(words), "{outcome:?}");
    }
    assert_eq!(fs::read_dir(place.temporary()).unwrap().count(), 0);
}

#[test]
fn it_ends_politely_however_it_is_asked_to() {
    for signal in ["TERM", "HUP"] {
        let place = Place::new();
        let mut demo = Demo::start(&place);
        demo.process.signal(signal);
        assert_eq!(demo.process.wait(), 0, "SIG{signal}");
        eventually("the end of its folder", || {
            (fs::read_dir(place.temporary()).unwrap().count() == 0).then_some(())
        });
    }
}

#[test]
fn the_quickstart_is_what_the_demo_serves() {
    let place = Place::new();
    let path = in_repository("examples/quickstart/meridian.toml");
    let checked = place.run(&["check", "--config", path.to_str().unwrap()]);
    assert_eq!((checked.code, &*checked.stderr), (0, ""), "{checked:?}");
}
