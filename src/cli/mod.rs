//! What can be typed: one file per command.

mod bench;
mod cache;
mod check;
mod demo;
mod explain;
mod geoip;
mod health;
mod imagined;
mod load;
mod observe;
mod overrides;
mod plan;
mod recorded;
mod register;
mod replay;
mod rtt;
mod running;
mod serve;
mod times;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::compile::Parts;
use crate::config::{Diagnostics, diagnostic};
use crate::state::forwarding::Access;

/// An authoritative DNS server that steers.
#[derive(Parser)]
#[command(
    name = "meridian",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show it off: a server, six backends and the commands to try, all on loopback
    Demo(demo::Arguments),
    /// Serve a configuration, in the foreground
    Serve(serve::Arguments),
    /// Report every mistake in a configuration and in the files it names
    Check(check::Arguments),
    /// Say how a name is answered for a client, and why
    Explain(explain::Arguments),
    /// Say who would be sent elsewhere by another configuration or database, or by a drain
    ///
    /// Two configurations are compared, or one with itself when something is drained, for every network
    /// that their databases know: nothing is asked of a running server, and nothing is changed. All endpoints count as
    /// up, except for those that options name. Each address counts as if it asked for itself.
    Plan(plan::Arguments),
    /// Say how recorded queries would be answered, without a server
    ///
    /// Each query is given to the answer engine as if it had just come. All endpoints count as up, except for those that
    /// options name. A recording is a text of lines NAME TYPE CLIENT (a client subnet such as 193.0.0.0/24, or a
    /// resolver's address), or a capture: pcap, pcapng or dnstap.
    Replay(replay::Arguments),
    /// Tell a running server what to take for up, down or drained, whatever probes say
    Override(overrides::Arguments),
    /// Say what a running server believes of each target that it probes, and why
    ///
    /// A line for each target, those in trouble first: the verdict, for how long it stands, the last eight probes (`+`
    /// succeeded, `-` failed, the latest last), when the next one is due, an endpoint that goes by it (`+2`: and
    /// two more), and why. No more than three targets are told in full.
    Health(health::Arguments),
    /// Let an endpoint join a pool of a running server, for as long as its lease
    Register(register::Arguments),
    /// Let an endpoint that registered leave its pool
    Deregister(register::Leaving),
    /// Show who has registered, until when, and what is believed of them
    Registrations(register::Listing),
    /// See what routes of a running forwarder keep of responses, or make it forget
    Cache(cache::Arguments),
    /// Tell a running server how loaded pools and endpoints are, or see what it knows
    Load(load::Arguments),
    /// Show how far away client networks are, as their connections to a running server's forwarder tell
    Rtt(rtt::Arguments),
    /// Tell a running server what was observed of an endpoint, where a monitor goes by that
    Observe(observe::Arguments),
    /// Load a server on this machine, and say what its answers cost
    ///
    /// Queries go over UDP (or TCP), from one core that is never idle meanwhile. Without --rate it is a closed loop:
    /// up to --window queries wait for answers at any time, which finds the most that the server answers. With
    /// --rate it is an open loop: queries are due at random times (with exponential gaps) and latencies
    /// count from then, so that a server that stalls is not forgiven.
    ///
    /// The exit status is 1 if nothing was answered, if an answer was wrong (not to the question, malformed,
    /// with a wrong id) or if --check found a difference or nothing to compare. Lost queries are only counted.
    Bench(Box<bench::Arguments>),
    /// Make and read GeoIP databases
    Geoip(geoip::Arguments),
}

/// For what has to be given up at the end.
const ENDING: Duration = Duration::from_millis(500);

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    // The one provider of cryptography in the process; a second installation is impossible here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let command = Arguments::parse().command;
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(e) => return fail(&format!("cannot start: {e}")),
    };
    let code = runtime.block_on(async {
        match command {
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Check(arguments) => check::run(&arguments),
            Command::Explain(arguments) => explain::run(arguments).await,
            Command::Plan(arguments) => plan::run(&arguments),
            Command::Replay(arguments) => replay::run(&arguments),
            Command::Override(arguments) => overrides::run(arguments).await,
            Command::Health(arguments) => health::run(arguments).await,
            Command::Register(arguments) => register::run(arguments).await,
            Command::Deregister(arguments) => register::run_leaving(arguments).await,
            Command::Registrations(arguments) => register::run_listing(arguments).await,
            Command::Cache(arguments) => cache::run(arguments).await,
            Command::Rtt(arguments) => rtt::run(arguments).await,
            Command::Load(arguments) => load::run(arguments).await,
            Command::Observe(arguments) => observe::run(arguments).await,
            Command::Bench(arguments) => bench::run(*arguments).await,
            Command::Geoip(arguments) => geoip::run(&arguments),
        }
    });
    // What still waits (a probe, a look-up) is given up, and the commands of probes are killed. A thread that hangs in
    // the file system is not worth waiting for.
    runtime.shutdown_timeout(ENDING);
    code
}

/// Who reads a map, by which a user knows it: policies, and the access lists of listeners and routes.
fn readers_of(parts: &Parts, map: usize) -> String {
    let policies = parts.pools.policies.iter();
    let policies = policies.filter(|policy| policy.reads(map));
    let forwarding = &parts.forwarding;
    let reads = |access: &Option<Access>| {
        let placed = access.as_ref().and_then(|access| access.placed.as_ref());
        placed.is_some_and(|(id, _)| usize::from(id.0) == map)
    };
    let listeners = forwarding.listeners.iter();
    let listeners = listeners.filter(|listener| reads(&listener.access));
    let routes = forwarding
        .routes
        .iter()
        .filter(|route| reads(&route.access));
    let names = policies
        .map(|policy| policy.name.to_string())
        .chain(listeners.map(|listener| format!("listener {}", listener.name)))
        .chain(routes.map(|route| format!("route {}", route.name)));
    names.collect::<Vec<_>>().join(", ")
}

/// How the user can type this program's name: as it was typed this time.
fn program() -> String {
    let typed = std::env::args_os().next().unwrap_or_default();
    let typed = typed.to_string_lossy();
    if typed.is_empty() {
        return "meridian".to_owned();
    }
    shell_word(&typed)
}

/// `text` as one word of a POSIX shell.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn fail(message: &str) -> ExitCode {
    // Nothing can be done about a closed standard error.
    let _ = writeln!(io::stderr(), "meridian: {message}");
    ExitCode::FAILURE
}

/// Prints what a command came to, or why it came to nothing.
fn finish(done: Result<String, String>) -> ExitCode {
    match done {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(message) => fail(&message),
    }
}

/// A report as JSON.
fn json(report: &impl serde::Serialize) -> String {
    let json = serde_json::to_string_pretty(report);
    format!("{}\n", json.unwrap_or_default())
}

fn warn(message: &str) {
    let _ = writeln!(io::stderr(), "meridian: warning: {message}");
}

/// Prints to standard output; a reader that went away (`| head`) is no error.
fn print(text: &str) {
    try_print(text);
}

/// The same; false when that reader went away.
fn try_print(text: &str) -> bool {
    let mut out = io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.is_ok()
}

fn print_diagnostics(diagnostics: &Diagnostics) {
    let _ = diagnostic::render(diagnostics, &mut io::stderr().lock());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_to_copy_survive_the_shell() {
        assert_eq!(shell_word("target/debug/meridian"), "target/debug/meridian");
        assert_eq!(shell_word("my folder"), "'my folder'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
