//! `meridian explain`

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ipnet::IpNet;

use crate::admin::Socket;
use crate::admin::client::{self, Error};
use crate::admin::explain::{Believed, CLIENTS_MAX, Explanation, Question, explain};
use crate::admin::explain_url::{UrlExplanation, UrlQuestion, explain_url, host_of};
use crate::compile::{self, Whole};
use crate::config;
use crate::state::health::EndpointHealth;
use crate::state::{Health, Root};

#[derive(clap::Args)]
pub struct Arguments {
    /// The name to explain [default: the host of the URL]
    #[arg(required_unless_present = "url")]
    name: Option<String>,
    /// The record type
    #[arg(default_value = "A")]
    rtype: String,
    /// Say, too, where a request for this URL goes from the forwarder on, such as https://www.example.com/path
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The client's address or network, as its resolver would send it (EDNS Client Subnet)
    #[arg(long, value_name = "IP[/LEN]", value_parser = parse_network)]
    client: Option<IpNet>,
    /// The resolver's address [default: the client's]
    #[arg(long, value_name = "IP")]
    resolver: Option<IpAddr>,
    /// The configuration; its running server is asked if there is one [default: the server that runs]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Draw this many times and show the distribution
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=i64::from(CLIENTS_MAX)))]
    clients: u32,
    /// Make the draws repeatable
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse()
        .or_else(|_| address())
        .map_err(|_| "expected an address, or a network such as 203.0.113.0/24".to_owned())
}

pub async fn run(arguments: Arguments) -> ExitCode {
    let host = arguments.url.as_deref().map(host_of).transpose();
    let host = match host {
        Ok(host) => host,
        Err(message) => return super::fail(&message),
    };
    let question = Question {
        name: arguments.name.or(host).unwrap_or_default(),
        rtype: arguments.rtype,
        client: arguments.client,
        resolver: arguments.resolver,
        clients: arguments.clients,
        seed: arguments.seed,
    };
    if let Some(url) = arguments.url {
        let url = UrlQuestion {
            url,
            client: question.client.map(|net| net.addr()).or(question.resolver),
            seed: question.seed,
        };
        return super::finish(
            whole_way(arguments.config.as_deref(), &question, &url, arguments.json).await,
        );
    }
    match explanation(arguments.config.as_deref(), &question).await {
        Ok(explanation) if arguments.json => {
            super::print(&format!(
                "{}\n",
                serde_json::to_string_pretty(&explanation).unwrap_or_default()
            ));
            ExitCode::SUCCESS
        }
        Ok(explanation) => {
            super::print(&render(&explanation));
            ExitCode::SUCCESS
        }
        Err(message) => super::fail(&message),
    }
}

/// Asks the server of that configuration, or the one that runs.
///
/// # Errors
/// In words.
pub async fn explanation(
    config: Option<&Path>,
    question: &Question,
) -> Result<Explanation, String> {
    match config {
        Some(config) => from_config(config, question).await,
        None => {
            let socket = super::running::only()?;
            ask(&socket, question).await.map_err(|e| e.to_string())
        }
    }
}

/// How the name is answered, and what becomes of the request that follows.
async fn whole_way(
    config: Option<&Path>,
    question: &Question,
    url: &UrlQuestion,
    is_json: bool,
) -> Result<String, String> {
    let dns = explanation(config, question).await?;
    let socket = match config {
        Some(config) => state_dir(config).map(|state_dir| Socket::path_in(&state_dir)),
        None => Some(super::running::only()?),
    };
    let asked = match &socket {
        Some(socket) => client::post(socket, "/v1/explain/url", url).await,
        None => Err(Error::NotRunning),
    };
    let http: UrlExplanation = match (asked, config) {
        (Err(Error::NotRunning), Some(config)) => {
            let (root, ..) = root_of(config)?;
            explain_url(&root, &Believed::default(), url)?
        }
        (asked, _) => asked.map_err(|e| e.to_string())?,
    };
    if is_json {
        return Ok(super::json(
            &serde_json::json!({ "dns": dns, "http": http }),
        ));
    }
    let mut text = render(&dns);
    text += &format!("{}\n", http.url);
    for step in &http.steps {
        text += &format!("  {:<10} {}\n", step.step, step.text);
    }
    Ok(text)
}

/// The server of that configuration if it runs, or else the configuration with unknown verdicts.
async fn from_config(path: &Path, question: &Question) -> Result<Explanation, String> {
    let verdicts = match state_dir(path).as_deref() {
        Some(state_dir) => match ask(&Socket::path_in(state_dir), question).await {
            Err(Error::NotRunning) => "unknown: no running server was found",
            answered => return answered.map_err(|e| e.to_string()),
        },
        None => "unknown: without a state_dir, a running server cannot be asked",
    };
    let (root, whole) = root_of(path)?;
    let aliases = match whole.config.alias_names().is_empty() {
        true => "",
        false => "; aliases lead nowhere, since only a running server resolves them",
    };
    let believed = Believed {
        verdicts: format!("{verdicts}{aliases}"),
        ..Believed::default()
    };
    explain(&root, &whole.world, &believed, question)
}

/// Of a configuration whose server does not run: of what is probed, nothing is known.
fn root_of(path: &Path) -> Result<(Root, Whole), String> {
    let (whole, _) = compile::load(path, None).map_err(|diagnostics| {
        super::print_diagnostics(&diagnostics);
        format!("{} cannot be used", path.display())
    })?;
    let health = Health::new(&whole.parts.pools, |endpoint| {
        let is_watched = whole.parts.pools.endpoints[endpoint.index()]
            .target
            .is_some();
        if is_watched {
            EndpointHealth::UNKNOWN
        } else {
            EndpointHealth::UNWATCHED
        }
    });
    Ok((whole.parts.root(0, health.into()), whole))
}

/// Where the server of that configuration would be. It may serve although the zones' files, which are not
/// read for this, have mistakes by now: then it is the one that knows its answers.
fn state_dir(path: &Path) -> Option<PathBuf> {
    config::load(path).ok()?.config.server.state_dir
}

async fn ask(socket: &Path, question: &Question) -> Result<Explanation, Error> {
    client::post(socket, "/v1/explain", question).await
}

fn render(explanation: &Explanation) -> String {
    let mut text = format!("{} {}\n", explanation.name, explanation.rtype);
    let mut line = |label: &str, content: &str| text += &format!("  {label:<10} {content}\n");
    line("verdicts", &explanation.verdicts);
    for step in &explanation.steps {
        line(&step.step, &step.text);
    }
    let answer = &explanation.answer;
    let scope = answer
        .scope
        .map_or_else(String::new, |scope| format!(", scope /{scope}"));
    let error = answer
        .error
        .as_ref()
        .map_or_else(String::new, |error| format!(", extended error: {error}"));
    let is_referral = answer.rcode == "NOERROR" && !answer.authoritative;
    let referral = if is_referral { ", a referral" } else { "" };
    line(
        "answer",
        &format!("{}{referral}{scope}{error}", answer.rcode),
    );
    for record in answer.records.iter().chain(&answer.authority) {
        line("", record);
    }
    for share in &explanation.distribution {
        line(
            "share",
            &format!(
                "{:>6.2} %  {:>8}  {}",
                share.share * 100.0,
                share.count,
                share.answer
            ),
        );
    }
    text
}
