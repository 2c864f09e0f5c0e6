//! `meridian serve`: start, answers, signals.

use std::net::SocketAddr;

use serde_json::Value;

use crate::place::Place;
use crate::process::{Process, eventually};
use crate::query::{AMERICA, ASIA, EUROPE, ask, ask_tcp, sorted};
use crate::server::{Server, config, place};

const WWW: &str = "www.gslb.example.com";

#[test]
fn the_ready_file_and_standard_output_name_the_ports_that_answer_over_udp_and_tcp() {
    let place = place();
    let two = r#"listen = ["127.0.0.1:0", "127.0.0.1:0"]"#;
    let config = config().replace(r#"listen      = ["127.0.0.1:0"]"#, two);
    place.write("meridian.toml", config);
    let options = ["--frozen-health", "verdicts.toml", "--ready-file", "ready"];
    let server = Server::start(&place, &options);
    assert_eq!(place.read("ready"), server.process.stdout());

    let ready: Value = serde_json::from_str(&place.read("ready")).unwrap();
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["pid"], server.process.id());
    let listen: Vec<SocketAddr> = serde_json::from_value(ready["listen"].clone()).unwrap();
    assert_eq!(listen.len(), 2);
    for address in listen {
        for answer in [ask(address, WWW, EUROPE), ask_tcp(address, WWW, EUROPE)] {
            assert_eq!(answer.rcode, "NOERROR");
            assert_eq!(sorted(&answer), ["192.0.2.1", "192.0.2.2"]);
        }
        assert_eq!(sorted(&ask(address, WWW, AMERICA)), ["198.51.100.1"]);
        assert_eq!(sorted(&ask(address, WWW, ASIA)), ["203.0.113.1"]);
        let nowhere = ask(address, "nope.gslb.example.com", EUROPE);
        assert_eq!(nowhere.rcode, "NXDOMAIN");
    }
}

#[test]
fn a_reload_serves_the_new_configuration_and_zone() {
    let place = place();
    let mut server = Server::frozen(&place);
    place.write(
        "meridian.toml",
        config().replace("198.51.100.1", "198.51.100.7"),
    );
    place.write("gslb.zone", place.read("gslb.zone") + "new A 192.0.2.99\n");
    server.reload("configuration reloaded");
    assert_eq!(sorted(&ask(server.address, WWW, AMERICA)), ["198.51.100.7"]);
    let new = ask(server.address, "new.gslb.example.com", EUROPE);
    assert_eq!(sorted(&new), ["192.0.2.99"]);
}

#[test]
fn a_bad_reload_tells_every_mistake_with_its_place_and_changes_nothing() {
    let place = place();
    let mut server = Server::frozen(&place);
    let text = config()
        .replace("198.51.100.1", "198.51.100.7")
        .replace("region    = \"ap\"", "region    = \"pa\"");
    let line = 1 + text.lines().position(|l| l.contains("\"pa\"")).unwrap();
    place.write("meridian.toml", text);
    place.write("gslb.zone", place.read("gslb.zone") + "bad A 1.2.3\n");
    server.reload("not reloaded");
    let log = server.process.stderr();
    assert!(log.contains(&format!("meridian.toml:{line}:13: ")), "{log}");
    assert!(log.contains("did you mean"), "{log}");
    assert!(log.contains("gslb.zone:6:7: "), "{log}");
    assert_eq!(sorted(&ask(server.address, WWW, AMERICA)), ["198.51.100.1"]);

    place.write("meridian.toml", config());
    place.write("gslb.zone", crate::server::ZONE);
    server.reload("configuration reloaded");
}

#[test]
fn a_reload_changes_who_may_ask_and_how_much() {
    let place = place();
    let mut server = Server::frozen(&place);
    assert_eq!(ask(server.address, WWW, EUROPE).rcode, "NOERROR");
    for (traffic, rcode) in [
        ("allow_query = \"192.0.2.0/24\"", "REFUSED"),
        ("allow_query = \"127.0.0.0/8\"", "NOERROR"),
        ("rate_limit = { responses_per_second = 5 }", "NOERROR"),
    ] {
        let changed = config().replace("[server]", &format!("[server]\n{traffic}"));
        place.write("meridian.toml", changed);
        server.reload("configuration reloaded");
        assert_eq!(ask(server.address, WWW, EUROPE).rcode, rcode, "{traffic}");
    }
    let told = server.process.stderr();
    assert!(!told.contains("restart"), "{told}");
}

#[test]
fn a_polite_stop_exits_with_0_and_leaves_neither_ready_file_nor_admin_socket() {
    for signal in ["TERM", "INT"] {
        let place = place();
        let options = ["--frozen-health", "verdicts.toml", "--ready-file", "ready"];
        let mut server = Server::start(&place, &options);
        assert!(place.path("ready").exists());
        assert!(place.path("state/admin.sock").exists());
        server.process.signal(signal);
        assert_eq!(server.process.wait(), 0, "SIG{signal}");
        assert!(!place.path("ready").exists());
        assert!(!place.path("state/admin.sock").exists());
    }
}

#[test]
fn readiness_ends_when_the_stop_begins_and_answers_go_on_for_the_drain_time() {
    let place = place();
    let drain = "[server]\ndrain_time = \"60s\"";
    place.write("meridian.toml", config().replace("[server]", drain));
    let options = ["--frozen-health", "verdicts.toml", "--ready-file", "ready"];
    let server = Server::start(&place, &options);
    server.process.signal("TERM");
    eventually("the end of readiness", || {
        (!place.path("ready").exists()).then_some(())
    });
    assert_eq!(ask(server.address, WWW, EUROPE).rcode, "NOERROR");
}

#[test]
fn a_ready_file_of_a_killed_server_is_not_believed() {
    let place = place();
    place.write("ready", "{\"ready\":true}\n");
    place.write("meridian.toml", "[server]\nlisten = 1\n");
    let outcome = place.run(&[
        "serve",
        "--config",
        "meridian.toml",
        "--ready-file",
        "ready",
    ]);
    assert_eq!(outcome.code, 1);
    assert!(!place.path("ready").exists());
}

#[test]
fn a_ready_file_that_cannot_be_written_is_an_error() {
    let place = place();
    let outcome = place.run(&[
        "serve",
        "--config",
        "meridian.toml",
        "--ready-file",
        "no/such/folder/ready",
        "--frozen-health",
        "verdicts.toml",
    ]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("ready file no/such/folder/ready"),
        "{outcome:?}"
    );
}

#[test]
fn the_same_seed_draws_the_same_answers_in_every_run() {
    let draws = |seed: &str| {
        let place = place();
        let options = ["--frozen-health", "verdicts.toml", "--seed", seed];
        let server = Server::start(&place, &options);
        let firsts = (0..64).map(|_| ask(server.address, WWW, EUROPE).addresses[0]);
        firsts.collect::<Vec<_>>()
    };
    let first = draws("7");
    assert_eq!(first, draws("7"));
    assert_ne!(first, draws("8"));
}

#[test]
fn an_address_in_use_is_refused_with_address_and_reason() {
    let first = place();
    let server = Server::frozen(&first);
    let second = place();
    let listen = format!("listen = [\"{}\"]", server.address);
    let config = config().replace("listen      = [\"127.0.0.1:0\"]", &listen);
    second.write("meridian.toml", config);
    let outcome = second.run(&["serve", "--config", "meridian.toml", "--log", "text"]);
    assert_eq!(outcome.code, 1);
    let words = format!("cannot listen on {} (TCP)", server.address);
    assert!(outcome.stderr.contains(&words), "{outcome:?}");
    assert!(outcome.stderr.contains("in use"), "{outcome:?}");
    assert_eq!(outcome.stdout, "");
    assert_eq!(ask(server.address, WWW, EUROPE).rcode, "NOERROR");
}

#[test]
fn a_state_folder_has_one_server() {
    let place = place();
    let server = Server::frozen(&place);
    let outcome = place.run(&["serve", "--config", "meridian.toml", "--log", "text"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome
            .stderr
            .contains("another server is using this state_dir"),
        "{outcome:?}"
    );
    // The first one can still be asked.
    let explained = place.run(&["explain", WWW]);
    assert_eq!(explained.code, 0, "{explained:?}");
    assert!(explained.stdout.contains("of the running server"));
    drop(server);
}

#[test]
fn a_state_folder_of_a_killed_server_is_taken_over() {
    let place = place();
    let mut killed = Server::frozen(&place);
    killed.process.signal("KILL");
    killed.process.wait();
    assert!(place.path("state/admin.sock").exists());
    let _server = Server::frozen(&place);
    let explained = place.run(&["explain", WWW]);
    assert_eq!(explained.code, 0, "{explained:?}");
}

#[test]
fn a_state_folder_that_cannot_be_made_is_refused_by_name() {
    let place = place();
    place.write("file", "");
    let config = config().replace("\"state\"", "\"file/state\"");
    place.write("meridian.toml", config);
    let outcome = place.run(&["serve", "--config", "meridian.toml", "--log", "text"]);
    assert_eq!(outcome.code, 1);
    let words = format!("state_dir {}: ", place.path("file/state").display());
    assert!(outcome.stderr.contains(&words), "{outcome:?}");
}

#[test]
fn a_stop_during_the_start_is_obeyed() {
    let place = place();
    // Nobody answers there, and the start waits for the first probes.
    let grace = "[server]\nstartup_grace = \"60s\"";
    let patient = "tcp = true\ntimeout = \"30s\"\ninterval = \"60s\"";
    let config = config()
        .replace("[server]", grace)
        .replace("tcp  = true", patient);
    place.write("meridian.toml", config);
    let arguments = ["serve", "--config", "meridian.toml"];
    let mut process = Process::start(place.command(&arguments));
    eventually("the claim of the state folder", || {
        place.path("state/admin.sock").exists().then_some(())
    });
    process.signal("TERM");
    assert_eq!(process.wait(), 0);
    assert!(!place.path("state/admin.sock").exists());
}

#[test]
fn logs_are_json_objects_unless_a_person_reads_them() {
    let place = place();
    let mut server = Server::frozen(&place);
    place.write("gslb.zone", "oops\n");
    server.reload("keeps its old data");
    server.process.signal("TERM");
    assert_eq!(server.process.wait(), 0);
    let log = server.process.until_stderr("stopped");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
        .collect();
    for line in &lines {
        assert!(
            line["timestamp"].is_string() && line["level"].is_string(),
            "{line}"
        );
    }
    let says = |level: &str, text: &str| {
        lines.iter().any(|line| {
            line["level"] == level && line["message"].as_str().unwrap_or_default().contains(text)
        })
    };
    assert!(
        says("INFO", "answering") && says("INFO", "stopping"),
        "{log}"
    );
    assert!(says("ERROR", "gslb.zone:1:"), "{log}");
}

#[test]
fn a_refused_start_is_logged_as_json_to_machines_and_shown_to_people() {
    let place = Place::new();
    place.write("meridian.toml", "[server]\nlistn = \"127.0.0.1:0\"\n");
    let machine = place.run(&["serve", "--config", "meridian.toml"]);
    assert_eq!(machine.code, 1);
    for line in machine.stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string());
    }
    let person = place.run(&["serve", "--config", "meridian.toml", "--log", "text"]);
    assert_eq!(person.code, 1);
    assert!(
        person.stderr.contains("2 | listn = \"127.0.0.1:0\""),
        "{person:?}"
    );
    assert!(
        person.stderr.contains("the configuration was refused"),
        "{person:?}"
    );
}
