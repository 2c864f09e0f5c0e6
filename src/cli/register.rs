//! `meridian register`, `meridian deregister`, `meridian registrations`

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::running::Server;
use super::times::span;
use crate::admin::client;
use crate::admin::{Joined, Registered};
use crate::clock;
use crate::config;
use crate::registrations::{LEASE_DEFAULT_S, Order, Registration};

#[derive(clap::Args)]
pub struct Arguments {
    /// The pool to join; its `registration` has to allow it
    pool: String,
    /// The endpoint's address, if need be with a port: `192.0.2.1`, `192.0.2.1:8080`, `[2001:db8::1]:8080`
    address: String,
    /// How much it gets, in proportion to the others; 0: only when nobody else is there
    #[arg(long, value_name = "N", default_value_t = 1)]
    weight: u16,
    /// For how long, such as 30s or 5m, unless it is repeated
    #[arg(long, value_name = "TIME", value_parser = parse_lease, default_value = "30s")]
    lease: Duration,
    /// Be there, but take nobody new while anything else is up
    #[arg(long)]
    drain: bool,
    /// Stay, renew the lease three times within it, and leave the pool when told to stop (SIGTERM, Ctrl-C)
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub struct Leaving {
    /// The pool to leave
    pool: String,
    /// The endpoint's address, as it registered
    address: String,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub struct Listing {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

fn parse_lease(text: &str) -> Result<Duration, String> {
    config::parse_duration(text)
        .filter(|time| *time >= Duration::from_secs(1))
        .ok_or_else(|| format!("expected a time such as {LEASE_DEFAULT_S}s or 5m"))
}

pub async fn run(arguments: Arguments) -> ExitCode {
    let Arguments {
        pool,
        address,
        weight,
        lease,
        drain,
        keep,
        server,
    } = arguments;
    let order = Order {
        pool,
        address,
        weight,
        lease_s: lease.as_secs(),
        drain,
    };
    let socket = match server.socket() {
        Ok(socket) => socket,
        Err(message) => return super::fail(&message),
    };
    super::finish(match (register(&socket, &order).await, keep) {
        (Ok(joined), true) => {
            super::print(&line(&joined.registration));
            stay(&socket, &order).await
        }
        (joined, _) => joined.map(|joined| line(&joined.registration)),
    })
}

async fn register(socket: &Path, order: &Order) -> Result<Joined, String> {
    let joined = client::post(socket, "/v1/registrations", order).await;
    let joined: Joined = joined.map_err(|e| e.to_string())?;
    warn(&joined);
    Ok(joined)
}

/// Renews until it is told to stop, and leaves then. A server that does not answer may be back before the lease is over.
async fn stay(socket: &Path, order: &Order) -> Result<String, String> {
    let catch = |kind| signal(kind).map_err(|e| e.to_string());
    let mut terminate = catch(SignalKind::terminate())?;
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut renewals = tokio::time::interval(Duration::from_secs(order.lease_s) / 3);
    renewals.tick().await;
    loop {
        tokio::select! {
            _ = renewals.tick() => if let Err(why) = register(socket, order).await {
                super::warn(&format!("not renewed: {why}"));
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    leave(socket, &order.pool, &order.address).await
}

pub async fn run_leaving(arguments: Leaving) -> ExitCode {
    let Leaving {
        pool,
        address,
        server,
    } = arguments;
    super::finish(match server.socket() {
        Ok(socket) => leave(&socket, &pool, &address).await,
        Err(message) => Err(message),
    })
}

async fn leave(socket: &Path, pool: &str, address: &str) -> Result<String, String> {
    let about = [("pool", pool), ("address", address)];
    let left = client::delete(socket, "/v1/registrations", &about).await;
    let left: Joined = left.map_err(|e| e.to_string())?;
    warn(&left);
    let Order { pool, address, .. } = &left.registration.order;
    Ok(format!("{pool}/{address} has left\n"))
}

/// It holds, but not for ever.
fn warn(joined: &Joined) {
    if let Some(why) = &joined.unsaved {
        super::warn(&format!("it holds, but not after a restart: {why}"));
    }
}

pub async fn run_listing(arguments: Listing) -> ExitCode {
    let Listing { json, server } = arguments;
    super::finish(match server.socket() {
        Ok(socket) => list(&socket, json).await,
        Err(message) => Err(message),
    })
}

async fn list(socket: &Path, json: bool) -> Result<String, String> {
    let all: Vec<Registered> = client::get(socket, "/v1/registrations")
        .await
        .map_err(|e| e.to_string())?;
    Ok(match (json, all.is_empty()) {
        (true, _) => super::json(&all),
        (false, true) => "nobody has registered\n".to_owned(),
        (false, false) => all.iter().map(told).collect(),
    })
}

fn told(registered: &Registered) -> String {
    let state = registered.verdict.as_ref().or(registered.why.as_ref());
    let state = state.map_or("", |state| state);
    format!("{}  {state}\n", line(&registered.registration).trim_end())
}

/// `web/192.0.2.1:8080                weight 1, 28 s left`
fn line(registration: &Registration) -> String {
    let Order {
        pool,
        address,
        weight,
        drain,
        ..
    } = &registration.order;
    let left = registration.until_unix_ms.saturating_sub(clock::unix_ms());
    let drains = if *drain { ", draining" } else { "" };
    format!(
        "{:<32} weight {weight}{drains}, {} left\n",
        format!("{pool}/{address}"),
        span(left.div_ceil(1000))
    )
}
