//! Which running server is meant?

use std::path::{Path, PathBuf};

use clap::Args;

use crate::admin::{self, Socket};
use crate::config;

/// How commands that talk to a server name it.
#[derive(Args)]
pub struct Server {
    /// The configuration of the server that is meant [default: the server that runs]
    #[arg(long, short, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The state folder of the server that is meant, whatever the configuration says by now
    #[arg(long, value_name = "FOLDER", global = true, conflicts_with = "config")]
    state_dir: Option<PathBuf>,
}

impl Server {
    /// Its admin socket.
    ///
    /// # Errors
    /// In words: there is none, or several.
    pub fn socket(&self) -> Result<PathBuf, String> {
        match (&self.state_dir, &self.config) {
            (Some(state_dir), _) => Ok(Socket::path_in(state_dir)),
            (None, Some(config)) => of_config(config),
            (None, None) => only(),
        }
    }
}

fn of_config(path: &Path) -> Result<PathBuf, String> {
    let read = config::load(path).map_err(|refused| {
        super::print_diagnostics(&refused.diagnostics);
        let path = path.display();
        format!("{path} cannot be used; name the server by --state-dir FOLDER instead")
    })?;
    let state_dir = read.config.server.state_dir;
    let state_dir = state_dir.ok_or("without a state_dir, a running server cannot be asked")?;
    Ok(Socket::path_in(&state_dir))
}

/// The only server that runs; with several, the operator has to say which.
///
/// # Errors
/// In words: there is none, or several.
pub fn only() -> Result<PathBuf, String> {
    match admin::running().as_slice() {
        [] => {
            Err("no running server was found; name a configuration with --config FILE".to_owned())
        }
        [socket] => Ok(socket.clone()),
        several => {
            let list: Vec<_> = several
                .iter()
                .map(|socket| format!("  {}", socket.display()))
                .collect();
            Err(format!(
                "several servers are running; name one's configuration with --config FILE:\n{}",
                list.join("\n")
            ))
        }
    }
}
