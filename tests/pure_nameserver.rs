//! A program that was built without the forwarder answers as any other, and says what it does not take. (One that was
//! built with it takes all of this.)

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Command, Output};

use meridian::testing::TestServer;

const IS_PURE: bool = cfg!(not(feature = "forwarder"));

/// What pools say of the forwarder is read by each program.
const CONFIG: &str = r#"
[region.eu]
[pool.web]
region    = "eu"
endpoints = ["192.0.2.1"]
backend   = { port = 8080, retries = 1 }
[pool.front]
region    = "eu"
endpoints = ["192.0.2.80"]
load_from = "web"
[policy.www]
failover = ["front"]
[zone."example.com"]
file = "example.com.zone"
balanced = { www = { policy = "www" } }
"#;

/// On lines of their own, behind all of it.
const FORWARDER: &str =
    "[forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\n[[forwarder.route]]\nto = \"web\"\n";

const ZONE: &str = "@ 60 SOA ns admin 1 7200 1800 1209600 60\n@ 60 NS ns\nns 60 A 192.0.2.53\n";

fn meridian(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command.args(arguments).output().expect("the program runs")
}

#[test]
fn it_answers() {
    let server = TestServer::start(CONFIG, &[("example.com.zone", ZONE)]).expect("a server");
    let answer = server.query("www.example.com", "A", None);
    assert_eq!(
        answer.expect("an answer").addresses,
        [Ipv4Addr::new(192, 0, 2, 80)]
    );
}

#[test]
fn it_refuses_a_forwarder_at_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("meridian.toml");
    fs::write(folder.path().join("example.com.zone"), ZONE).expect("a zone");
    fs::write(&path, format!("{CONFIG}{FORWARDER}")).expect("a configuration");
    let path = path.to_str().expect("a path");
    let checked = meridian(&["check", "--config", path]);
    assert_eq!(checked.status.success(), !IS_PURE, "{checked:?}");
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    let line = CONFIG.lines().count() + 1;
    let refusal = format!(
        "{path}:{line}:2: error: this program was built without the forwarder: it takes no [forwarder]\n"
    );
    assert_eq!(told.starts_with(&refusal), IS_PURE, "{told}");
    let explained = meridian(&["explain", "--url", "http://www.example.com/", "-c", path]);
    assert_eq!(explained.status.success(), !IS_PURE, "{explained:?}");
}

#[test]
fn it_says_that_it_has_no_demo_of_it() {
    if IS_PURE {
        let shown = meridian(&["demo", "--forwarder"]);
        let told = String::from_utf8_lossy(&shown.stderr).into_owned();
        assert!(
            told.contains("this program was built without the forwarder"),
            "{told}"
        );
        assert!(!shown.status.success());
    }
}
