//! `meridian serve` with fewer file descriptors than clients that want one.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::place::Place;
use crate::process::Process;
use crate::query::{EUROPE, ask, ask_tcp};
use crate::server::{Server, place};

/// More clients than there are descriptors, none of which asks anything.
fn crowd(address: SocketAddr) -> Vec<TcpStream> {
    (0..200)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect()
}

fn assert_serves(address: SocketAddr) {
    for _ in 0..5 {
        let over_tcp = ask_tcp(address, "www.gslb.example.com", EUROPE);
        assert_eq!(over_tcp.rcode, "NOERROR");
        let over_udp = ask(address, "www.gslb.example.com", EUROPE);
        assert_eq!(over_udp.rcode, "NOERROR");
    }
}

/// With at most this many files open, from the start on.
fn serve_within(place: &Place, files: u32) -> Process {
    let serve = place.command(&["serve", "--config", "meridian.toml"]);
    let mut limited = Command::new("prlimit");
    limited
        .arg(format!("--nofile={files}:{files}"))
        .arg(serve.get_program())
        .args(serve.get_args())
        .args(["--frozen-health", "verdicts.toml"])
        .current_dir(serve.get_current_dir().unwrap());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    Process::start(limited)
}

#[test]
fn connections_never_take_the_last_descriptors() {
    let place = place();
    let server = Server::ready(serve_within(&place, 120));
    let told = server.process.stderr();
    assert!(told.contains("only 120 files may be open"), "{told}");
    let _crowd = crowd(server.address);
    assert_serves(server.address);
    let told = server.process.stderr();
    assert!(!told.contains("accepting TCP connections fails"), "{told}");
}

#[test]
fn without_descriptors_the_idlest_connections_make_room() {
    let place = place();
    let mut server = Server::frozen(&place);
    let lowered = Command::new("prlimit")
        .args(["--pid", &server.process.id().to_string(), "--nofile=60:60"])
        .status();
    assert!(lowered.unwrap().success());
    let _crowd = crowd(server.address);
    let told = server
        .process
        .until_stderr("accepting TCP connections fails");
    assert_serves(server.address);
    assert_eq!(told.matches("accepting TCP connections fails").count(), 1);
}
