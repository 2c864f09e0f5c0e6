//! The whole of it against servers in this process, honest and not.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use clap::Parser;
use serde_json::Value;

use super::{Arguments, bench};
use crate::dns::parse::parse;
use crate::dns::{HEADER_LEN, QueryName};

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    arguments: Arguments,
}

fn typed(words: &str) -> Result<Arguments, String> {
    let words = ["bench"].into_iter().chain(words.split_whitespace());
    let typed = Typed::try_parse_from(words).map_err(|e| e.to_string())?;
    Ok(typed.arguments)
}

/// Answers with what a function makes of the number of a query, the query and its sender.
struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    fn start(mut reply: impl FnMut(u64, &[u8], IpAddr) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let timeout = Some(Duration::from_millis(20));
        socket.set_read_timeout(timeout).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 512];
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                let Ok((len, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                for reply in reply(number, &buffer[..len], from.ip()) {
                    socket.send_to(&reply, from).unwrap();
                }
                number += 1;
            }
        });
        Server {
            address,
            stop,
            thread: Some(thread),
        }
    }

    /// Loads it, without warming up unless told so; the report as JSON, and whether all was right.
    fn load(&self, words: &str) -> (Value, bool) {
        let warmup = match words.contains("--warmup") {
            true => "",
            false => "--warmup 0s",
        };
        // On a busy machine, an answer takes its time.
        let timeout = match words.contains("--timeout") {
            true => "",
            false => "--timeout 20s",
        };
        let server = self.address;
        let words = format!("--server {server} --duration 60s {warmup} {timeout} {words}");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let report = runtime.block_on(bench(&typed(&words).unwrap())).unwrap();
        let text = report.text();
        assert!(text.contains(&self.address.to_string()), "{text}");
        (serde_json::to_value(&report).unwrap(), report.is_right())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// "No such name", with the OPT record that the query had.
fn no_such_name(query: &[u8]) -> Vec<u8> {
    let mut reply = query.to_vec();
    reply[2] |= 0x80;
    reply[3] = 3;
    reply
}

#[test]
fn in_a_closed_loop_every_answer_is_counted() {
    let server = Server::start(|_, query, _| vec![no_such_name(query)]);
    let (report, is_right) = server.load("n{0..99}.example.com --max-queries 2000");
    assert!(is_right, "{report}");
    for (key, expected) in [
        ("sent", 2000),
        ("answered", 2000),
        ("lost", 0),
        ("unexpected", 0),
    ] {
        assert_eq!(report[key], expected, "{key}: {report}");
    }
    assert_eq!(report["rcodes"]["NXDOMAIN"], 2000);
    assert!(report["answers_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(report["latency"], Value::Null);
    // The server is this process.
    assert_eq!(report["server"]["pids"][0], std::process::id());
    assert!(report["server"]["us_per_answer"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_warms_up_is_not_counted() {
    let server = Server::start(|_, query, _| vec![no_such_name(query)]);
    let (report, _) = server.load("www.example.com --warmup 50ms --max-queries 100");
    assert_eq!(
        (&report["sent"], &report["answered"]),
        (&100.into(), &100.into())
    );
}

#[test]
fn in_an_open_loop_latencies_are_told() {
    let server = Server::start(|_, query, _| vec![no_such_name(query)]);
    let (report, is_right) = server.load("www.example.com AAAA --rate 5000 --max-queries 1000");
    assert!(is_right, "{report}");
    assert_eq!(report["answered"], 1000);
    let latency = |key: &str| report["latency"][key].as_f64().unwrap();
    let sorted = [
        0.0,
        latency("p50"),
        latency("p90"),
        latency("p99"),
        latency("p999"),
        latency("max"),
    ];
    assert!(sorted.is_sorted() && sorted[1] > 0.0, "{report}");
}

#[test]
fn a_server_that_stalls_is_not_forgiven() {
    const STALL: Duration = Duration::from_millis(300);
    let server = Server::start(|number, query, _| {
        if number == 100 {
            thread::sleep(STALL);
        }
        vec![no_such_name(query)]
    });
    // All that is due while it stalls waits, not only the query that it stalls on.
    let (report, _) = server.load("www.example.com --rate 2000 --max-queries 1000");
    let p90_us = report["latency"]["p90"].as_f64().unwrap();
    assert!(p90_us > 100_000.0, "{report}");
}

#[test]
fn lies_are_counted_by_kind() {
    let server = Server::start(|number, query, _| {
        let honest = no_such_name(query);
        let mut lie = honest.clone();
        match number % 5 {
            1 => lie[HEADER_LEN + 1] ^= 0x20,
            2 => lie.push(0),
            3 => return vec![honest, lie],
            4 => lie[0] ^= 0x80,
            _ => {}
        }
        vec![lie]
    });
    let (report, is_right) = server.load("www.example.com --max-queries 500 --timeout 3s");
    assert!(!is_right);
    for (key, expected) in [
        ("sent", 500),
        ("answered", 200),
        ("other_question", 100),
        ("malformed", 100),
        ("lost", 100),
        ("unexpected", 200),
    ] {
        assert_eq!(report[key], expected, "{key}: {report}");
    }
}

#[test]
fn what_is_not_answered_is_lost() {
    let server = Server::start(|number, query, _| match number % 4 {
        0 => vec![],
        _ => vec![no_such_name(query)],
    });
    for pace in ["--window 64", "--rate 1000"] {
        let (report, is_right) = server.load(&format!(
            "www.example.com --max-queries 400 --timeout 4s {pace}"
        ));
        assert!(is_right);
        assert_eq!(
            (&report["answered"], &report["lost"]),
            (&300.into(), &100.into())
        );
    }
    let silent = Server::start(|_, _, _| vec![]);
    let (report, is_right) = silent.load("www.example.com --max-queries 10 --timeout 100ms");
    assert!(!is_right);
    assert_eq!(
        (&report["answered"], &report["lost"]),
        (&0.into(), &10.into())
    );
}

#[test]
fn subnets_and_sources_vary() {
    let seen = Arc::new(Mutex::new((HashSet::new(), HashSet::new())));
    let into = Arc::clone(&seen);
    let server = Server::start(move |_, query, source| {
        let edns = parse(query, &mut QueryName::default()).unwrap().edns;
        let mut seen = into.lock().unwrap();
        seen.0
            .insert(edns.and_then(|edns| edns.subnet).map(|net| net.address));
        seen.1.insert(source);
        vec![no_such_name(query)]
    });
    server.load("www.example.com --subnets 50 --sources 8 --max-queries 2000 --seed 1");
    {
        let seen = seen.lock().unwrap();
        assert_eq!((seen.0.len(), seen.1.len()), (50, 8));
        assert!(!seen.0.contains(&None));
    }
    *seen.lock().unwrap() = Default::default();
    server.load("www.example.com --no-edns --source-network 127.0.0.7/32 --max-queries 100");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.0, HashSet::from([None]));
    assert_eq!(seen.1, HashSet::from(["127.0.0.7".parse().unwrap()]));
}

#[test]
fn what_is_bad_is_told() {
    let error = |words: &str| typed(words).err().unwrap_or_default();
    for (words, expected) in [
        ("", "required arguments"),
        ("www.e FOO", "no record type"),
        ("www.e --duration 2h", "at most 1h"),
        ("www.e --duration 10", "expected a time"),
        ("www.e --rate 0", "expected 1 to 10000000"),
        ("www.e --rate NaN", "expected 1 to 10000000"),
        ("www.e --rate 5 --window 5", "cannot be used with"),
        ("www.e --window 0", "is not in 1..=65536"),
        ("www.e --sources 0", "is not in 1..=1024"),
        ("www.e --subnets 0", "one subnet at least"),
        ("www.e --no-edns --subnets 1", "cannot be used with"),
        ("www.e --questions file", "cannot be used with"),
        ("www.e --server localhost", "invalid"),
    ] {
        assert!(error(words).contains(expected), "{words}: {}", error(words));
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = |words: &str| {
        let arguments = typed(words).unwrap();
        runtime
            .block_on(bench(&arguments))
            .err()
            .unwrap_or_default()
    };
    for (words, expected) in [
        (
            "www.e --server 192.0.2.1:53",
            "192.0.2.1:53 is not on this machine",
        ),
        ("a..e", "`a..e` is no name"),
        ("--questions no/file", "no/file: "),
        ("www.e --subnets no/file", "no/file: "),
        ("www.e --cpu 1023", "cannot keep to CPU 1023"),
        (
            "www.e --pid 2147483647 --warmup 0s",
            "there is no process 2147483647",
        ),
        (
            "www.e --source-network 192.0.2.1/32",
            "cannot send from 192.0.2.1",
        ),
    ] {
        let told = refused(words);
        assert!(told.contains(expected), "{words}: {told}");
    }
}

#[test]
fn the_window_is_the_one_that_was_asked_for() {
    let windows = |words: &str| typed(words).unwrap().windows(16);
    for window in [1, 15, 16, 100, 192] {
        let windows = windows(&format!("example.com --window {window}")).unwrap();
        assert_eq!(windows.iter().sum::<usize>(), window);
        let (least, most) = (windows.iter().min(), windows.iter().max());
        assert!(least > Some(&0) && most.unwrap() - least.unwrap() <= 1);
    }
    let one = typed("example.com --window 65536").unwrap().windows(1);
    assert!(one.unwrap_err().contains("at most 4096"));
}
