//! Answers `GET /metrics`, in the text format of OpenMetrics 1.0.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{self, JoinHandle};

const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Connections at a time; those past it wait.
const CONNECTIONS_MAX: usize = 16;
/// How long one may last: whoever reads on connects again.
const CONNECTION_TIME: Duration = Duration::from_secs(120);
/// How long a request may take to come.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// Octets of a request that are kept.
const REQUEST_MAX: usize = 16 * 1024;
/// After a connection that could not be taken (no descriptors are left), so that it is not tried in a loop.
const PAUSE: Duration = Duration::from_millis(100);

/// Ends with its handle.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Exporter {
    /// Answers at `listen` out of `registry`. Must be called in a Tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be taken.
    pub fn start(listen: SocketAddr, registry: Arc<Registry>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(serve(listener, router(registry)));
        Ok(Exporter { address, task })
    }

    /// With the port that was really taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", get(move || metrics(registry)))
}

async fn metrics(registry: Arc<Registry>) -> Response {
    // Many pools take a while: not on the threads that probes share.
    let written = task::spawn_blocking(move || {
        let mut text = String::new();
        encode(&mut text, &registry).map(|()| text)
    });
    match written.await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, FORMAT)], text).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn serve(listener: TcpListener, router: Router) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // The semaphore is never closed.
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIME)
                .max_buf_size(REQUEST_MAX)
                .serve_connection(TokioIo::new(stream), service);
            // Whatever went wrong, it was the reader's connection.
            let _ = tokio::time::timeout(CONNECTION_TIME, served).await;
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    fn exporter() -> Exporter {
        let mut registry = Registry::default();
        let counter: Counter = Counter::default();
        counter.inc_by(7);
        registry.register("answers", "What was answered", counter);
        let listen = "127.0.0.1:0".parse().expect("an address");
        let exporter = Exporter::start(listen, Arc::new(registry));
        exporter.expect("a free port")
    }

    async fn ask(exporter: &Exporter, path: &str) -> String {
        let mut stream = TcpStream::connect(exporter.address())
            .await
            .expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("it answers");
        answer
    }

    #[tokio::test]
    async fn metrics_are_told_and_nothing_else() {
        let exporter = exporter();
        let answer = ask(&exporter, "/metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(FORMAT), "{answer}");
        assert!(answer.ends_with("answers_total 7\n# EOF\n"), "{answer}");
        let answer = ask(&exporter, "/").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }

    #[tokio::test]
    async fn those_who_connect_and_say_nothing_make_others_wait_but_not_for_ever() {
        let exporter = exporter();
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            idle.push(
                TcpStream::connect(exporter.address())
                    .await
                    .expect("it listens"),
            );
        }
        tokio::time::pause();
        let answer = ask(&exporter, "/metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
