//! Meridian is an authoritative DNS server that steers: for every *balanced name* it answers with
//! the addresses of the nearest region that is healthy, and changes its mind within seconds when
//! that stops being true.
//!
//! # A query's story
//!
//! ```text
//! receive -> parse -> find the name -> locate the client -> decide (policy, pool, endpoints) -> compose -> send
//! ```
//!
//! One synchronous function, [`nameserver::answer::answer`], tells it: bytes in, bytes out. UDP and TCP
//! only frame it. It allocates nothing, locks nothing and makes no system call (but to explain itself over DNS, to
//! those whom `explain_to` lists); what it reads is one [`state::Root`], loaded once per batch.
//!
//! # A change's story
//!
//! ```text
//! file -> config -> compile -> root -> publish
//! probe -> observation -> threshold -> verdict -> override -> pool slot -> publish (coalesced)
//! ```
//!
//! # The modules, in reading order
//!
//! | module | question it answers | plane |
//! |---|---|---|
//! | [`model`] | which nouns are there? | leaf |
//! | [`prefix_table`] | which class has this address, and how wide is that true? | leaf |
//! | [`dns`] | what do the bytes of a message say? | leaf |
//! | [`clock`], [`random`] | what time is it, what does the die say? | leaf |
//! | [`hashing`] | whom does a client get because of who it is? | leaf |
//! | [`glob`] | what does a `*` stand for? | leaf |
//! | [`durable`] | how does a file survive whatever happens? | leaf |
//! | [`proxy_protocol`] | whose is a connection that somebody passes on? | leaf |
//! | [`tls`] | whom does TLS trust, and what do certificates say? | leaf |
//! | [`state`] | what does the server know right now? (the two seams) | seam |
//! | [`locate`] | where is this client? | data |
//! | [`steering`] | which endpoints does it get, and why? | data |
//! | [`nameserver`] | what is the answer, and how does it travel? | data |
//! | [`forwarder`] | what becomes of a request that an answer led here? | data |
//! | [`config`] | what did the operator ask for, and where is it wrong? | control |
//! | [`geoip`] | what do the databases say about a network? | control |
//! | [`compile`] | how does all that become a root? | control |
//! | [`resolve`] | where do other people's names lead? | control |
//! | [`health`] | which endpoints are up? | control |
//! | [`overrides`] | what does the operator say against that? | control |
//! | [`registrations`] | who joins a pool by itself, and for how long? | control |
//! | [`load`] | how much is there to do, and who takes which share of it? | control |
//! | [`plan`] | who would be sent elsewhere by a change? | both |
//! | [`admin`] | what may be asked of a running server? | control |
//! | [`telemetry`] | what is logged, and where can measures be read? | control |
//! | [`daemon`] | who joins the planes? | both |
//! | [`cli`] | what can be typed? | both |
//! | [`testing`] | how does a user's test suite get a server? | both |
//!
//! The allowed directions between them are held by `tests/layering.rs`.
//! Unsafe code lives in [`nameserver::udp`] only (the batch socket calls).
#![deny(unsafe_code)]

pub mod admin;
pub mod cli;
pub mod clock;
pub mod compile;
pub mod config;
pub mod daemon;
pub mod dns;
pub mod durable;
#[cfg(feature = "forwarder")]
pub mod forwarder;
pub mod geoip;
pub mod glob;
pub mod hashing;
pub mod health;
pub mod load;
pub mod locate;
pub mod model;
pub mod nameserver;
pub mod overrides;
pub mod plan;
pub mod prefix_table;
pub mod proxy_protocol;
pub mod random;
pub mod registrations;
pub mod resolve;
pub mod state;
pub mod steering;
pub mod telemetry;
pub mod testing;
pub mod tls;
