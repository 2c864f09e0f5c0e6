//! `meridian demo`: a server, six backends and the commands to try, all on loopback.

mod backends;
mod files;
mod narrator;
mod nodes;
mod ports;
mod tour;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::compile::Adjust;
use crate::config::Config;
use crate::daemon::{Daemon, Settings};
use crate::state::feedback::SampleQueue;
use backends::Backends;
use files::Files;
use narrator::Narrator;

#[derive(clap::Args)]
pub struct Arguments {
    /// Let the story tell itself (three continents, eu fails, neighbours take over, eu returns) and exit
    #[arg(long)]
    tour: bool,
    /// Show two nodes with their forwarders instead: each registers with both, and one can be killed
    #[arg(long, conflicts_with = "write")]
    forwarder: bool,
    /// Copy the demo's configuration, zone and database into this folder, to edit, and exit
    #[arg(long, value_name = "DIR", conflicts_with = "tour")]
    write: Option<PathBuf>,
    /// DNS port on 127.0.0.1 and (where there is IPv6) [::1]; 0 takes free ones
    #[arg(long, value_name = "PORT", default_value_t = 5300)]
    port: u16,
    /// HTTP port of the six backends; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    backend_port: u16,
    /// Listen on 127.0.0.1 only
    #[arg(long)]
    no_ipv6: bool,
}

pub async fn run(arguments: Arguments) -> ExitCode {
    let done = match &arguments.write {
        Some(folder) => files::write(folder).map(|next| super::print(&next)),
        None if arguments.forwarder && cfg!(not(feature = "forwarder")) => {
            Err("this program was built without the forwarder: it has no demo of it".to_owned())
        }
        None if arguments.forwarder => nodes::run(&arguments).await,
        None => serve(&arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => super::fail(&message),
    }
}

async fn serve(arguments: &Arguments) -> Result<(), String> {
    let mut interruption = Interruption::catch().map_err(|e| e.to_string())?;
    let files = Files::in_temporary_folder()?;
    let backends = Backends::start(arguments.backend_port).await?;
    let samples = SampleQueue::new(1024);
    let (notices, noticed) = mpsc::unbounded_channel();
    let settings = Settings {
        config: files.config(),
        adjust: Some(adjust(
            listen(arguments),
            files.folder().join("state"),
            backends.port(),
        )),
        samples: Some(Arc::clone(&samples)),
        notices: Some(notices),
        ..Settings::default()
    };
    let (daemon, _) = Daemon::start(settings)
        .await
        .map_err(|e| ports::explain(&e))?;
    let narrator = Narrator::new(&daemon, backends.port());
    let outcome = if arguments.tour {
        let tour = tour::run(daemon.listening()[0], daemon.root(), backends.port());
        tokio::select! {
            outcome = tour => outcome,
            () = interruption.wait() => Err("interrupted".to_owned()),
        }
    } else {
        super::print(&narrator.welcome());
        tokio::select! {
            () = narrator.narrate(noticed, samples) => {}
            () = interruption.wait() => {}
        }
        super::print("\nstopping; nothing is left behind\n");
        Ok(())
    };
    daemon.stop().await;
    backends.stop();
    outcome
}

/// Where to listen: on [::1] too, where this machine has it.
fn listen(arguments: &Arguments) -> Vec<SocketAddr> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    if !arguments.no_ipv6 {
        match std::net::UdpSocket::bind((v6, 0)) {
            Ok(_) => addresses.push(v6),
            Err(e) => super::print(&format!(
                "[::1] cannot be used here ({e}): on IPv4 alone, as with --no-ipv6.\n\n"
            )),
        }
    }
    let at_port = |address| SocketAddr::new(address, arguments.port);
    addresses.into_iter().map(at_port).collect()
}

/// Ctrl-C, a polite kill, or the end of the terminal.
struct Interruption([Signal; 3]);

impl Interruption {
    fn catch() -> io::Result<Self> {
        Ok(Interruption([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn wait(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// The quickstart as it is, but on the ports and in the folder of this run.
fn adjust(listen: Vec<SocketAddr>, state_dir: PathBuf, backend_port: u16) -> Box<Adjust> {
    Box::new(move |config: &mut Config| {
        config.server.listen.clone_from(&listen);
        config.server.state_dir = Some(state_dir.clone());
        config.server.udp_threads = Some(1);
        for monitor in &mut config.monitors {
            monitor.port = backend_port;
        }
        for endpoint in config.pools.iter_mut().flat_map(|pool| &mut pool.endpoints) {
            if let Some(check) = &mut endpoint.check {
                check.set_port(backend_port);
            }
        }
    })
}
