//! A whole server inside a test: on a free port, from a configuration text, with verdicts that the
//! test sets.
//!
//! ```
//! use meridian::model::Verdict;
//! use meridian::testing::TestServer;
//!
//! let config = r#"
//!     region.here.location = [50.11, 8.68]
//!     monitor.web = { http = "/", port = 80 }
//!     pool.first = { region = "here", monitor = "web", endpoints = ["192.0.2.1"] }
//!     pool.second = { region = "here", monitor = "web", endpoints = ["192.0.2.2"] }
//!     policy.order = { failover = ["first", "second"] }
//!     [zone."example.com"]
//!     file = "example.com.zone"
//!     balanced.www = { policy = "order" }
//! "#;
//! let zone = "@ 60 SOA ns admin 1 7200 1800 1209600 60\n@ 60 NS ns\nns 60 A 192.0.2.53\n";
//!
//! let server = TestServer::start(config, &[("example.com.zone", zone)])?;
//! server.set_verdict("first", Verdict::Down)?;
//! let answer = server.query("www.example.com", "A", Some("193.0.0.0/24"))?;
//! assert_eq!(answer.addresses, [std::net::Ipv4Addr::new(192, 0, 2, 2)]);
//! # Ok::<(), String>(())
//! ```

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use ipnet::IpNet;

use crate::config::Config;
use crate::daemon::{Daemon, HealthSource, Settings, StartError};
use crate::dns::{MESSAGE_LEN_MAX, Name, query, rcode_mnemonic};
use crate::model::Verdict;

/// A server on 127.0.0.1 (UDP and TCP), whose endpoints are unknown until the test says otherwise.
/// Nothing is probed. It stops when it is dropped.
pub struct TestServer {
    runtime: tokio::runtime::Runtime,
    daemon: Option<Daemon>,
    folder: PathBuf,
}

/// An answer, as much of it as tests usually ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// "NOERROR", "NXDOMAIN", …
    pub rcode: String,
    /// Of the A and AAAA records in the answer section, in order.
    pub addresses: Vec<IpAddr>,
    /// Of the first record in the answer section, in seconds.
    pub ttl_s: Option<u32>,
    /// SCOPE PREFIX-LENGTH, where the query carried a client subnet.
    pub scope: Option<u8>,
    /// The message as received.
    pub message: Vec<u8>,
}

impl TestServer {
    /// Starts a server from the text of a configuration and of the files that it names (relative
    /// name, content). Addresses to listen on and a state folder in the text are overridden; draws are
    /// repeatable.
    ///
    /// # Errors
    /// In words: every mistake in the configuration, or why it could not be started.
    pub fn start(config: &str, files: &[(&str, &str)]) -> Result<Self, String> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("meridian-test-{}-{number}", std::process::id()));
        let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
        let adjust = |config: &mut Config| {
            config.server.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
            config.server.state_dir = None;
            config.server.udp_threads = Some(1);
        };
        let settings = Settings {
            config: folder.join("meridian.toml"),
            adjust: Some(Box::new(adjust)),
            health: HealthSource::Frozen(None),
            seed: Some(1),
            ..Settings::default()
        };
        // From here on the folder is removed whatever happens.
        let mut server = TestServer {
            runtime,
            daemon: None,
            folder,
        };
        for (name, content) in files.iter().chain(&[("meridian.toml", config)]) {
            server.write(name, content)?;
        }
        let started = server.runtime.block_on(Daemon::start(settings));
        let (daemon, _) = started.map_err(|e| match e {
            StartError::Config(diagnostics) => diagnostics
                .sorted()
                .iter()
                .map(|mistake| format!("{mistake}\n"))
                .collect(),
            StartError::Bind(e) => e.to_string(),
            StartError::System(message) => message,
        })?;
        server.daemon = Some(daemon);
        Ok(server)
    }

    fn write(&self, name: &str, content: &str) -> Result<(), String> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, content))
            .map_err(|e| format!("{}: {e}", path.display()))
    }

    fn daemon(&self) -> &Daemon {
        self.daemon
            .as_ref()
            .expect("there is a daemon from start to drop")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.daemon().listening()[0]
    }

    /// Sets the verdict of every endpoint that `which` names: an address, a pool, or `pool/address`.
    ///
    /// # Errors
    /// When it names nothing.
    pub fn set_verdict(&self, which: &str, verdict: Verdict) -> Result<(), String> {
        self.runtime
            .block_on(self.daemon().set_verdict(which, verdict))
    }

    /// Replaces a file, and reloads.
    ///
    /// # Errors
    /// Every mistake. With one in a zone file, that zone goes on with what it had; with any other,
    /// everything is served as before.
    pub fn reload_with(&self, name: &str, content: &str) -> Result<(), String> {
        self.write(name, content)?;
        let outcome = self.runtime.block_on(self.daemon().reload());
        let mistakes = outcome.map_or_else(|mistakes| mistakes, |reloaded| reloaded.mistakes);
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(mistakes.join("\n"))
        }
    }

    /// Asks over UDP, with a client subnet ("193.0.0.0/24") if there is one.
    ///
    /// # Errors
    /// In words: no answer within five seconds, or one that cannot be read.
    pub fn query(&self, name: &str, rtype: &str, subnet: Option<&str>) -> Result<Answer, String> {
        let name = Name::parse(name).map_err(|e| e.to_string())?;
        let rtype: RecordType = rtype.parse().map_err(|e| format!("{rtype}: {e}"))?;
        let subnet = match subnet {
            Some(text) => Some(text.parse::<IpNet>().map_err(|e| format!("{text}: {e}"))?),
            None => None,
        };
        let subnet = subnet.map(|net| (net.addr(), net.prefix_len()));
        let reply = self.exchange(&query::compose(0x4d45, &name, rtype.into(), subnet))?;
        Answer::decode(reply)
    }

    /// Sends a message over UDP and returns what comes back.
    ///
    /// # Errors
    /// In words: no answer within five seconds.
    pub fn exchange(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let exchange = || {
            let socket = UdpSocket::bind(("127.0.0.1", 0))?;
            socket.set_read_timeout(Some(Duration::from_secs(5)))?;
            socket.connect(self.address())?;
            socket.send(message)?;
            let mut reply = vec![0; MESSAGE_LEN_MAX];
            let length = socket.recv(&mut reply)?;
            reply.truncate(length);
            Ok(reply)
        };
        exchange().map_err(|e: std::io::Error| e.to_string())
    }

    /// Stops, and waits until it has.
    pub fn stop(self) {}
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            self.runtime.block_on(daemon.stop());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Answer {
    /// Reads a message with an implementation that is not ours.
    ///
    /// # Errors
    /// In words, when it is malformed.
    pub fn decode(message: Vec<u8>) -> Result<Self, String> {
        let decoded = Message::from_vec(&message).map_err(|e| e.to_string())?;
        let subnet = decoded
            .edns
            .as_ref()
            .and_then(|edns| edns.option(EdnsCode::Subnet));
        Ok(Answer {
            rcode: rcode_mnemonic(decoded.metadata.response_code.into()),
            addresses: decoded
                .answers
                .iter()
                .filter_map(|record| record.data.ip_addr())
                .collect(),
            ttl_s: decoded.answers.first().map(|record| record.ttl),
            scope: match subnet {
                Some(EdnsOption::Subnet(subnet)) => Some(subnet.scope_prefix()),
                _ => None,
            },
            message,
        })
    }
}
