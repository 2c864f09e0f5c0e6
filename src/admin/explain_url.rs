//! Where a request for a URL is forwarded to, and why.

#[cfg(feature = "forwarder")]
mod asking;

use std::net::IpAddr;

use hyper::Uri;
use serde::{Deserialize, Serialize};

use super::explain::{Believed, Line};
use crate::state::Root;
#[cfg(feature = "forwarder")]
use asking::explained;

/// What is to be explained.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UrlQuestion {
    pub url: String,
    /// Who asks. Default: this machine.
    pub client: Option<IpAddr>,
    /// Makes the draws repeatable.
    pub seed: Option<u64>,
}

/// What becomes of such a request, where it comes to this server's forwarder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UrlExplanation {
    pub url: String,
    pub steps: Vec<Line>,
    /// In the order in which they would be tried.
    pub endpoints: Vec<String>,
}

/// The host of a URL, in lower case and without a port.
///
/// # Errors
/// In words: it is no URL.
pub fn host_of(url: &str) -> Result<String, String> {
    Ok(parse(url)?.1)
}

fn parse(url: &str) -> Result<(Uri, String), String> {
    let wrong = || format!("`{url}` is no URL: expected one such as https://www.example.com/path");
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().filter(|_| is_http).ok_or_else(wrong)?;
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    Ok((uri, host))
}

/// # Errors
/// In words: it is no URL, or nothing is forwarded here.
pub fn explain_url(
    root: &Root,
    believed: &Believed,
    question: &UrlQuestion,
) -> Result<UrlExplanation, String> {
    let (uri, host) = parse(&question.url)?;
    explained(root, believed, question, (&uri, &host))
}

#[cfg(not(feature = "forwarder"))]
fn explained(
    _: &Root,
    _: &Believed,
    _: &UrlQuestion,
    _: (&Uri, &str),
) -> Result<UrlExplanation, String> {
    Err("this program was built without the forwarder: it forwards nothing".to_owned())
}
