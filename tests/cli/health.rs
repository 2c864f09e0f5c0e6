//! `meridian health`, what is logged of verdicts, `/metrics` and the webhook.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::place::{Outcome, Place};
use crate::process::eventually;
use crate::query::{EUROPE, ask};
use crate::server::{Server, ZONE};

/// A web server on loopback that answers what it is told to, and keeps what it is asked.
struct Web {
    address: SocketAddr,
    is_well: Arc<AtomicBool>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Web {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let web = Web {
            address: listener.local_addr().unwrap(),
            is_well: Arc::new(AtomicBool::new(true)),
            requests: Arc::default(),
        };
        let (is_well, requests) = (Arc::clone(&web.is_well), Arc::clone(&web.requests));
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let request = request(&mut stream);
                requests.lock().unwrap().push(request);
                let status = match is_well.load(SeqCst) {
                    true => "200 OK",
                    false => "503 Unwell",
                };
                let head = "content-length: 0\r\nconnection: close";
                let _ = write!(stream, "HTTP/1.1 {status}\r\n{head}\r\n\r\n");
            }
        });
        web
    }

    fn set_well(&self, is_well: bool) {
        self.is_well.store(is_well, SeqCst);
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Head and body.
fn request(stream: &mut TcpStream) -> String {
    let (mut octets, mut more) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&octets).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut more) {
            Ok(n @ 1..) => octets.extend(&more[..n]),
            _ => return text,
        }
    }
}

fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// Two pools that share an endpoint, which is probed; and what is written behind that.
fn place(web: &Web, besides: &str) -> Place {
    let place = Place::new();
    place.write("gslb.zone", ZONE);
    let port = web.address.port();
    let config = format!(
        r#"
[server]
listen      = ["127.0.0.1:0"]
state_dir   = "state"
udp_threads = 1
[region.eu]
location = [50.11, 8.68]
[monitor.web]
http     = "/"
port     = {port}
interval = "100ms"
timeout  = "90ms"
[pool.web-eu]
region    = "eu"
monitor   = "web"
endpoints = ["127.0.0.1"]
[pool.api-eu]
region    = "eu"
monitor   = "web"
endpoints = ["127.0.0.1"]
[policy.world]
failover = ["web-eu", "api-eu"]
[zone."gslb.example.com"]
file = "gslb.zone"
[zone."gslb.example.com".balanced]
www = {{ policy = "world" }}
{besides}
"#
    );
    place.write("meridian.toml", config);
    place
}

fn health(place: &Place, words: &[&str]) -> Outcome {
    let mut arguments = vec!["health", "--config", "meridian.toml"];
    arguments.extend(words);
    place.run(&arguments)
}

fn json(place: &Place, words: &[&str]) -> Value {
    let words = [words, &["--json"]].concat();
    serde_json::from_str(&health(place, &words).stdout).unwrap()
}

fn until_verdict(place: &Place, verdict: &str) -> Value {
    eventually(verdict, || {
        let report = json(place, &[]);
        (report["targets"][0]["verdict"] == verdict).then_some(report)
    })
}

#[test]
fn a_target_is_told_with_its_reasons_its_users_and_its_past() {
    let web = Web::new();
    let place = place(&web, "");
    let mut server = Server::start(&place, &[]);
    let up = eventually("eight observations", || {
        let report = json(&place, &["web-eu"]);
        let target = report["targets"][0].clone();
        (target["observations"].as_array()?.len() == 8).then_some(target)
    });
    assert_eq!(
        (&up["verdict"], &up["monitor"]),
        (&"up".into(), &"web".into())
    );
    assert!(
        up["why"]
            .as_str()
            .unwrap()
            .starts_with("the last succeeded in ")
    );
    let pools: Vec<_> = up["used_by"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| &u["pool"])
        .collect();
    assert_eq!(pools, ["web-eu", "api-eu"]);

    web.set_well(false);
    let report = until_verdict(&place, "down");
    assert!(
        report["targets"][0]["why"]
            .as_str()
            .unwrap()
            .ends_with("failed: bad status 503")
    );
    let text = health(&place, &["monitor:web"]).stdout;
    for part in [
        "1 target: 0 up, 1 down, 0 unknown",
        "  verdict   down for ",
        "failed: bad status 503\n",
        "  used by   web-eu/127.0.0.1 (region eu)\n",
        "  used by   api-eu/127.0.0.1 (region eu)\n",
        " ms: succeeded\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    web.set_well(true);
    until_verdict(&place, "up");
    let history = json(&place, &["--history", "127.0.0.1"]);
    let turns: Vec<_> = history.as_array().unwrap().iter().collect();
    let turns: Vec<_> = turns
        .iter()
        .map(|c| (&c["from"], &c["to"], &c["why"]))
        .collect();
    assert_eq!(
        turns[0],
        (
            &"unknown".into(),
            &"up".into(),
            &"first probe succeeded".into()
        )
    );
    assert_eq!(turns[1].2, "2 of 2 failed: bad status 503");
    assert_eq!(turns[2].2, "2 of 2 succeeded");
    let text = health(&place, &["--history"]).stdout;
    assert!(text.contains("web-eu/127.0.0.1 +1"), "{text}");
    // A line of the log for each, with fields for machines.
    let logged = server.process.until_stderr("\"to\":\"down\"");
    let line = logged
        .lines()
        .find(|line| line.contains("\"to\":\"down\""))
        .unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["pool"], "api-eu,web-eu");
    assert_eq!(line["reason"], "2 of 2 failed: bad status 503");
}

#[test]
fn what_nobody_probes_is_said_and_so_is_what_nobody_understands() {
    let web = Web::new();
    let place = place(&web, "");
    let _server = Server::start(&place, &[]);
    let told = health(&place, &["web-us"]);
    assert_eq!((told.code, &*told.stdout), (1, ""));
    assert_eq!(
        told.stderr,
        "meridian: `web-us` is nothing that is probed\n"
    );
    let told = health(&place, &["region:"]);
    assert!(
        told.stderr.starts_with("meridian: expected a region"),
        "{}",
        told.stderr
    );
}

#[test]
fn frozen_verdicts_are_told_as_such() {
    let place = crate::server::place();
    place.write("verdicts.toml", "\"web-eu\" = \"down\"\n");
    let _server = Server::frozen(&place);
    let told = health(&place, &[]);
    assert!(
        told.stdout
            .contains("verdicts of the running server, frozen\n"),
        "{told:?}"
    );
    assert!(
        told.stdout.contains("frozen: nothing is probed\n"),
        "{told:?}"
    );
}

#[test]
fn an_operators_word_stands_beside_what_probes_say() {
    let web = Web::new();
    let place = place(&web, "");
    let _server = Server::start(&place, &[]);
    until_verdict(&place, "up");
    let done = place.run(&["override", "down", "web-eu", "-c", "meridian.toml"]);
    assert_eq!(done.code, 0, "{done:?}");
    let text = health(&place, &[]).stdout;
    assert!(
        text.contains("web-eu/127.0.0.1 (region eu), forced down"),
        "{text}"
    );
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Where a log line says that metrics can be read; the last one.
fn metrics_at(server: &mut Server) -> String {
    let logged = server.process.until_stderr("metrics can be read");
    let mut lines = logged.lines().rev();
    let line = lines
        .find(|line| line.contains("metrics can be read"))
        .unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    line["listen"].as_str().unwrap().to_owned()
}

#[test]
fn metrics_count_what_happens() {
    let web = Web::new();
    let place = place(&web, "[metrics]\nlisten = \"127.0.0.1:0\"");
    let mut server = Server::start(&place, &[]);
    let address = metrics_at(&mut server);
    ask(server.address, "www.gslb.example.com", EUROPE);
    web.set_well(false);
    until_verdict(&place, "down");
    let text = eventually("a verdict that changed", || {
        let text = get(&address, "/metrics");
        let changed = "meridian_verdict_changes_total{pool=\"api-eu\",to=\"down\"} 1\n";
        text.contains(changed).then_some(text)
    });
    for line in [
        "meridian_pool_endpoints{pool=\"web-eu\",region=\"eu\",verdict=\"down\"} 1",
        "meridian_queries_by_type_total{transport=\"udp\",type=\"A\"} 1",
        "meridian_answers_total{transport=\"udp\",rcode=\"NOERROR\"} 1",
        "meridian_queries_total{transport=\"tcp\"} 0",
        "meridian_targets 1",
        "meridian_build_info{version=",
        "meridian_probe_duration_seconds_count{monitor=\"web\",outcome=\"failure\"} ",
        "meridian_probe_lag_seconds_bucket{le=\"+Inf\"} ",
        "process_start_time_seconds ",
    ] {
        let line = format!("\n{line}");
        assert!(text.contains(&line), "{line}: {text}");
    }
    assert!(text.ends_with("# EOF\n"));
    // Names end in their unit, and everything has its help.
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for name in names.filter_map(|line| line.split(' ').next()) {
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        assert!(
            !name.ends_with("_total") && !name.ends_with("_ms"),
            "{name}"
        );
    }
}

#[test]
fn a_reload_moves_metrics_and_ends_them() {
    let web = Web::new();
    let place = place(&web, "");
    let mut server = Server::start(&place, &[]);
    let without = place.read("meridian.toml");
    let with = format!("{without}\n[metrics]\nlisten = \"127.0.0.1:0\"\n");
    place.write("meridian.toml", &with);
    server.reload("configuration reloaded");
    let address = metrics_at(&mut server);
    assert!(get(&address, "/metrics").starts_with("HTTP/1.1 200"));
    place.write("meridian.toml", &without);
    server.reload("configuration reloaded");
    eventually("the end of it", || {
        TcpStream::connect(&address).is_err().then_some(())
    });
}

/// With a webhook at `hook`, and its secret.
fn hooked(web: &Web, hook: &Web) -> Place {
    let url = format!("http://{}/hook?token=hush", hook.address);
    let place = place(
        web,
        &format!("[webhook]\nurl = \"{url}\"\nsecret_file = \"hook.secret\""),
    );
    let secret = place.write("hook.secret", "0123456789abcdef0123456789abcdef\n");
    std::fs::set_permissions(secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    place
}

#[test]
fn a_webhook_is_told_signed_and_again_until_it_listens() {
    let (web, hook) = (Web::new(), Web::new());
    hook.set_well(false);
    let place = hooked(&web, &hook);
    let mut server = Server::start(&place, &[]);
    until_verdict(&place, "up");
    web.set_well(false);
    let logged = server
        .process
        .until_stderr("the webhook does not take changes");
    assert!(!logged.contains("hush"), "{logged}");
    hook.set_well(true);
    server
        .process
        .until_stderr("the webhook takes changes again");
    let requests = hook.requests();
    let (first, last) = (&requests[0], requests.last().unwrap());
    assert!(
        first.starts_with("POST /hook?token=hush HTTP/1.1\r\n"),
        "{first}"
    );
    assert!(
        first.contains("\r\nx-meridian-signature: sha256="),
        "{first}"
    );
    assert_eq!(body(first)["id"], body(last)["id"]);
    let change = &body(last)["changes"][0];
    assert_eq!(
        (&change["from"], &change["to"]),
        (&"up".into(), &"down".into())
    );
    assert_eq!(change["why"], "2 of 2 failed: bad status 503");
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let (web, hook) = (Web::new(), Web::new());
    let place = hooked(&web, &hook);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(place.path("hook.secret"), open).unwrap();
    let told = place.run(&["check", "--config", "meridian.toml"]);
    assert_eq!(told.code, 1);
    assert!(
        told.stderr.contains("hook.secret: contains secrets"),
        "{}",
        told.stderr
    );
    assert!(!told.stderr.contains("0123456789"), "{}", told.stderr);
}
