//! What a server says of itself, and the cookies it bakes, across reloads; and that secrets stay secret.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use meridian::dns::{Name, query, rtype};

use crate::place::Place;
use crate::server::{Server, config, place};

const NSID: u16 = 3;
const COOKIE: u16 = 10;
const KEEPALIVE: u16 = 11;
const OLD: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const NEW: &str = "445536bcd2513298075a5d379663c962";
const BADCOOKIE: u16 = 23;

/// A query whose OPT record has these options.
fn asking(options: &[(u16, &[u8])]) -> Vec<u8> {
    let name = Name::parse("mail.gslb.example.com").unwrap();
    let mut message = query::compose(7, &name, rtype::A, None);
    let mut data = Vec::new();
    for (code, option) in options {
        data.extend(code.to_be_bytes());
        data.extend((option.len() as u16).to_be_bytes());
        data.extend(*option);
    }
    message[11] = 1;
    message.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00");
    message.extend((data.len() as u16).to_be_bytes());
    message.extend(data);
    message
}

/// The RCODE of an answer that ends with an OPT record, and the data of one of its options.
fn read(reply: &[u8], code: u16) -> (u16, Option<Vec<u8>>) {
    // The record's owner, type and payload size; nothing before it in these answers looks like them.
    let start = b"\x00\x00\x29\x04\xd0";
    let at = reply
        .windows(5)
        .rposition(|w| w == start)
        .expect("an OPT record");
    let rcode = u16::from(reply[at + 5]) << 4 | u16::from(reply[3] & 0x0f);
    let mut options = &reply[at + 11..];
    while let [high, low, _, len, rest @ ..] = options {
        let (data, after) = rest.split_at(usize::from(*len));
        if u16::from_be_bytes([*high, *low]) == code {
            return (rcode, Some(data.to_vec()));
        }
        options = after;
    }
    (rcode, None)
}

fn ask(server: SocketAddr, code: u16, data: &[u8]) -> (u16, Option<Vec<u8>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let patience = Duration::from_secs(30);
    socket.set_read_timeout(Some(patience)).unwrap();
    socket.send_to(&asking(&[(code, data)]), server).unwrap();
    let mut reply = [0; 1232];
    let len = socket.recv(&mut reply).unwrap();
    read(&reply[..len], code)
}

/// The cookie that a new client gets.
fn learn(server: SocketAddr) -> Vec<u8> {
    let (_, cookie) = ask(server, COOKIE, b"a client");
    cookie.expect("a cookie")
}

fn configure(place: &Place, server: &str) {
    place.write("meridian.toml", config() + server);
}

fn write_secrets(place: &Place, secrets: &[&str], mode: u32) {
    place.write("secrets", secrets.join("\n"));
    fs::set_permissions(place.path("secrets"), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_it_says_of_itself_follows_a_reload() {
    let place = place();
    let mut server = Server::frozen(&place);
    assert_eq!(ask(server.address, NSID, &[]), (0, None));
    configure(&place, "[server.identity]\nnsid = \"fra1\"\n");
    server.reload("configuration reloaded");
    assert_eq!(ask(server.address, NSID, &[]), (0, Some(b"fra1".to_vec())));
    assert!(!server.process.stderr().contains("takes a restart"));
}

#[test]
fn what_takes_a_restart_is_told_at_each_reload_until_it_is_as_at_the_start() {
    let place = place();
    let told = "[server] udp_payload_max changed since the start: that takes a restart";
    let mut server = Server::frozen(&place);
    let before = config();
    place.write(
        "meridian.toml",
        before.replace("udp_threads = 1", "udp_threads = 1\nudp_payload_max = 1400"),
    );
    for _ in 0..2 {
        server.reload("configuration reloaded");
    }
    place.write("meridian.toml", before);
    server.reload("configuration reloaded");
    assert_eq!(server.process.stderr().matches(told).count(), 2);
}

#[test]
fn cookies_of_a_random_secret_stay_good_over_a_reload_and_not_over_a_restart() {
    let place = place();
    configure(&place, "[server.cookies]\nrequire = true\n");
    let mut server = Server::frozen(&place);
    let cookie = learn(server.address);
    assert_eq!(ask(server.address, COOKIE, b"a client").0, BADCOOKIE);
    server.reload("configuration reloaded");
    let (rcode, renewed) = ask(server.address, COOKIE, &cookie);
    assert_eq!((rcode, renewed.as_ref()), (0, Some(&cookie)));
    server.process.signal("TERM");
    server.process.wait();
    let server = Server::frozen(&place);
    assert_eq!(ask(server.address, COOKIE, &cookie).0, BADCOOKIE);
}

#[test]
fn secrets_in_a_file_are_rolled_over_by_reloads_and_never_logged() {
    let place = place();
    configure(
        &place,
        "[server.cookies]\nrequire = true\nsecret_file = \"secrets\"\n",
    );
    write_secrets(&place, &[OLD], 0o640);
    let mut server = Server::frozen(&place);
    let old = learn(server.address);
    write_secrets(&place, &[NEW, OLD], 0o640);
    server.reload("configuration reloaded");
    let (rcode, new) = ask(server.address, COOKIE, &old);
    let new = new.expect("a cookie");
    assert_eq!(rcode, 0);
    assert_ne!(new, old);
    // A line that is wrong changes nothing, and is not shown; nor is one in a file for everybody.
    write_secrets(&place, &[NEW, &OLD[1..]], 0o640);
    server.reload("not reloaded");
    write_secrets(&place, &[NEW], 0o644);
    server.reload("not reloaded");
    assert_eq!(ask(server.address, COOKIE, &old).0, 0);
    write_secrets(&place, &[NEW], 0o640);
    server.reload("configuration reloaded");
    assert_eq!(ask(server.address, COOKIE, &old).0, BADCOOKIE);
    assert_eq!(ask(server.address, COOKIE, &new), (0, Some(new)));
    let log = server.process.stderr();
    assert!(log.contains("secrets:2: "), "{log}");
    assert!(log.contains("chmod 640 "), "{log}");
    assert!(!log.contains(&OLD[1..]) && !log.contains(NEW), "{log}");
}

#[test]
fn a_client_that_asks_over_tcp_is_told_how_long_it_may_stay() {
    let place = place();
    let text = config().replace("udp_threads", "tcp_idle_timeout = \"7s\"\nudp_threads");
    place.write("meridian.toml", text);
    let server = Server::frozen(&place);
    let mut stream = TcpStream::connect(server.address).unwrap();
    let patience = Duration::from_secs(30);
    stream.set_read_timeout(Some(patience)).unwrap();
    let message = asking(&[(KEEPALIVE, &[])]);
    stream
        .write_all(&(message.len() as u16).to_be_bytes())
        .unwrap();
    stream.write_all(&message).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(read(&reply, KEEPALIVE), (0, Some(vec![0, 70])));
    assert_eq!(ask(server.address, KEEPALIVE, &[]), (0, None));
}

#[test]
fn check_tells_a_wrong_secret_by_its_line_without_showing_it() {
    let place = place();
    configure(&place, "[server.cookies]\nsecret_file = \"secrets\"\n");
    write_secrets(&place, &[NEW, &OLD[1..]], 0o600);
    let outcome = place.run(&["check", "--config", "meridian.toml"]);
    assert_eq!(outcome.code, 1);
    let shown = &outcome.stderr;
    assert!(
        shown.contains("secrets:2: error: expected 32 hexadecimal digits"),
        "{shown}"
    );
    assert!(
        !shown.contains(&OLD[1..]) && !shown.contains(NEW),
        "{shown}"
    );
    configure(
        &place,
        &format!("[server.cookies]\nsecrets = [\"{}\"]\n", &OLD[1..]),
    );
    let shown = place.run(&["check", "--config", "meridian.toml"]).stderr;
    assert!(
        shown.contains("error: expected 32 hexadecimal digits"),
        "{shown}"
    );
    assert!(!shown.contains(&OLD[1..]), "{shown}");
}
