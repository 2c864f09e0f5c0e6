//! What is logged, and how it looks; and where measures can be read.

mod exporter;

pub use exporter::Exporter;

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One object per line, for machines.
    Json,
}

/// What is logged unless `RUST_LOG` says otherwise. What the resolver's library has to say is said here of each alias,
/// once, and there for every attempt.
const USUAL: &str = "info,hickory=error";

/// Starts logging to standard error. A second call changes nothing.
pub fn start(format: Format) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let _ = match format {
        Format::Text => subscriber.with_target(false).try_init(),
        Format::Json => subscriber.json().flatten_event(true).try_init(),
    };
}
