//! `meridian override`

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::running::Server;
use super::times::span;
use crate::admin::client;
use crate::admin::{Said, Standing, Which};
use crate::clock;
use crate::config;
use crate::overrides::{Action, Order, Percent, What};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Take it for down, healthy or not, so that nobody new is sent there while anything else is up
    Drain(Slowly),
    /// Take it for up, whatever probes say
    Up(Say),
    /// Take it for down, whatever probes say
    Down(Say),
    /// Let it stay what it is, whatever probes say from now on
    Freeze(Say),
    /// Let it take a part only of what would come to it
    Weight(Weight),
    /// Take words back
    Clear(Clear),
    /// Show the words that stand
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
struct Say {
    /// A region, a pool or an endpoint: `eu`, `region:eu`, `pool:web-*`, `192.0.2.1`, `web-eu/192.0.2.1`
    what: What,
    /// For how long, such as 30m or 12h [default: until it is cleared]
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time)]
    time: Option<Duration>,
    /// Why, for those who find it later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who says so [default: who is logged in]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(clap::Args)]
struct Slowly {
    #[command(flatten)]
    say: Say,
    /// Little by little, within this time, such as 10m [default: at once]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    over: Option<Duration>,
}

#[derive(clap::Args)]
struct Weight {
    #[command(flatten)]
    slowly: Slowly,
    /// Which part, such as 10%
    percent: Percent,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Clear {
    /// By its number, as `list` shows it, or all words about just this region, pool or endpoint
    which: Option<String>,
    /// Every one of them
    #[arg(long)]
    all: bool,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    config::parse_duration(text)
        .filter(|time| *time >= Duration::from_secs(1))
        .ok_or_else(|| "expected a time such as 90s, 30m or 12h".to_owned())
}

pub async fn run(arguments: Arguments) -> ExitCode {
    let socket = arguments.server.socket();
    super::finish(match socket {
        Ok(socket) => ask(&socket, arguments.command).await,
        Err(message) => Err(message),
    })
}

async fn ask(socket: &Path, command: Command) -> Result<String, String> {
    let at_once = |say| Slowly { say, over: None };
    let (action, slowly, percent) = match command {
        Command::Drain(slowly) => (Action::Drain, slowly, None),
        Command::Up(say) => (Action::Up, at_once(say), None),
        Command::Down(say) => (Action::Down, at_once(say), None),
        Command::Freeze(say) => (Action::Freeze, at_once(say), None),
        Command::Weight(weight) => (Action::Weight, weight.slowly, Some(weight.percent)),
        Command::Clear(clear) => return clear_some(socket, clear).await,
        Command::List { json } => return list(socket, json).await,
    };
    let Slowly { say, over } = slowly;
    let order = Order {
        what: say.what,
        action,
        percent,
        over_s: over.map(|time| time.as_secs()),
        reason: say.reason,
        by: say.by.or_else(who),
        for_s: say.time.map(|time| time.as_secs()),
    };
    let said: Said = post(socket, "/v1/overrides", &order).await?;
    warn(&said);
    Ok(table(&said.words))
}

async fn clear_some(socket: &Path, clear: Clear) -> Result<String, String> {
    let which = match clear.which {
        None => Which::All,
        Some(text) => match text.parse() {
            Ok(id) => Which::Id(id),
            Err(_) => Which::What(text.parse().map_err(|e| format!("{e}"))?),
        },
    };
    let said: Said = post(socket, "/v1/overrides/clear", &which).await?;
    warn(&said);
    let cleared = said.words;
    match (which, cleared.is_empty()) {
        (Which::All, true) => Ok("no override stood\n".to_owned()),
        (Which::Id(id), true) => Err(format!("there is no override {id}")),
        (Which::What(what), true) => Err(format!("there is no override of `{what}`")),
        (_, false) => Ok(format!("cleared:\n{}", table(&cleared))),
    }
}

/// It holds, but not for ever.
fn warn(said: &Said) {
    if let Some(why) = &said.unsaved {
        super::warn(&format!("it holds, but not after a restart: {why}"));
    }
}

async fn list(socket: &Path, json: bool) -> Result<String, String> {
    let standing: Vec<Standing> = client::get(socket, "/v1/overrides")
        .await
        .map_err(|e| e.to_string())?;
    if json {
        let text = serde_json::to_string_pretty(&standing).map_err(|e| e.to_string())?;
        return Ok(text + "\n");
    }
    match standing.as_slice() {
        [] => Ok("no override stands\n".to_owned()),
        standing => Ok(table(standing)),
    }
}

async fn post<T: serde::de::DeserializeOwned>(
    socket: &Path,
    path: &str,
    body: &impl serde::Serialize,
) -> Result<T, String> {
    let answered = client::post(socket, path, body).await;
    answered.map_err(|e| e.to_string())
}

/// Who types this, as far as the environment tells.
fn who() -> Option<String> {
    let names = ["SUDO_USER", "USER", "LOGNAME"].into_iter();
    let mut names = names.filter_map(|name| std::env::var(name).ok());
    names.find(|name| !name.is_empty())
}

/// A line for each.
fn table(standing: &[Standing]) -> String {
    let line = |Standing { word, endpoints }: &Standing| {
        let many = match endpoints {
            0 => "no endpoint (any more)".to_owned(),
            1 => "1 endpoint".to_owned(),
            many => format!("{many} endpoints"),
        };
        let left = word.until_unix_ms.map_or_else(String::new, |until| {
            format!(
                ", {} left",
                span(until.saturating_sub(clock::unix_ms()) / 1000)
            )
        });
        format!(
            "{:>4}  {:<24} {many}{left}: {word}\n",
            word.id,
            word.what.to_string()
        )
    };
    standing.iter().map(line).collect()
}
