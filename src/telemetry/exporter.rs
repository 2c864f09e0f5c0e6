//! Answers `GET /metrics`, in the text format of OpenMetrics 1.0 to those who accept it, else in that of
//! Prometheus, which is older.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
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

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Connections at a time; those past it wait.
const CONNECTIONS_MAX: usize = 16;
/// How long one may last, so that those who read slowly do not keep others out: whoever reads on connects again.
const CONNECTION_TIME: Duration = Duration::from_secs(30);
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
    Router::new().route("/metrics", get(move |headers| metrics(registry, headers)))
}

async fn metrics(registry: Arc<Registry>, headers: HeaderMap) -> Response {
    let mut accepted = headers.get_all(header::ACCEPT).into_iter();
    let is_open = accepted.any(|formats| {
        let formats = formats.to_str().unwrap_or_default();
        formats.contains("application/openmetrics-text")
    });
    // Many pools take a while: not on the threads that probes share.
    let written = task::spawn_blocking(move || {
        let mut text = String::new();
        encode(&mut text, &registry).map(|()| match is_open {
            true => (OPEN_METRICS, text),
            false => (PLAIN, plain(&text)),
        })
    });
    match written.await {
        Ok(Ok((format, text))) => ([(header::CONTENT_TYPE, format)], text).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The same in the older format: there a counter is declared by the name of its samples, and units and the
/// end are not told.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut help = "";
    for line in text.lines() {
        if let Some(of) = line.strip_prefix("# HELP ") {
            help = of;
        } else if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap_or((declared, "untyped"));
            let help = help.strip_prefix(name).unwrap_or_default();
            let total = if kind == "counter" { "_total" } else { "" };
            plain.push_str(&format!(
                "# HELP {name}{total}{help}\n# TYPE {name}{total} {kind}\n"
            ));
        } else if !line.starts_with('#') {
            plain.push_str(line);
            plain.push('\n');
        }
    }
    plain
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
        exporting("What was answered")
    }

    fn exporting(help: &str) -> Exporter {
        let mut registry = Registry::default();
        let counter: Counter = Counter::default();
        counter.inc_by(7);
        registry.register("answers", help, counter);
        let listen = "127.0.0.1:0".parse().expect("an address");
        let exporter = Exporter::start(listen, Arc::new(registry));
        exporter.expect("a free port")
    }

    async fn ask(exporter: &Exporter, path: &str) -> String {
        ask_for(exporter, path, "*/*").await
    }

    async fn ask_for(exporter: &Exporter, path: &str, format: &str) -> String {
        let mut stream = TcpStream::connect(exporter.address())
            .await
            .expect("it listens");
        let head = format!("host: a\r\nconnection: close\r\naccept: {format}");
        let request = format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n");
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
        let plain = "\r\n\r\n# HELP answers_total What was answered.\n# TYPE answers_total counter\n\
                     answers_total 7\n";
        assert!(
            answer.contains(PLAIN) && answer.ends_with(plain),
            "{answer}"
        );
        let answer = ask_for(&exporter, "/metrics", OPEN_METRICS).await;
        let open = "# TYPE answers counter\nanswers_total 7\n# EOF\n";
        assert!(
            answer.contains(OPEN_METRICS) && answer.ends_with(open),
            "{answer}"
        );
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

    /// What comes back to these octets, until the end.
    async fn reply(exporter: &Exporter, octets: &[u8]) -> String {
        let mut stream = TcpStream::connect(exporter.address())
            .await
            .expect("it listens");
        // It need not read them all, nor end in order then.
        let _ = stream.write_all(octets).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_and_others_are_answered() {
        let exporter = exporter();
        let endless = format!("GET /metrics HTTP/1.1\r\n{}", "x: y\r\n".repeat(100_000));
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1_000_000));
        let no_utf8 =
            b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\naccept: \xff\xfe\r\n\r\n";
        let post =
            b"POST /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let cases: [(&[u8], &[&str]); 7] = [
            (
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a handshake\r\n\r\n",
                &["400"],
            ),
            (b"\0\0\0\0\r\n\r\n", &["400"]),
            (
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                &["", "400", "404", "505"],
            ),
            (endless.as_bytes(), &["", "431"]),
            (long.as_bytes(), &["", "414", "431"]),
            (no_utf8, &["200"]),
            (post, &["405"]),
        ];
        for (octets, expected) in cases {
            let answer = reply(&exporter, octets).await;
            let status = answer.strip_prefix("HTTP/1.1 ").unwrap_or_default();
            let status = status.split(' ').next().unwrap_or_default();
            assert!(expected.contains(&status), "{expected:?}: {answer}");
        }
        let answer = ask(&exporter, "/metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test]
    async fn those_who_do_not_read_make_others_wait_but_not_for_ever() {
        // More than sockets hold.
        let exporter = exporting(&"x".repeat(6 << 20));
        let mut slow = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            let mut stream = TcpStream::connect(exporter.address())
                .await
                .expect("it listens");
            let request = b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n";
            stream.write_all(request).await.expect("it reads");
            slow.push(stream);
        }
        tokio::time::pause();
        let answer = ask(&exporter, "/").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
}
