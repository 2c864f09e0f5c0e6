//! What a running forwarder tells: access logs, metrics, loads and round-trip times; and backends that register.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::place::{Place, in_repository};
use crate::process::{Process, eventually};

/// Answers every request with two octets, until the test ends.
fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while matches!(lines.read_line(&mut line), Ok(1..)) {
                    if line.ends_with("\r\n\r\n") || line == "\r\n" {
                        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                    line.clear();
                }
            });
        }
    });
    address
}

const ZONE: &str = "$TTL 300\n@ SOA ns1 h 1 7200 1800 1209600 60\n@ NS ns1\nns1 A 192.0.2.53\n";

const CONFIG: &str = r#"
[server]
listen      = ["127.0.0.1:0"]
state_dir   = "state"
udp_threads = 1
[metrics]
listen = "127.0.0.1:0"
[region.eu]
[pool.front]
region    = "eu"
endpoints = ["127.0.0.1"]
load_from = "web"
[pool.web]
region       = "eu"
capacity     = 100
registration = { max = 4 }
[policy.www]
failover = ["front"]
[zone."example.com"]
file = "zone"
balanced.www = { policy = "www" }
[forwarder]
threads    = 2
access_log = { to = "access.log", format = "json" }
[forwarder.listener.web]
listen = "127.0.0.1:0"
[[forwarder.route]]
path       = "/plain"
access_log = { to = "plain.log", format = "combined" }
to         = "web"
[[forwarder.route]]
host       = "quiet.example.com"
access_log = false
to         = "web"
[[forwarder.route]]
host       = "closed.example.com"
deny       = "127.0.0.9/32"
rate_limit = { requests = 1000 }
to         = "web"
[[forwarder.route]]
host  = "www.example.com"
to    = "web"
cache = true
"#;

struct Server {
    process: Process,
    http: SocketAddr,
}

fn serve(place: &Place) -> Server {
    let arguments = ["serve", "--config", "meridian.toml"];
    let mut process = Process::start(place.command(&arguments));
    let line = process.until_stdout("\n");
    let ready: Value = serde_json::from_str(&line).unwrap();
    let http = ready["forwarder"][0].as_str().unwrap().parse().unwrap();
    Server { process, http }
}

fn place() -> Place {
    let place = Place::new();
    place.write("meridian.toml", CONFIG);
    place.write("zone", ZONE);
    place
}

fn run(place: &Place, words: &[&str]) -> String {
    let mut arguments = words.to_vec();
    arguments.extend(["--config", "meridian.toml"]);
    let outcome = place.run(&arguments);
    assert_eq!(outcome.code, 0, "{words:?}: {}", outcome.stderr);
    outcome.stdout
}

/// The whole response.
fn get(server: &Server, host: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(server.http).unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: {host}\r\nuser-agent: a\"b\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn until_served(server: &Server) {
    eventually("a response of the backend", || {
        get(server, "quiet.example.com", "/")
            .ends_with("hi")
            .then_some(())
    });
}

fn lines(place: &Place, name: &str, many: usize) -> Vec<String> {
    eventually(&format!("{many} lines in {name}"), || {
        let text = std::fs::read_to_string(place.path(name)).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= many).then_some(lines)
    })
}

#[test]
fn a_backend_that_registers_is_sent_requests_and_each_is_told() {
    let place = place();
    let server = serve(&place);
    assert!(get(&server, "www.example.com", "/early").starts_with("HTTP/1.1 503"));
    let backend = backend().to_string();
    run(&place, &["register", "web", &backend, "--lease", "5m"]);
    until_served(&server);
    assert!(get(&server, "www.example.com", "/a?b=c").ends_with("hi"));
    assert!(get(&server, "other.example.com", "/").starts_with("HTTP/1.1 404"));
    assert!(get(&server, "x.example.com", "/plain/1").ends_with("hi"));

    let told = lines(&place, "access.log", 3);
    let told: Vec<Value> = told
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |target: &str| told.iter().find(|told| told["target"] == target).unwrap();
    assert_eq!(of("/early")["status"], 503);
    let good = of("/a?b=c");
    assert_eq!(
        (&good["status"], &good["octets"], &good["whole"]),
        (&200.into(), &2.into(), &true.into())
    );
    assert_eq!(
        (&good["pool"], &good["endpoint"]),
        (&"web".into(), &backend.as_str().into())
    );
    assert_eq!(
        (&good["host"], &good["agent"]),
        (&"www.example.com".into(), &"a\"b".into())
    );
    assert!(good["took_ms"].as_f64() >= good["waited_ms"].as_f64());
    assert_eq!(
        (&of("/")["status"], &of("/")["route"]),
        (&404.into(), &"".into())
    );
    let plain = lines(&place, "plain.log", 1);
    assert!(
        plain[0].starts_with("127.0.0.1 - - [")
            && plain[0].ends_with("\"GET /plain/1 HTTP/1.1\" 200 2 \"-\" \"a\\x22b\""),
        "{}",
        plain[0]
    );
}

#[test]
fn explain_tells_the_whole_way_of_a_url() {
    let place = place();
    let server = serve(&place);
    let backend = backend().to_string();
    run(&place, &["register", "web", &backend, "--lease", "5m"]);
    until_served(&server);
    let words = [
        "explain",
        "--url",
        "https://WWW.example.com/a?b=c",
        "--client",
        "127.0.0.9",
    ];
    let told = run(&place, &words);
    for text in [
        "www.example.com. A",
        "request    GET /a of www.example.com, from 127.0.0.9",
        "to pool web",
        "pool       web (weighted), whose endpoints would be tried in this order",
        &format!("endpoint   {backend} weight 1 up"),
    ] {
        assert!(told.contains(text), "{text}\n{told}");
    }
    let elsewhere = run(&place, &["explain", "--url", "http://nobody.example.com/"]);
    assert!(elsewhere.contains("none fits: 404"), "{elsewhere}");
    let closed = ["explain", "--url", "http://closed.example.com/"];
    let refused = run(&place, &[&closed[..], &["--client", "127.0.0.9"]].concat());
    let words = "which does not let this client in: 403";
    assert!(
        refused.contains(words) && !refused.contains(&backend),
        "{refused}"
    );
    let let_in = run(&place, &[&closed[..], &["--client", "127.0.0.8"]].concat());
    let words = "limits     1 of the route: what is too much for them gets 429";
    assert!(
        let_in.contains(words) && let_in.contains(&backend),
        "{let_in}"
    );
    let words = ["explain", "--url", "not a url", "--config", "meridian.toml"];
    assert!(place.run(&words).stderr.contains("is no URL"));
}

#[test]
fn logs_are_opened_anew_at_a_reload() {
    let place = place();
    let mut server = serve(&place);
    get(&server, "www.example.com", "/1");
    lines(&place, "access.log", 1);
    std::fs::rename(place.path("access.log"), place.path("access.log.1")).unwrap();
    server.process.signal("HUP");
    server.process.until_stderr("configuration reloaded");
    get(&server, "www.example.com", "/2");
    let told = lines(&place, "access.log", 1);
    assert!(told[0].contains("\"/2\""), "{told:?}");
    assert_eq!(lines(&place, "access.log.1", 1).len(), 1);
}

#[test]
fn what_waits_to_be_logged_is_written_before_the_end() {
    let place = place();
    let mut server = serve(&place);
    for n in 0..50 {
        get(&server, "www.example.com", &format!("/{n}"));
    }
    server.process.signal("TERM");
    assert_eq!(server.process.wait(), 0);
    let text = std::fs::read_to_string(place.path("access.log")).unwrap();
    assert_eq!(text.lines().count(), 50);
}

#[test]
fn what_the_forwarder_has_to_do_is_the_load_of_the_pool_in_front() {
    let place = place();
    let server = serve(&place);
    let backend = backend().to_string();
    run(&place, &["register", "web", &backend, "--lease", "5m"]);
    until_served(&server);
    let loads = eventually("the load of the pool in front", || {
        get(&server, "www.example.com", "/");
        let loads: Value = serde_json::from_str(&run(&place, &["load", "list", "--json"])).unwrap();
        let of = |what: &str| {
            let mut all = loads.as_array().unwrap().iter();
            all.find(|loaded| loaded["what"] == what).cloned()
        };
        let (front, endpoint) = (of("front")?, of(&format!("web/{backend}"))?);
        front["time_ms"].is_number().then_some((front, endpoint))
    });
    assert!(
        loads.0["load"].is_number() && loads.0["connections"].is_number(),
        "{loads:?}"
    );
    assert!(loads.1["connections"].is_number(), "{loads:?}");
    let exported: Value = serde_json::from_str(&run(&place, &["load", "export"])).unwrap();
    assert_eq!(
        (&exported[0]["what"], exported.as_array().unwrap().len()),
        (&"front".into(), 1)
    );
    let rtts: Value = serde_json::from_str(&run(&place, &["rtt", "--json"])).unwrap();
    assert_eq!(rtts[0]["network"], "127.0.0.0/24");
    assert!(rtts[0]["ms"].as_f64() > Some(0.0), "{rtts}");
}

#[test]
fn metrics_tell_routes_and_endpoints_apart() {
    let place = place();
    let mut server = serve(&place);
    let backend = backend().to_string();
    run(&place, &["register", "web", &backend, "--lease", "5m"]);
    until_served(&server);
    let log = server.process.until_stderr("metrics can be read");
    let line = log
        .lines()
        .find(|line| line.contains("metrics can be read"))
        .unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let fields = [&line["listen"], &line["fields"]["listen"]];
    let address = fields.iter().find_map(|field| field.as_str()).unwrap();
    let page = eventually("the counts", || {
        get(&server, "www.example.com", "/");
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let is_counted = |name: &str| {
            let mut lines = page.lines().filter(|line| line.starts_with(name));
            lines.any(|line| line.contains("2xx") && !line.ends_with(" 0"))
        };
        let names = [
            "meridian_endpoint_requests_total{pool=\"web\",endpoint=",
            "meridian_pool_requests_total{pool=\"web\",",
        ];
        names.into_iter().all(is_counted).then_some(page)
    });
    let at = CONFIG
        .lines()
        .position(|line| line == "host  = \"www.example.com\"");
    let route = format!("meridian.toml:{}:1", at.unwrap());
    for text in [
        &format!("meridian_endpoint_in_flight{{pool=\"web\",endpoint=\"{backend}\"}} 0"),
        "meridian_pool_retries_total{pool=\"web\"} 0",
        &format!("meridian_route_cache_requests_total{{route=\"{route}\",result=\"miss\"}}"),
        &format!("meridian_route_cache_requests_total{{route=\"{route}\",result=\"hit\"}} 0"),
        "meridian_cache_size_octets 67108864",
        "meridian_cache_evictions_total 0",
        "meridian_route_request_duration_seconds_bucket{le=\"0.001\",route=",
        "meridian_route_request_duration_seconds_bucket{le=\"+Inf\",route=",
        "meridian_route_request_duration_seconds_count{route=\"\"} 0",
        "meridian_access_log_dropped_total{log=",
        "meridian_rtt_networks 1",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[test]
fn the_examples_of_the_pages_are_configurations() {
    for page in ["registration", "load", "logs"] {
        let text = std::fs::read_to_string(in_repository(&format!("docs/forwarder/{page}.md")));
        let text = text.unwrap();
        let example = text.split("```toml\n").nth(1).unwrap();
        let place = Place::new();
        place.write("meridian.toml", example.split("```").next().unwrap());
        let checked = place.run(&["check", "--config", "meridian.toml"]);
        assert_eq!(checked.code, 0, "{page}: {}", checked.stderr);
    }
}
