//! README.md keeps its promises: its commands run, its configuration and zones are right, and what
//! it links to is there. A command that this test does not know fails it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use ipnet::IpNet;
use meridian::compile::zonefile;
use meridian::config::Diagnostics;
use meridian::dns::{MESSAGE_LEN_MAX, Name, query, rtype};
use meridian::testing::Answer;
use tempfile::TempDir;

#[path = "../examples/test_server.rs"]
mod test_server;

const README: &str = include_str!("../README.md");
/// The ports that README.md names.
const DNS_PORT: &str = "5300";
const BACKEND_PORT: &str = "8080";
/// How README.md runs the binary without having installed it.
const CARGO_RUN: &str = "cargo run --release -- ";

/// Contents of the fenced blocks in a language ("" for none).
fn blocks(language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for line in README.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => {
                let (of, text) = open.take().unwrap();
                found.extend((of == language).then_some(text));
            }
            (Some(of), None) => open = Some((of.trim(), String::new())),
            (None, Some((_, text))) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of README.md has no end");
    found
}

/// What stands between single backticks, outside blocks.
fn inline_code() -> Vec<String> {
    let outside = README.split("```").step_by(2);
    let spans = outside.flat_map(|text| text.split('`').skip(1).step_by(2));
    spans.map(|span| span.replace('\n', " ")).collect()
}

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The binary in a folder of its own.
fn meridian(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env("TMPDIR", folder)
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    meridian(folder, arguments).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// A running command; killed with its handle.
struct Running(Child);

impl Running {
    /// Starts it and reads its output up to a line with `marker`.
    fn start(mut command: Command, marker: &str) -> (Self, String) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut read = String::new();
        while !read.contains(marker) {
            let length = output.read_line(&mut read).unwrap();
            assert_ne!(length, 0, "ended without `{marker}`: {read}");
        }
        // What follows is read, too, so that it can be written.
        std::thread::spawn(move || output.read_to_string(&mut String::new()));
        (Running(child), read)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A demo on free ports.
struct Demo {
    _running: Running,
    dns: String,
    backend: String,
}

impl Demo {
    fn start(folder: &Path) -> Self {
        let arguments = ["demo", "--port", "0", "--backend-port", "0"];
        let (running, welcome) = Running::start(meridian(folder, &arguments), "Ctrl-C");
        let word_after = |marker: &str| {
            let rest = welcome.split_once(marker).unwrap().1;
            rest.split([' ', '/']).next().unwrap().to_owned()
        };
        Demo {
            _running: running,
            dns: word_after("dig @127.0.0.1 -p "),
            backend: word_after("http://127.0.10.1:"),
        }
    }

    /// Runs a `dig` of README.md; the addresses that it prints.
    fn dig(&self, command: &str) -> Vec<String> {
        assert!(command.contains(&format!("-p {DNS_PORT} ")), "{command}");
        let command = command.replace(DNS_PORT, &self.dns) + " +short";
        let words: Vec<_> = command.split_whitespace().collect();
        let mut addresses = match Command::new("dig").args(&words[1..]).output() {
            Ok(output) => text(&output.stdout).lines().map(str::to_owned).collect(),
            Err(_) => {
                println!("dig is not installed; its query is made in process");
                in_process(&words)
            }
        };
        addresses.sort();
        addresses
    }

    /// Runs a `curl -X POST` of README.md; what the backend says.
    fn curl(&self, command: &str) -> String {
        assert!(command.contains(&format!(":{BACKEND_PORT}/")), "{command}");
        let command = command.replace(BACKEND_PORT, &self.backend);
        let words: Vec<_> = command.split_whitespace().collect();
        let curl = Command::new("curl")
            .args(&words[1..])
            .args(["--silent", "--noproxy", "*"])
            .output();
        match curl {
            Ok(output) => text(&output.stdout),
            Err(_) => {
                println!("curl is not installed; its request is made in process");
                post(words.last().unwrap())
            }
        }
    }
}

/// What `dig @SERVER -p PORT NAME +subnet=NETWORK` asks.
fn in_process(words: &[&str]) -> Vec<String> {
    let after = |prefix: &str| words.iter().find_map(|word| word.strip_prefix(prefix));
    let port = words[1 + words.iter().position(|word| *word == "-p").unwrap()];
    let server = format!("{}:{port}", after("@").unwrap());
    let name = words.iter().find(|word| word.ends_with(".com")).unwrap();
    let subnet: IpNet = after("+subnet=").unwrap().parse().unwrap();
    let name = Name::parse(name).unwrap();
    let subnet = Some((subnet.addr(), subnet.prefix_len()));
    let answer = exchange(
        server.parse().unwrap(),
        &query::compose(1, &name, rtype::A, subnet),
    );
    let addresses = answer.addresses.iter();
    addresses.map(ToString::to_string).collect()
}

fn exchange(server: SocketAddr, message: &[u8]) -> Answer {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    socket.connect(server).unwrap();
    socket.send(message).unwrap();
    let mut reply = vec![0; MESSAGE_LEN_MAX];
    let length = socket.recv(&mut reply).unwrap();
    reply.truncate(length);
    Answer::decode(reply).unwrap()
}

fn post(url: &str) -> String {
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

/// `serve --config my-gslb/meridian.toml`, once the port is a free one.
fn serve_what_was_written(folder: &Path, arguments: &[&str]) {
    let config = folder.join("my-gslb/meridian.toml");
    let written = fs::read_to_string(&config).unwrap();
    let listen = r#"["127.0.0.1:5300", "[::1]:5300"]"#;
    assert!(written.contains(listen));
    fs::write(&config, written.replace(listen, r#"["127.0.0.1:0"]"#)).unwrap();
    let (_running, ready) = Running::start(meridian(folder, arguments), "\n");
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let server: SocketAddr = ready["listen"][0].as_str().unwrap().parse().unwrap();
    let name = Name::parse("www.gslb.example.com").unwrap();
    let subnet = Some(([193, 0, 0, 0].into(), 24));
    let answer = exchange(server, &query::compose(1, &name, rtype::A, subnet));
    // As README.md says: every region counts as down, and the nearest is answered all the same.
    assert_eq!(answer.rcode, "NOERROR");
    assert!(
        answer
            .addresses
            .iter()
            .all(|a| a.to_string().starts_with("127.0.10.")),
        "{answer:?}"
    );
}

#[test]
fn every_command_does_what_it_is_shown_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let demo = Demo::start(folder);
    let mut seen = Vec::new();
    let scripts = blocks("sh");
    for command in scripts.iter().flat_map(|script| script.lines()) {
        let words: Vec<_> = command.split_whitespace().collect();
        let arguments = words.get(4..).unwrap_or_default();
        match command {
            "cargo run --release -- demo" => {} // It runs already.
            "cargo run --release -- demo --write my-gslb" => {
                let output = run(folder, arguments);
                assert!(output.status.success(), "{output:?}");
            }
            "cargo run --release -- serve --config my-gslb/meridian.toml" => {
                serve_what_was_written(folder, arguments);
            }
            "cargo test" => {} // This is it.
            // Of other tests.
            "cargo run --release -- demo --forwarder" => {}
            _ if is_told(command) => {}
            _ if PLANNING.iter().any(|start| command.starts_with(start)) => {}
            _ if words[0] == "dig" => {
                let network = match () {
                    () if command.ends_with("+subnet=193.0.0.0/24") => "127.0.10.",
                    () if command.ends_with("+subnet=8.8.8.0/24") => "127.0.20.",
                    () if command.ends_with("+subnet=203.119.0.0/24") => "127.0.30.",
                    () => panic!("README.md digs for what this test does not know: {command}"),
                };
                let expected = [1, 2].map(|n| format!("{network}{n}"));
                assert_eq!(demo.dig(command), expected, "{command}");
            }
            "curl -X POST http://127.0.10.1:8080/down" => {
                let said = demo.curl(command);
                assert!(said.contains("127.0.10.1 in region eu: down"), "{said}");
            }
            _ => panic!("README.md has a command that this test does not know: {command}"),
        }
        seen.push(words[0]);
    }
    for program in ["cargo", "dig", "curl"] {
        assert!(seen.contains(&program), "README.md shows no {program}");
    }
}

/// Whether it tells a running server something.
fn is_told(command: &str) -> bool {
    ["meridian override ", "meridian load "]
        .iter()
        .any(|told| command.starts_with(told))
}

#[test]
fn what_a_running_server_is_told_is_taken_as_it_is_shown() {
    let folder = with_example();
    let config = folder.path().join("meridian.toml");
    let mut example = fs::read_to_string(&config).unwrap();
    for (shown, here) in [
        (r#"["0.0.0.0:53", "[::]:53"]"#, r#"["127.0.0.1:0"]"#),
        (r#""/var/lib/meridian""#, r#""state""#),
    ] {
        assert!(example.contains(shown));
        example = example.replace(shown, here);
    }
    fs::write(&config, example).unwrap();
    fs::write(folder.path().join("verdicts.toml"), "").unwrap();
    let serve = [
        "serve",
        "--config",
        "meridian.toml",
        "--frozen-health",
        "verdicts.toml",
    ];
    let (_running, _) = Running::start(meridian(folder.path(), &serve), "\n");
    let scripts = blocks("sh");
    let lines = scripts.iter().flat_map(|script| script.lines());
    let mut shown = 0;
    for line in lines.filter(|line| is_told(line)) {
        let words = line.strip_prefix("meridian").unwrap();
        let script = format!("exec '{}'{words}", env!("CARGO_BIN_EXE_meridian"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(folder.path());
        let output = shell
            .env("XDG_RUNTIME_DIR", folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        shown += 1;
    }
    assert!(shown > 3);
}

/// What is shown to be done before a change.
const PLANNING: [&str; 2] = ["meridian plan ", "meridian replay "];

#[test]
fn plans_are_made_as_they_are_shown() {
    let folder = with_example();
    let at = |name: &str| folder.path().join(name);
    let example = fs::read_to_string(at("meridian.toml")).unwrap();
    let serves_less = example.replace(r#""continent:EU", "continent:AF""#, r#""continent:EU""#);
    assert_ne!(serves_less, example);
    fs::write(at("new.toml"), serves_less).unwrap();
    fs::write(at("asked.txt"), "www.gslb.example.com A 193.0.0.0/24\n").unwrap();
    let scripts = blocks("sh");
    let lines = scripts.iter().flat_map(|script| script.lines());
    let is_planning = |line: &&str| PLANNING.iter().any(|start| line.starts_with(start));
    let mut shown = 0;
    for line in lines.filter(is_planning) {
        let words = line.split_once('#').map_or(line, |(words, _)| words);
        let arguments: Vec<_> = words.split_whitespace().skip(1).collect();
        let output = run(folder.path(), &arguments);
        assert!(output.status.success(), "{line}: {output:?}");
        let said = text(&output.stdout);
        assert!(
            said.contains("www.gslb.example.com.") || said.contains("nobody moves"),
            "{said}"
        );
        shown += 1;
    }
    assert_eq!(shown, 3);
    assert!(
        fs::read_to_string(at("map.svg"))
            .unwrap()
            .contains("</svg>")
    );
}

#[test]
fn the_tour_in_parentheses_works() {
    let tour = format!("{CARGO_RUN}demo --tour");
    assert!(inline_code().contains(&tour));
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["demo", "--tour", "--port", "0", "--backend-port", "0"];
    let output = run(folder.path(), &arguments);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn every_subcommand_and_option_that_is_named_exists() {
    let folder = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for code in inline_code() {
        let code = code
            .strip_prefix(CARGO_RUN)
            .map_or(code.clone(), |rest| format!("meridian {rest}"));
        let Some(rest) = code.strip_prefix("meridian ") else {
            continue;
        };
        let is_command = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
        let mut help: Vec<_> = rest.split_whitespace().take_while(is_command).collect();
        help.push("--help");
        let output = run(folder.path(), &help);
        assert!(output.status.success(), "`{code}`: {output:?}");
        let known = text(&output.stdout);
        for option in rest.split_whitespace().filter(|word| word.starts_with('-')) {
            assert!(
                known.contains(option),
                "`{code}`: {option} is not in\n{known}"
            );
        }
        checked += 1;
    }
    assert!(checked > 8, "only {checked} commands were found");
}

#[test]
fn options_named_alone_belong_to_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let help =
        |command: &[&str]| text(&run(folder.path(), &[command, &["--help"]].concat()).stdout);
    let known = help(&["serve"])
        + &help(&["explain"])
        + &help(&["override", "drain"])
        + &help(&["plan"])
        + &help(&["health"]);
    for code in inline_code() {
        if let Some(option) = code
            .split_whitespace()
            .next()
            .filter(|w| w.starts_with("--"))
        {
            assert!(known.contains(option), "{option} is not in\n{known}");
        }
    }
}

/// A folder with the first configuration example and the files that a user has to bring, and all that
/// once more in the folders that the example of several files names.
fn with_example() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["conf.d", "zones"] {
        fs::create_dir(at(name)).unwrap();
    }
    write_example(folder.path(), "meridian.toml");
    write_example(&at("conf.d"), "all.toml");
    let [_, zone] = zones();
    fs::write(at("zones/example.org.zone"), zone).unwrap();
    folder
}

fn write_example(folder: &Path, name: &str) {
    let example = blocks("toml").swap_remove(0);
    fs::write(folder.join(name), &example).unwrap();
    for database in ["GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb"] {
        assert!(example.contains(database));
        let sample = in_repository("geoip/sample.mmdb");
        fs::copy(sample, folder.join(database)).unwrap();
    }
    let [_, zone] = zones();
    fs::write(folder.join("gslb.example.com.zone"), zone).unwrap();
}

/// The parent's zone snippet, and Meridian's own.
fn zones() -> [String; 2] {
    blocks("").try_into().expect("two zone snippets")
}

#[test]
fn every_configuration_example_passes_check_without_a_warning() {
    let folder = with_example();
    for example in blocks("toml") {
        fs::write(folder.path().join("meridian.toml"), &example).unwrap();
        let output = run(folder.path(), &["check", "--config", "meridian.toml"]);
        assert_eq!(text(&output.stderr), "", "{example}");
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn the_example_of_several_files_finds_them_all() {
    let folder = with_example();
    let is_of_several = |example: &String| example.starts_with("include");
    let example = blocks("toml").into_iter().find(is_of_several).unwrap();
    fs::write(folder.path().join("meridian.toml"), example).unwrap();
    let output = run(folder.path(), &["check", "--config", "meridian.toml"]);
    for apex in ["example.org.", "gslb.example.com."] {
        let line = format!("zone {apex}: ");
        assert!(text(&output.stdout).contains(&line), "{output:?}");
    }
}

#[test]
fn the_alternatives_in_the_comments_of_the_example_are_right_too() {
    let folder = with_example();
    let example = fs::read_to_string(folder.path().join("meridian.toml")).unwrap();
    let geo = r#"geo           = ["web-eu", "web-us"]"#;
    let all_down = r#"when_all_down = "all" "#;
    assert!(example.contains(geo) && example.contains(all_down));
    let mut variants = Vec::new();
    for kind in ["failover", "weighted", "round-robin", "random"] {
        let members = match kind {
            "weighted" => r#"{ web-eu = 1, web-us = 2 }"#,
            _ => r#"["web-eu", "web-us"]"#,
        };
        variants.push(example.replace(geo, &format!("{kind} = {members}")));
    }
    for then in [
        r#""nodata""#,
        r#""servfail""#,
        r#""refuse""#,
        r#"{ fallback = "web-us" }"#,
    ] {
        variants.push(example.replace(all_down, &format!("when_all_down = {then} ")));
    }
    for variant in variants {
        fs::write(folder.path().join("meridian.toml"), variant).unwrap();
        let output = run(folder.path(), &["check", "--config", "meridian.toml"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

#[test]
fn the_zone_snippets_parse() {
    let [parent, own] = zones();
    let soa = "$ORIGIN example.com.\n@ 60 SOA ns.example.net. admin 1 7200 1800 1209600 60\n\
               @ 60 NS ns.example.net.\n";
    for (apex, zone, balanced) in [
        ("example.com", soa.to_owned() + &parent, None),
        ("gslb.example.com", own, Some("www.gslb.example.com")),
    ] {
        let apex = Name::parse(apex).unwrap();
        let balanced: Vec<_> = balanced
            .iter()
            .map(|n| Name::parse(n).unwrap().into())
            .collect();
        let mut diagnostics = Diagnostics::new();
        let path = Path::new("README.md");
        zonefile::parse(zone.as_bytes(), path, &apex, &balanced, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{:#?}", diagnostics.sorted());
    }
}

#[test]
fn links_lead_to_files_that_are_there() {
    let targets = README.split("](").skip(1).map(|rest| {
        let (target, _) = rest.split_once(')').unwrap();
        target
    });
    for target in targets.filter(|target| !target.contains("://")) {
        assert!(in_repository(target).exists(), "{target}");
    }
}

#[test]
fn the_test_server_example_runs() {
    test_server::main().unwrap();
}
