//! Six small HTTP servers, two in each region.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::ports;

/// Region and addresses, as the quickstart's configuration has them.
pub const BACKENDS: [(&str, Ipv4Addr); 6] = [
    ("eu", Ipv4Addr::new(127, 0, 10, 1)),
    ("eu", Ipv4Addr::new(127, 0, 10, 2)),
    ("us", Ipv4Addr::new(127, 0, 20, 1)),
    ("us", Ipv4Addr::new(127, 0, 20, 2)),
    ("ap", Ipv4Addr::new(127, 0, 30, 1)),
    ("ap", Ipv4Addr::new(127, 0, 30, 2)),
];

/// The running backends, all on one port.
pub struct Backends {
    port: u16,
    tasks: Vec<JoinHandle<()>>,
}

struct Backend {
    region: &'static str,
    address: Ipv4Addr,
    is_up: AtomicBool,
}

impl Backends {
    /// Takes `port` on all six addresses; 0 takes one that is free on the first and then, most
    /// likely, on the others.
    pub async fn start(port: u16) -> Result<Self, String> {
        let mut backends = Backends {
            port,
            tasks: Vec::new(),
        };
        for (region, address) in BACKENDS {
            let wanted = SocketAddr::from((address, backends.port));
            let listener = TcpListener::bind(wanted)
                .await
                .map_err(|e| ports::in_use("the backends", "TCP", wanted, &e, "--backend-port"))?;
            backends.port = listener.local_addr().map_err(|e| e.to_string())?.port();
            let backend = Arc::new(Backend {
                region,
                address,
                is_up: AtomicBool::new(true),
            });
            backends.tasks.push(tokio::spawn(async move {
                let _ = axum::serve(listener, router(backend)).await;
            }));
        }
        Ok(backends)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn stop(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn router(backend: Arc<Backend>) -> Router {
    let switch = |is_up| {
        post(async move |State(backend): State<Arc<Backend>>| {
            backend.is_up.store(is_up, Ordering::Relaxed);
            backend.describe().1
        })
    };
    Router::new()
        .route(
            "/",
            get(async |State(backend): State<Arc<Backend>>| backend.describe()),
        )
        .route(
            "/healthz",
            get(async |State(backend): State<Arc<Backend>>| backend.describe()),
        )
        .route("/down", switch(false))
        .route("/up", switch(true))
        .with_state(backend)
}

impl Backend {
    fn describe(&self) -> (StatusCode, String) {
        let (status, word) = match self.is_up.load(Ordering::Relaxed) {
            true => (StatusCode::OK, "up"),
            false => (StatusCode::SERVICE_UNAVAILABLE, "down"),
        };
        (
            status,
            format!(
                "backend {} in region {}: {word}\n",
                self.address, self.region
            ),
        )
    }
}
