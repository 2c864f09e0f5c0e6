use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::cache;
use super::explain::{self, Believed, Explanation, Line, Question};
use super::explain_url::{self, UrlQuestion};
use super::health::{Changed, HealthReport, History};
use super::whom::Whom;
use super::{
    EndpointStatus, Joined, Loaded, NetworkRtt, Observed, Overridden, Registered, Reloaded, Said,
    Standing, Status, Taken, Which, ZoneTrouble,
};
use crate::geoip::World;
use crate::load::Report;
use crate::overrides::{Order, key};
use crate::registrations;
use crate::state::feedback::Counters;
use crate::state::forwarding::bits_of;
use crate::state::{Root, RootReader};

/// What the control loop is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Read the configuration again; the answer says what came of it, or lists every mistake.
    Reload(oneshot::Sender<Result<Reloaded, Vec<String>>>),
    /// Take an operator's word.
    Override(Order, oneshot::Sender<Result<Said, String>>),
    /// Take some back; the answer says which.
    ClearOverrides(Which, oneshot::Sender<Result<Said, String>>),
    /// Take these reports, or none where one is wrong.
    Load(Vec<Report>, oneshot::Sender<Result<Taken, String>>),
    /// Take these observations, or none where one is wrong.
    Observe(Vec<Observed>, oneshot::Sender<Result<Taken, String>>),
    /// Let an endpoint join a pool, or stay in it.
    Register(
        registrations::Order,
        oneshot::Sender<Result<Joined, String>>,
    ),
    /// Let one leave.
    Deregister(
        registrations::Leave,
        oneshot::Sender<Result<Joined, String>>,
    ),
    /// Say who has registered.
    Registrations(oneshot::Sender<Vec<Registered>>),
    /// Say what is known of loads.
    Loads(oneshot::Sender<Vec<Loaded>>),
}

/// Tells what is known of targets.
pub type Teller = dyn Fn(&Root, &Overridden, &Asked) -> HealthReport + Send + Sync;

/// What is asked of targets.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Default: all.
    pub whom: Option<Whom>,
    /// So many of them, the worst. Default: every one of them.
    pub worst: Option<usize>,
}

/// What requests are answered from.
pub struct Live {
    pub root: RootReader,
    pub world: ArcSwap<World>,
    pub zones_in_trouble: ArcSwap<Vec<ZoneTrouble>>,
    pub overridden: ArcSwap<Overridden>,
    /// By pool that may shed: what it takes by its load, and why.
    pub shed: ArcSwap<HashMap<String, String>>,
    /// What the forwarder has to do, of pools that have their load from it.
    pub reports: ArcSwap<Vec<Report>>,
    pub config_path: PathBuf,
    pub listening: Vec<std::net::SocketAddr>,
    /// In words, for explain: probes, or a file.
    pub verdicts: Box<dyn Fn() -> String + Send + Sync>,
    /// What is known of the targets that are meant, or of all.
    pub health: Box<Teller>,
    pub history: Arc<History>,
    /// Where metrics can be read.
    pub metrics: ArcSwap<Option<std::net::SocketAddr>>,
    pub commands: mpsc::Sender<Command>,
    /// Of the workers, once they have started.
    pub counters: OnceLock<Vec<Arc<Counters>>>,
}

/// The admin API.
pub fn router(live: Arc<Live>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/explain", post(explain))
        .route("/v1/explain/url", post(explain_url))
        .route("/v1/health", get(health))
        .route("/v1/health/history", get(history))
        .route("/v1/reload", post(reload))
        .route("/v1/cache", get(cache::told))
        .route("/v1/cache/purge", post(cache::purge))
        .route("/v1/load", get(loads).post(load))
        .route("/v1/load/reports", get(reports))
        .route("/v1/rtt", get(rtt))
        .route("/v1/observations", post(observe))
        .route(
            "/v1/registrations",
            get(registrations).post(register).delete(deregister),
        )
        .route("/v1/overrides", get(overrides).post(add_override))
        .route("/v1/overrides/clear", post(clear_overrides))
        .fallback(async || error(StatusCode::NOT_FOUND, "there is no such thing to ask for"))
        .method_not_allowed_fallback(async || {
            error(StatusCode::METHOD_NOT_ALLOWED, "asked by the wrong method")
        })
        .with_state(live)
}

async fn status(State(live): State<Arc<Live>>) -> Json<Status> {
    let root = live.root.load_full();
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        config: live.config_path.display().to_string(),
        listening: live.listening.iter().map(ToString::to_string).collect(),
        metrics: live.metrics.load().map(|address| address.to_string()),
        generation: root.generation,
        zones: root.zones.iter().count(),
        zones_in_trouble: live.zones_in_trouble.load().to_vec(),
        aliases_unresolved: aliases_unresolved(&root),
        max_batch_gap_us: max_batch_gap_us(live.counters.get().into_iter().flatten()),
        endpoints: endpoints(&root, &live.overridden.load()),
    })
}

fn aliases_unresolved(root: &Root) -> Vec<String> {
    let names = root.pools.unresolved.values().flatten();
    let names: BTreeSet<&str> = names.map(|name| &**name).collect();
    names.into_iter().map(str::to_owned).collect()
}

fn max_batch_gap_us<'c>(counters: impl Iterator<Item = &'c Arc<Counters>>) -> u64 {
    let longest_ns = counters
        .map(|counters| counters.batch_gap_max_ns.get())
        .max();
    longest_ns.unwrap_or(0).div_ceil(1000)
}

fn endpoints(root: &Root, overridden: &Overridden) -> Vec<EndpointStatus> {
    let pools = &root.pools;
    let status = |pool: &crate::state::pools::Pool, id: crate::model::EndpointId| {
        let endpoint = &pools.endpoints[id.index()];
        EndpointStatus {
            pool: pool.name.to_string(),
            region: pools.regions[pool.region.index()].name.to_string(),
            address: endpoint.destination.to_string(),
            alias: pools.of_alias.get(&id).map(|of| of.name.to_string()),
            weight: endpoint.weight,
            verdict: root.health.endpoint(id).verdict.to_string(),
            overridden: overridden.why.get(&key(pools, id)).cloned(),
        }
    };
    pools
        .pools
        .iter()
        .flat_map(|pool| pool.endpoint_ids().map(move |id| status(pool, id)))
        .collect()
}

async fn explain(
    State(live): State<Arc<Live>>,
    question: Result<Json<Question>, JsonRejection>,
) -> Response {
    let question = match question {
        Ok(Json(question)) => question,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let (root, world) = (live.root.load_full(), live.world.load_full());
    let believed = Believed {
        verdicts: (live.verdicts)(),
        overridden: live.overridden.load_full(),
        shed: live.shed.load_full(),
    };
    // Many clients take a while: not on the threads that probes share.
    let explained =
        tokio::task::spawn_blocking(move || explain::explain(&root, &world, &believed, &question))
            .await;
    match explained {
        Ok(Ok(mut explanation)) => {
            tell_trouble(&mut explanation, &live.zones_in_trouble.load());
            Json(explanation).into_response()
        }
        Ok(Err(message)) => error(StatusCode::BAD_REQUEST, &message),
        Err(panic) => error(StatusCode::INTERNAL_SERVER_ERROR, &panic.to_string()),
    }
}

async fn explain_url(
    State(live): State<Arc<Live>>,
    question: Result<Json<UrlQuestion>, JsonRejection>,
) -> Response {
    let question = match question {
        Ok(Json(question)) => question,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let believed = Believed {
        verdicts: (live.verdicts)(),
        overridden: live.overridden.load_full(),
        shed: live.shed.load_full(),
    };
    match explain_url::explain_url(&live.root.load_full(), &believed, &question) {
        Ok(explanation) => Json(explanation).into_response(),
        Err(message) => error(StatusCode::BAD_REQUEST, &message),
    }
}

/// Behind the line of the zone: that it is not what its file says.
fn tell_trouble(explanation: &mut Explanation, troubles: &[ZoneTrouble]) {
    let is_of_zone = |trouble: &&ZoneTrouble| Some(&trouble.zone) == explanation.zone.as_ref();
    if let Some(trouble) = troubles.iter().find(is_of_zone) {
        let at = explanation
            .steps
            .iter()
            .position(|line| line.step == "zone");
        let line = Line {
            step: "file".to_owned(),
            text: format!(
                "not what is served ({}): {}",
                trouble.state, trouble.mistake
            ),
        };
        explanation.steps.insert(at.map_or(0, |at| at + 1), line);
    }
}

/// Whom a request is about.
#[derive(Deserialize)]
struct About {
    what: Option<String>,
    worst: Option<usize>,
}

/// Or what is wrong with the request, in words.
fn asked(about: Result<Query<About>, QueryRejection>) -> Result<Asked, (StatusCode, String)> {
    let Query(About { what, worst }) =
        about.map_err(|rejection| (rejection.status(), rejection.body_text()))?;
    let whom = what.map(|what| what.parse()).transpose();
    let whom = whom.map_err(|unreadable: super::whom::Unreadable| {
        (StatusCode::BAD_REQUEST, unreadable.to_string())
    })?;
    Ok(Asked { whom, worst })
}

async fn health(
    State(live): State<Arc<Live>>,
    about: Result<Query<About>, QueryRejection>,
) -> Response {
    let asked = match asked(about) {
        Ok(asked) => asked,
        Err((status, why)) => return error(status, &why),
    };
    // Many targets take a while: not on the threads that probes share.
    let told = tokio::task::spawn_blocking(move || {
        let (root, overridden) = (live.root.load_full(), live.overridden.load_full());
        let mut report = (live.health)(&root, &overridden, &asked);
        report.verdicts = (live.verdicts)();
        report
    });
    match told.await {
        Ok(report) => Json(report).into_response(),
        Err(panic) => error(StatusCode::INTERNAL_SERVER_ERROR, &panic.to_string()),
    }
}

async fn history(
    State(live): State<Arc<Live>>,
    about: Result<Query<About>, QueryRejection>,
) -> Response {
    let asked = match asked(about) {
        Ok(asked) => asked,
        Err((status, why)) => return error(status, &why),
    };
    let told = tokio::task::spawn_blocking(move || {
        let mut of = HashSet::new();
        if asked.whom.is_some() {
            let (root, overridden) = (live.root.load_full(), live.overridden.load_full());
            let report = (live.health)(&root, &overridden, &asked);
            of.extend(report.targets.into_iter().map(|target| target.target));
        }
        live.history.changes(asked.whom.as_ref(), &of)
    });
    match told.await {
        Ok(changes) => {
            let changes: Vec<&Changed> = changes.iter().map(|change| &**change).collect();
            Json(changes).into_response()
        }
        Err(panic) => error(StatusCode::INTERNAL_SERVER_ERROR, &panic.to_string()),
    }
}

async fn reload(State(live): State<Arc<Live>>) -> Response {
    let (reply, outcome) = oneshot::channel();
    if live.commands.send(Command::Reload(reply)).await.is_err() {
        return error(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping");
    }
    match outcome.await {
        Ok(Ok(Reloaded {
            zones_in_trouble,
            mistakes,
        })) => Json(json!({
            "reloaded": true,
            "zones_in_trouble": zones_in_trouble,
            "mistakes": mistakes,
        }))
        .into_response(),
        Ok(Err(mistakes)) => {
            let body = json!({ "error": "the new configuration was refused; the old one serves", "mistakes": mistakes });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
        }
        Err(_) => error(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"),
    }
}

async fn overrides(State(live): State<Arc<Live>>) -> Json<Vec<Standing>> {
    Json(live.overridden.load().standing.clone())
}

async fn add_override(
    State(live): State<Arc<Live>>,
    order: Result<Json<Order>, JsonRejection>,
) -> Response {
    command(&live, order, Command::Override).await
}

async fn clear_overrides(
    State(live): State<Arc<Live>>,
    which: Result<Json<Which>, JsonRejection>,
) -> Response {
    command(&live, which, Command::ClearOverrides).await
}

async fn load(
    State(live): State<Arc<Live>>,
    reports: Result<Json<Vec<Report>>, JsonRejection>,
) -> Response {
    command(&live, reports, Command::Load).await
}

async fn observe(
    State(live): State<Arc<Live>>,
    observations: Result<Json<Vec<Observed>>, JsonRejection>,
) -> Response {
    command(&live, observations, Command::Observe).await
}

async fn loads(State(live): State<Arc<Live>>) -> Response {
    told(&live, Command::Loads).await
}

async fn reports(State(live): State<Arc<Live>>) -> Json<Vec<Report>> {
    Json(live.reports.load().to_vec())
}

async fn rtt(State(live): State<Arc<Live>>) -> Json<Vec<NetworkRtt>> {
    let rtts = live.root.load_full().forwarding.rtts.all().into_iter();
    // What is behind the microseconds says nothing.
    let rounded = |ms: f64| (ms * 1000.0).round() / 1000.0;
    let told = rtts.map(|(address, rtt)| NetworkRtt {
        network: format!("{address}/{}", bits_of(&address)),
        ms: rounded(rtt.ms),
        min_ms: rounded(rtt.min_ms),
        samples: rtt.samples,
    });
    Json(told.collect())
}

async fn register(
    State(live): State<Arc<Live>>,
    order: Result<Json<registrations::Order>, JsonRejection>,
) -> Response {
    command(&live, order, Command::Register).await
}

async fn deregister(
    State(live): State<Arc<Live>>,
    leave: Result<Query<registrations::Leave>, QueryRejection>,
) -> Response {
    match leave {
        Ok(Query(leave)) => command(&live, Ok(Json(leave)), Command::Deregister).await,
        Err(rejection) => error(rejection.status(), &rejection.body_text()),
    }
}

async fn registrations(State(live): State<Arc<Live>>) -> Response {
    told(&live, Command::Registrations).await
}

/// Has the control loop say what it knows.
async fn told<T: Serialize>(
    live: &Live,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Response {
    let (reply, told) = oneshot::channel();
    let asked = live.commands.send(command(reply)).await;
    match (asked, told.await) {
        (Ok(()), Ok(told)) => Json(told).into_response(),
        _ => error(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"),
    }
}

/// Has the control loop do what the request's body says.
async fn command<B, T: Serialize>(
    live: &Live,
    body: Result<Json<B>, JsonRejection>,
    command: impl FnOnce(B, oneshot::Sender<Result<T, String>>) -> Command,
) -> Response {
    let body = match body {
        Ok(Json(body)) => body,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let stopping = || error(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping");
    let (reply, outcome) = oneshot::channel();
    if live.commands.send(command(body, reply)).await.is_err() {
        return stopping();
    }
    match outcome.await {
        Ok(Ok(done)) => Json(done).into_response(),
        Ok(Err(message)) => error(StatusCode::UNPROCESSABLE_ENTITY, &message),
        Err(_) => stopping(),
    }
}

pub(super) fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}
