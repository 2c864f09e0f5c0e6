//! `meridian rtt`

use std::path::Path;
use std::process::ExitCode;

use super::running::Server;
use crate::admin::NetworkRtt;
use crate::admin::client;

#[derive(clap::Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub async fn run(arguments: Arguments) -> ExitCode {
    super::finish(match arguments.server.socket() {
        Ok(socket) => list(&socket, arguments.json).await,
        Err(message) => Err(message),
    })
}

async fn list(socket: &Path, json: bool) -> Result<String, String> {
    let all: Vec<NetworkRtt> = client::get(socket, "/v1/rtt")
        .await
        .map_err(|e| e.to_string())?;
    Ok(match (json, all.is_empty()) {
        (true, _) => super::json(&all),
        (false, true) => "no connection was measured yet\n".to_owned(),
        (false, false) => all.iter().map(line).collect(),
    })
}

fn line(rtt: &NetworkRtt) -> String {
    let NetworkRtt {
        network,
        ms,
        min_ms,
        samples,
    } = rtt;
    format!("{network:<24} {ms:>9.3} ms, {min_ms:.3} ms at the least, of {samples} connections\n")
}
