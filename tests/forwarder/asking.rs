//! Requests of one connection each, and their responses whole.

use std::io::Read;
use std::sync::{Arc, Mutex};

use crate::harness::*;

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The only value of a header, or nothing.
    #[track_caller]
    pub fn value(&self, name: &str) -> &str {
        match *values(&self.head, name) {
            [] => "",
            [value] => value,
            ref several => panic!("{name}: {several:?}"),
        }
    }
}

/// Asks for `target`, with `fields` as lines of the head.
pub fn ask(site: &Site, method: &str, target: &str, fields: &str) -> Answer {
    ask_of(site, "a.example", method, target, fields)
}

pub fn ask_of(site: &Site, host: &str, method: &str, target: &str, fields: &str) -> Answer {
    let mut client = site.connect();
    client.send(format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n"
    ));
    let head = client.head();
    let mut body = Vec::new();
    // A body that breaks off is as long as it is.
    let _ = client.0.read_to_end(&mut body);
    if values(&head, "transfer-encoding") == ["chunked"] {
        body = dechunked(&body);
    }
    Answer {
        status: status(&head),
        head,
        body,
    }
}

pub fn get(site: &Site, target: &str) -> Answer {
    ask(site, "GET", target, "")
}

fn dechunked(mut octets: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = octets.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&octets[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let start = end + 2;
        body.extend_from_slice(&octets[start..start + size]);
        if size == 0 {
            break;
        }
        octets = &octets[start + size + 2..];
    }
    body
}

/// Heads that a backend has got.
pub type Heads = Arc<Mutex<Vec<String>>>;

/// A backend that answers each request, by its head and its number from 0 on.
pub fn scripted(respond: impl Fn(&str, usize) -> String + Send + Sync + 'static) -> (u16, Heads) {
    let heads = Heads::default();
    let kept = Arc::clone(&heads);
    let port = backend(move |mut client, _| {
        while let Some(head) = read_head(&mut client) {
            let number = {
                let mut heads = kept.lock().unwrap();
                heads.push(head.clone());
                heads.len() - 1
            };
            let response = respond(&head, number);
            if std::io::Write::write_all(&mut client.0, response.as_bytes()).is_err() {
                return;
            }
        }
    });
    (port, heads)
}

/// A response 200 with these lines and this body.
pub fn ok(fields: &str, body: &str) -> String {
    let len = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n{fields}\r\n{body}")
}

/// A configuration with these routes, whose pools are `web` at the first port, `other` at the last.
pub fn routed(forwarder: &str, routes: &str, ports: &[u16]) -> String {
    let (web, other) = (ports[0], ports[ports.len() - 1]);
    format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\n[region.eu]\n\
         [pool.web]\nregion = \"eu\"\nendpoints = [\"127.0.0.1\"]\nbackend = {{ port = {web} }}\n\
         [pool.other]\nregion = \"eu\"\nendpoints = [\"127.0.0.1\"]\nbackend = {{ port = {other} }}\n\
         [forwarder]\nthreads = 1\n{forwarder}\n\
         [forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\n\
         [forwarder.listener.back]\nlisten = \"127.0.0.1:0\"\n{routes}\n"
    )
}

pub fn site(routes: &str, ports: &[u16]) -> Site {
    Site::of(&routed("", routes, ports))
}
