//! Asks a running server.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long an answer may take; the longest explanation draws for a million clients.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a running server gave no answer.
#[derive(Debug)]
pub enum Error {
    /// Nobody listens there.
    NotRunning,
    /// It answered that the request cannot be done.
    Refused(String),
    /// Anything else, in words.
    Failed(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::NotRunning => f.write_str("no server is running there"),
            Error::Refused(message) | Error::Failed(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

/// `POST path` with a JSON body.
pub async fn post<T: DeserializeOwned>(
    socket: &Path,
    path: &str,
    body: &impl Serialize,
) -> Result<T, Error> {
    let body = serde_json::to_vec(body).map_err(|e| Error::Failed(e.to_string()))?;
    let request = client(socket)?
        .post(format!("http://meridian{path}"))
        .header("content-type", "application/json")
        .body(body);
    receive(request).await
}

/// `GET path`.
///
/// # Errors
/// Nobody listens there, or it cannot be done.
pub async fn get<T: DeserializeOwned>(socket: &Path, path: &str) -> Result<T, Error> {
    receive(client(socket)?.get(format!("http://meridian{path}"))).await
}

/// `DELETE path` with a query.
///
/// # Errors
/// Nobody listens there, or it cannot be done.
pub async fn delete<T: DeserializeOwned>(
    socket: &Path,
    path: &str,
    query: &[(&str, &str)],
) -> Result<T, Error> {
    let url = format!("http://meridian{path}");
    let mut url = reqwest::Url::parse(&url).map_err(|e| Error::Failed(e.to_string()))?;
    url.query_pairs_mut().extend_pairs(query);
    receive(client(socket)?.delete(url)).await
}

fn client(socket: &Path) -> Result<reqwest::Client, Error> {
    // Tried first, since what the kernel says is hard to find in an HTTP client's error.
    UnixStream::connect(socket).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Error::NotRunning,
        _ => Error::Failed(format!(
            "cannot ask the server at {}: {e}",
            socket.display()
        )),
    })?;
    reqwest::Client::builder()
        .unix_socket(socket.to_path_buf())
        .timeout(PATIENCE)
        .build()
        .map_err(|e| Error::Failed(e.to_string()))
}

async fn receive<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, Error> {
    let response = request
        .send()
        .await
        .map_err(|e| Error::Failed(e.to_string()))?;
    let status = response.status();
    let body = response
        .bytes()
        .await
        .map_err(|e| Error::Failed(e.to_string()))?;
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|e| Error::Failed(format!("a strange answer: {e}")));
    }
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let words = value["error"]
        .as_str()
        .map_or_else(|| format!("status {status}"), str::to_owned);
    let mistakes = value["mistakes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| m.as_str());
    Err(Error::Refused(
        mistakes.fold(words, |all, mistake| format!("{all}\n{mistake}")),
    ))
}
