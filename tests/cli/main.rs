//! The program as its users meet it: the real binary, its files, its signals, its words.
//!
//! Without root and without network: servers listen on port 0 of loopback, and every test has a
//! private folder for what they write. Nothing here asserts how long anything takes; what takes a
//! while is waited for.

mod bench;
mod check;
mod demo;
mod explain;
mod explain_schema;
mod explained_over_dns;
mod forwarding;
mod geoip;
mod health;
mod health_of_several;
mod load;
mod observe;
mod overrides;
mod place;
mod plan;
mod process;
mod query;
mod registrations;
mod replay;
mod schema;
mod serve;
mod serve_crowded;
mod serve_files;
mod serve_identity;
mod serve_killed;
mod serve_suspended;
mod serve_zones;
mod server;
mod webhook;
