//! `meridian health`, what is logged of verdicts, and `/metrics`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::place::{Outcome, Place};
use crate::process::{Process, eventually};
use crate::query::{EUROPE, ask};
use crate::schema::wrong;
use crate::server::{Server, ZONE};

/// A web server on loopback that answers what it is told to, and keeps what it is asked.
pub struct Web {
    pub address: SocketAddr,
    is_well: Arc<AtomicBool>,
    delay_ms: Arc<AtomicU64>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Web {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let web = Web {
            address: listener.local_addr().unwrap(),
            is_well: Arc::new(AtomicBool::new(true)),
            delay_ms: Arc::default(),
            requests: Arc::default(),
        };
        let (is_well, requests) = (Arc::clone(&web.is_well), Arc::clone(&web.requests));
        let delay_ms = Arc::clone(&web.delay_ms);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let request = request(&mut stream);
                requests.lock().unwrap().push(request);
                thread::sleep(Duration::from_millis(delay_ms.load(SeqCst)));
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

    pub fn set_well(&self, is_well: bool) {
        self.is_well.store(is_well, SeqCst);
    }

    /// How long it takes to answer.
    pub fn set_delay(&self, ms: u64) {
        self.delay_ms.store(ms, SeqCst);
    }

    pub fn requests(&self) -> Vec<String> {
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

pub fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// Two pools that share an endpoint, which is probed; and what is written behind that.
pub fn place(web: &Web, besides: &str) -> Place {
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

pub fn health(place: &Place, words: &[&str]) -> Outcome {
    let mut arguments = vec!["health", "--config", "meridian.toml"];
    arguments.extend(words);
    place.run(&arguments)
}

/// What is printed as JSON, which is as its schema says.
#[track_caller]
pub fn json(place: &Place, words: &[&str]) -> Value {
    let schema = match words.contains(&"--history") {
        true => include_str!("../../docs/health/history.schema.json"),
        false => include_str!("../../docs/health/health.schema.json"),
    };
    let words = [words, &["--json"]].concat();
    let outcome = health(place, &words);
    let value = serde_json::from_str(&outcome.stdout);
    let value = value.unwrap_or_else(|e| panic!("{e}: {outcome:?}"));
    assert_eq!(
        wrong(&serde_json::from_str(schema).unwrap(), &value),
        [""; 0]
    );
    value
}

/// Cause, from, to and why of every change of what is named.
pub fn turns(place: &Place, what: &str) -> Vec<[String; 4]> {
    let history = json(place, &["--history", what]);
    let turn = |change: &Value| {
        ["cause", "from", "to", "why"].map(|field| change[field].as_str().unwrap().to_owned())
    };
    history.as_array().unwrap().iter().map(turn).collect()
}

pub fn until_verdict(place: &Place, verdict: &str) -> Value {
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
        (&up["verdict"], &up["monitors"]),
        (&"up".into(), &vec!["web"].into())
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
    // Names say what they count, and everything has its help.
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for name in names.filter_map(|line| line.split(' ').next()) {
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        let is_counter = text.contains(&format!("# TYPE {name} counter\n"));
        assert_eq!(name.ends_with("_total"), is_counter, "{name}");
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

#[test]
fn series_of_what_is_gone_or_called_otherwise_vanish_with_a_reload() {
    let web = Web::new();
    let place = place(&web, "[metrics]\nlisten = \"127.0.0.1:0\"");
    let mut server = Server::start(&place, &[]);
    let address = metrics_at(&mut server);
    let told = |name: &str| {
        let text = get(&address, "/metrics");
        text.lines().filter(|line| line.contains(name)).count()
    };
    eventually("all of them", || {
        let all = [
            "pool=\"api-eu\"",
            "monitor=\"web\"",
            "_changes_total{pool=\"api-eu\"",
        ];
        all.iter().all(|name| told(name) > 0).then_some(())
    });
    let text = place.read("meridian.toml");
    let (before, rest) = text.split_once("[pool.api-eu]").unwrap();
    let (_, behind) = rest.split_once("[policy.world]").unwrap();
    let text = format!("{before}[policy.world]{behind}").replace(", \"api-eu\"", "");
    let text = text.replace("[monitor.web]", "[monitor.site]");
    place.write("meridian.toml", text.replace("= \"web\"\n", "= \"site\"\n"));
    server.reload("configuration reloaded");
    eventually("the monitor by its new name", || {
        (told("monitor=\"site\",outcome=\"success\"") > 0).then_some(())
    });
    assert_eq!((told("api-eu"), told("monitor=\"web\"")), (0, 0));
    assert!(told("_changes_total{pool=\"web-eu\",to=\"up\"} 1") > 0);
}

#[test]
fn what_fell_too_often_is_said_to_be_held_down_and_until_when() {
    let web = Web::new();
    let place = place(&web, "");
    let text = place.read("meridian.toml");
    let flap = "timeout  = \"90ms\"\nfall = 1\nflap = { falls = 2, hold = \"1h\", max = \"1h\" }";
    place.write("meridian.toml", text.replace("timeout  = \"90ms\"", flap));
    let _server = Server::start(&place, &[]);
    let target = |report: &Value| report["targets"][0].clone();
    for verdict in ["up", "down", "up"] {
        web.set_well(verdict == "up");
        let report = until_verdict(&place, verdict);
        assert_eq!(target(&report)["damping"], Value::Null);
    }
    web.set_well(false);
    let fell = target(&until_verdict(&place, "down"));
    assert_eq!(
        (
            &fell["state"],
            &fell["damping"]["falls"],
            &fell["damping"]["hold_ms"]
        ),
        (&"down".into(), &2.into(), &3_600_000.into())
    );
    let said = health(&place, &["web-eu"]).stdout;
    let words = "  state     held down: once it answers, it has to for 3600.0 s without a failure (2 falls of late)\n";
    assert!(said.contains(words), "{said}");
    web.set_well(true);
    let damped = eventually("it answers", || {
        let target = target(&json(&place, &[]));
        (target["state"] == "damped").then_some(target)
    });
    let until = damped["damping"]["until_unix_ms"].as_u64().unwrap();
    assert!(until > damped["since_unix_ms"].as_u64().unwrap() + 3_500_000);
    let said = health(&place, &["web-eu"]).stdout;
    assert!(said.contains("  state     held down until "), "{said}");
    assert!(
        said.contains("has to succeed for 3600 s, as it fell 2 times of late"),
        "{said}"
    );
    let turned = turns(&place, "web-eu").pop().unwrap();
    assert!(
        turned[3].ends_with("it has to answer for 3600 s before it is up"),
        "{turned:?}"
    );
}

#[test]
fn what_is_slow_is_said_to_be_slow_with_its_limit_and_its_part() {
    let web = Web::new();
    web.set_delay(60);
    let place = place(&web, "");
    let text = place.read("meridian.toml");
    let slow = "timeout  = \"95ms\"\ndegraded = { above = \"40ms\", weight = \"25%\" }";
    let text = text.replace("timeout  = \"90ms\"", slow);
    place.write(
        "meridian.toml",
        text.replace("\"100ms\"", "\"1s\"").replace("95ms", "900ms"),
    );
    let _server = Server::start(&place, &[]);
    let slow = eventually("it is slow", || {
        let target = json(&place, &[])["targets"][0].clone();
        (target["slowness"]["degraded"] == true).then_some(target)
    });
    assert_eq!(
        (
            &slow["verdict"],
            &slow["slowness"]["above_ms"],
            &slow["slowness"]["share"]
        ),
        (&"up".into(), &40.into(), &0.25.into())
    );
    let said = health(&place, &["web-eu"]).stdout;
    assert!(said.contains("\n  state     slow\n"), "{said}");
    assert!(
        said.contains(" smoothed; the limit is 40 ms: slow, takes 25 % of its queries\n"),
        "{said}"
    );
    assert!(said.contains("  why       slow, takes 25 %: "), "{said}");
    web.set_delay(0);
    eventually("it is quick again", || {
        let last = turns(&place, "web-eu").pop()?;
        (last[1] == "degraded" && last[2] == "up").then_some(())
    });
    let told = turns(&place, "web-eu");
    assert_eq!((&*told[1][1], &*told[1][2]), ("up", "degraded"));
    assert!(
        told[1][3].ends_with("smoothed (slow: above 40 ms)"),
        "{told:?}"
    );
}

#[test]
fn frozen_verdicts_and_operators_words_are_part_of_the_history() {
    let place = crate::server::place();
    place.write("verdicts.toml", "\"web-eu\" = \"down\"\n");
    let mut server = Server::frozen(&place);
    let of_file = "as the file of frozen verdicts says";
    let frozen = |from: &str, to: &str| ["frozen", from, to, of_file].map(str::to_owned);
    eventually("what the file says", || {
        (turns(&place, "web-eu") == [frozen("unknown", "down")]).then_some(())
    });
    let change = json(&place, &["--history", "web-eu"])[0].clone();
    let both = vec!["web-eu/192.0.2.1", "web-eu/192.0.2.2"];
    assert_eq!(
        (&change["endpoints"], &change["target"]),
        (&both.into(), &Value::Null)
    );
    place.write(
        "verdicts.toml",
        "\"192.0.2.1\" = \"up\"\n\"192.0.2.2\" = \"down\"\n",
    );
    server.reload("configuration reloaded");
    eventually("what it says now", || {
        (turns(&place, "192.0.2.1").pop()? == frozen("down", "up")).then_some(())
    });
    assert_eq!(turns(&place, "192.0.2.2"), [frozen("unknown", "down")]);
    let run = |words: &[&str]| {
        let done = place.run(&[words, &["-c", "meridian.toml"]].concat());
        assert_eq!(done.code, 0, "{done:?}");
    };
    run(&[
        "override",
        "down",
        "web-eu/192.0.2.1",
        "--reason",
        "disk full",
    ]);
    let told = turns(&place, "192.0.2.1").pop().unwrap();
    assert_eq!(told[..3], ["operator", "up", "down"], "{told:?}");
    assert!(told[3].contains("disk full"), "{told:?}");
    run(&["override", "clear", "web-eu/192.0.2.1"]);
    let told = turns(&place, "192.0.2.1").pop().unwrap();
    let words = [
        "operator",
        "down",
        "up",
        "no operator's word stands any more",
    ];
    assert_eq!(told, words.map(str::to_owned));
    assert_eq!(turns(&place, "192.0.2.2").len(), 1, "nobody spoke of that");
}

#[test]
fn a_watch_that_is_piped_shows_the_worst_again_and_again() {
    let place = Place::new();
    place.write("gslb.zone", ZONE);
    let endpoints: Vec<_> = (1..=60).map(|n| format!("\"127.0.1.{n}\"")).collect();
    // Nobody listens there.
    let config = format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\nstate_dir = \"state\"\nudp_threads = 1\npanic = {{ share = 1.0 }}\n\
         [region.eu]\n[monitor.web]\ntcp = true\nport = 1\ninterval = \"1s\"\n\
         [pool.web-eu]\nregion = \"eu\"\nmonitor = \"web\"\nendpoints = [{}]\n\
         [policy.world]\nfailover = [\"web-eu\"]\n\
         [zone.\"gslb.example.com\"]\nfile = \"gslb.zone\"\n\
         [zone.\"gslb.example.com\".balanced]\nwww = {{ policy = \"world\" }}\n",
        endpoints.join(", ")
    );
    place.write("meridian.toml", config);
    let _server = Server::start(&place, &[]);
    let watch = |words: &[&str]| {
        let arguments = [&["health", "--watch", "-c", "meridian.toml"], words].concat();
        Process::start(place.command(&arguments))
    };
    let heading = "60 targets: ";
    let twice = |process: &mut Process| {
        eventually("two looks", || {
            let text = process.stdout();
            (text.matches(heading).count() >= 2).then_some(text)
        })
    };
    let text = twice(&mut watch(&[]));
    let looks: Vec<&str> = text.split(heading).collect();
    assert_eq!(looks[1].matches("web-eu/127.0.1.").count(), 40, "{text}");
    assert!(
        looks[1].contains("and 20 more, which are no worse"),
        "{text}"
    );
    let text = twice(&mut watch(&["--all"]));
    let looks: Vec<&str> = text.split(heading).collect();
    assert_eq!(looks[1].matches("web-eu/127.0.1.").count(), 60, "{text}");
    // Once, piped, there are all; and JSON has the counts of all with the worst.
    let text = health(&place, &[]).stdout;
    assert_eq!(text.matches("web-eu/127.0.1.").count(), 60, "{text}");
    let worst = json(&place, &["--worst", "5"]);
    assert_eq!(worst["targets"].as_array().unwrap().len(), 5);
    let tally = worst["counts"]["targets"].as_object().unwrap().values();
    assert_eq!(tally.filter_map(Value::as_u64).sum::<u64>(), 60);
}
