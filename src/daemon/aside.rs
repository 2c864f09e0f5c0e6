//! Reading configurations aside from answers: on threads of their own, behind everybody who answers.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;

use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use tokio::sync::oneshot;

use crate::clock;
use crate::compile::{self, Adjust, Whole};
use crate::config::{Diagnostics, Place, Unwritten};
use crate::state::{Root, publish};

type Loaded = Result<(Whole, Diagnostics), Diagnostics>;
type JoinLoad = Pin<Box<dyn Future<Output = Loaded> + Send>>;

/// Reads a configuration and all that it names. Nobody is answered yet, so that it may take all there is.
pub fn load(path: PathBuf, adjust: Option<Arc<Adjust>>) -> JoinLoad {
    let config = path.clone();
    on_thread(config, move || compile::load(&path, adjust.as_deref()))
}

/// The same, while something else serves.
pub fn reload(before: Whole, path: PathBuf, adjust: Option<Arc<Adjust>>) -> JoinLoad {
    let config = path.clone();
    on_thread(config, move || {
        step_back();
        compile::reload(&before, clock::unix_ms(), &path, adjust.as_deref())
    })
}

/// Reads the databases again, while something else serves.
pub fn reload_databases(before: Whole) -> JoinLoad {
    on_thread(before.config.path.clone(), move || {
        step_back();
        compile::load_databases(&before)
    })
}

/// What is served, with what is known of endpoints beside its configuration.
pub fn expand(before: Whole, unwritten: Unwritten) -> JoinLoad {
    on_thread(before.config.path.clone(), move || {
        step_back();
        Ok((compile::expand(&before, unwritten), Diagnostics::new()))
    })
}

/// Frees what is no longer served, once nobody reads it any more.
pub fn free(retired: Vec<Arc<Root>>, before: Whole) {
    let freeing = move || {
        step_back();
        publish::free(retired);
        drop(before);
    };
    if let Err(error) = thread::Builder::new()
        .name("free".to_owned())
        .spawn(freeing)
    {
        tracing::warn!("no thread to free the old configuration, which is done at once: {error}");
    }
}

/// Leaves the processor to all other threads whenever they want it. The threads that this one starts do
/// the same. It is never taken back, and would need rights to be.
fn step_back() {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let stepped = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    if let Err(error) = stepped {
        tracing::debug!("reading the configuration may delay answers: {error:?}");
    }
}

fn on_thread(path: PathBuf, read: impl FnOnce() -> Loaded + Send + 'static) -> JoinLoad {
    let (reply, outcome) = oneshot::channel();
    let started = thread::Builder::new()
        .name("compile".to_owned())
        .spawn(move || {
            // Nobody waits any more when the server is stopping.
            let _ = reply.send(read());
        });
    Box::pin(async move {
        let failed = |why: String| {
            let mut diagnostics = Diagnostics::new();
            diagnostics.error(&Place::file(path), format!("internal error: {why}"), None);
            Err(diagnostics)
        };
        match started {
            Err(error) => failed(format!("no thread: {error}")),
            Ok(_) => match outcome.await {
                Ok(loaded) => loaded,
                // What it says stands in the log.
                Err(_) => failed("the thread that read it panicked".to_owned()),
            },
        }
    })
}
