//! Six small HTTP servers, two in each region.

use std::io::{self, ErrorKind};
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

/// How often a port is looked for that is free on all six addresses.
const FREE_PORT_TRIES: u32 = 16;

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
    /// Takes `port` on all six addresses; 0 takes one that is free on all of them.
    pub async fn start(port: u16) -> Result<Self, String> {
        let mut tries = if port == 0 { FREE_PORT_TRIES } else { 1 };
        let listeners = loop {
            tries -= 1;
            match listen(port).await {
                Err((_, e)) if e.kind() == ErrorKind::AddrInUse && tries > 0 => {}
                Err((wanted, e)) => {
                    let who = "the backends";
                    return Err(ports::in_use(who, "TCP", wanted, &e, "--backend-port"));
                }
                Ok(listeners) => break listeners,
            }
        };
        let address = listeners[0].local_addr().map_err(|e| e.to_string())?;
        let tasks = BACKENDS.into_iter().zip(listeners).map(serve).collect();
        Ok(Backends {
            port: address.port(),
            tasks,
        })
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

/// One listener for each backend; which address could not be taken, and why.
async fn listen(mut port: u16) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut listeners = Vec::new();
    for (_, address) in BACKENDS {
        let wanted = SocketAddr::from((address, port));
        let listener = TcpListener::bind(wanted).await.map_err(|e| (wanted, e))?;
        port = listener.local_addr().map_err(|e| (wanted, e))?.port();
        listeners.push(listener);
    }
    Ok(listeners)
}

fn serve(((region, address), listener): ((&'static str, Ipv4Addr), TcpListener)) -> JoinHandle<()> {
    let backend = Arc::new(Backend {
        region,
        address,
        is_up: AtomicBool::new(true),
    });
    tokio::spawn(async move {
        let _ = axum::serve(listener, router(backend)).await;
    })
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
