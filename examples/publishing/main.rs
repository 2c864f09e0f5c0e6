//! How soon changes are answered: reloads, one changed zone, verdicts. A whole server is started here,
//! asked over loopback, and told of changes as an operator would.
//!
//! ```sh
//! cargo run --release --example publishing
//! cargo run --release --example publishing -- --names 100000 --zones 100 --endpoints 1000
//! ```
//!
//! | figure | from | to |
//! |---|---|---|
//! | everything | the request to reload: all zone files and the database are others | the last zone's new answer |
//! | nothing | the same with no file changed | the reply to the request |
//! | one endpoint | the same with another weight of one endpoint | the reply to the request |
//! | one zone | the same with one zone file changed | its new answer |
//! | flip | the backend sends another status to its health check | the balanced name's other answer |
//!
//! Then the same server is kept busy by a closed loop of queries while zones change. The *gap* is the
//! server's own figure, `max_batch_gap_us` in `/v1/status`; the *wait* that of a query, as its client sees it.

mod backend;
mod client;
mod files;
mod load;
#[path = "../common/regions.rs"]
mod regions;

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use clap::Parser;
use meridian::daemon::{Daemon, Settings, StartError};

use backend::Backend;
use client::Client;
use files::{FLIPPING, FLIPPING_DOWN, FLIPPING_UP, Files, Scale, VERSION, apex, version_address};
use load::Load;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    scale: Scale,
    /// How often everything is changed
    #[arg(long, default_value_t = 3)]
    everything: u16,
    /// How often one zone is changed
    #[arg(long, default_value_t = 20)]
    one_zone: u16,
    /// How often the verdict flips
    #[arg(long, default_value_t = 100)]
    flips: u16,
    /// How often one zone is changed under load
    #[arg(long, default_value_t = 100)]
    under_load: u16,
    /// Queries of the load that are under way at any time
    #[arg(long, default_value_t = 64)]
    window: u16,
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    measure(folder.path(), &arguments).await
}

async fn measure(folder: &Path, arguments: &Arguments) -> Result<(), String> {
    let backend = Backend::start().map_err(|e| e.to_string())?;
    let files = Files::write(folder, arguments.scale, backend.address)?;
    println!("{:#?}", arguments.scale);
    let begun = Instant::now();
    let settings = Settings {
        config: files.config(),
        ..Settings::default()
    };
    let (daemon, _) = Daemon::start(settings).await.map_err(|e| told(&e))?;
    println!("start: {:.2} s", begun.elapsed().as_secs_f64());
    let mut bench = Bench {
        client: Client::new(daemon.listening()[0]).map_err(|e| e.to_string())?,
        daemon,
        backend,
        files,
        version: 0,
        is_up: true,
    };
    bench.settle().await?;
    bench
        .repeat("nothing", arguments.one_zone, async |bench| {
            bench.nothing().await
        })
        .await?;
    bench
        .repeat("one endpoint", arguments.everything, async |bench| {
            bench.one_endpoint().await
        })
        .await?;
    bench
        .repeat("one zone", arguments.one_zone, async |bench| {
            bench.one_zone().await
        })
        .await?;
    bench
        .repeat("flip", arguments.flips, async |bench| bench.flip())
        .await?;
    bench
        .repeat("everything", arguments.everything, async |bench| {
            bench.everything().await
        })
        .await?;
    bench.under_load(arguments).await?;
    bench.daemon.stop().await;
    Ok(())
}

struct Bench {
    daemon: Daemon,
    client: Client,
    backend: Backend,
    files: Files,
    /// Of the last zone file that was written.
    version: u16,
    /// What the backend says.
    is_up: bool,
}

impl Bench {
    /// Waits until what the start, or a change of files, set off by itself is over, and reads once more
    /// what was read right after it was written.
    async fn settle(&self) -> Result<(), String> {
        loop {
            let before = self.generation();
            tokio::time::sleep(Duration::from_secs(3)).await;
            if self.generation() == before {
                return self.reload().await;
            }
        }
    }

    fn generation(&self) -> u64 {
        self.daemon.root().load().generation
    }

    async fn repeat(
        &mut self,
        what: &str,
        count: u16,
        mut change: impl AsyncFnMut(&mut Bench) -> Result<Duration, String>,
    ) -> Result<(), String> {
        let mut took = Vec::new();
        for _ in 0..count {
            took.push(change(self).await?);
        }
        took.sort();
        if let (Some(median), Some(worst)) = (took.get(took.len() / 2), took.last()) {
            println!("{what}: median {median:.3?}, worst {worst:.3?}, of {count}");
        }
        Ok(())
    }

    async fn nothing(&mut self) -> Result<Duration, String> {
        let begun = Instant::now();
        self.reload().await?;
        Ok(begun.elapsed())
    }

    async fn one_endpoint(&mut self) -> Result<Duration, String> {
        self.version += 1;
        let written = self
            .files
            .write_settings(self.backend.address, 1 + self.version);
        written.map_err(|e| e.to_string())?;
        self.nothing().await
    }

    async fn one_zone(&mut self) -> Result<Duration, String> {
        self.version += 1;
        let zone = usize::from(self.version) % self.files.scale.zones;
        self.change_zones(zone..zone + 1)?;
        let begun = Instant::now();
        self.reload_until(zone, begun).await
    }

    async fn everything(&mut self) -> Result<Duration, String> {
        self.version += 1;
        self.change_zones(0..self.files.scale.zones)?;
        let replaced = self.files.replace_database(self.version);
        replaced.map_err(|e| e.to_string())?;
        let begun = Instant::now();
        let took = self.reload_until(self.files.scale.zones - 1, begun).await;
        self.settle().await?;
        took
    }

    fn flip(&mut self) -> Result<Duration, String> {
        self.is_up = !self.is_up;
        let sent = self.backend.turn(self.is_up)?;
        let wanted = if self.is_up {
            FLIPPING_UP
        } else {
            FLIPPING_DOWN
        };
        Ok(self.client.await_address(FLIPPING, wanted)? - sent)
    }

    /// Reloads under a closed loop; and as many times the same without a reload.
    async fn under_load(&mut self, arguments: &Arguments) -> Result<(), String> {
        let (server, scale) = (self.daemon.listening()[0], self.files.scale);
        let load = Load::start(server, scale, arguments.window, self.version);
        let load = load.map_err(|e| e.to_string())?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (begun, before) = (Instant::now(), load.seen.answered.load(Relaxed));
        self.compare(&load, "one zone", arguments.under_load)
            .await?;
        let replaced = self.files.replace_database(self.version + 1);
        replaced.map_err(|e| e.to_string())?;
        self.compare(&load, "one zone and the database", 1).await?;
        let answered = load.seen.answered.load(Relaxed) - before;
        println!(
            "under load: {:.0} answers a second, {} lost, {} wrong",
            answered as f64 / begun.elapsed().as_secs_f64(),
            load.seen.lost.load(Relaxed),
            load.seen.wrong.load(Relaxed)
        );
        load.stop()
    }

    /// Reloads, and as much time without one after each.
    async fn compare(&mut self, load: &Load, what: &str, count: u16) -> Result<(), String> {
        let (mut with, mut without) = (Longest::default(), Longest::default());
        for _ in 0..count {
            load.seen.newest.store(self.version + 1, Relaxed);
            self.reset(load);
            let took = self.one_zone().await?;
            with.note(took, self.gap(), load);
            self.reset(load);
            let name = version_name(usize::from(self.version) % self.files.scale.zones);
            self.client.keep_asking(&name, took)?;
            without.note(took, self.gap(), load);
        }
        println!("under load, {what}, {count} times:");
        with.print("with reloads");
        without.print("without");
        Ok(())
    }

    fn reset(&self, load: &Load) {
        self.daemon
            .counters()
            .iter()
            .for_each(|counters| counters.batch_gap_max_ns.reset());
        load.seen.wait_max_ns.store(0, Relaxed);
    }

    /// The longest since the last reset.
    fn gap(&self) -> Duration {
        let gaps = self
            .daemon
            .counters()
            .iter()
            .map(|c| c.batch_gap_max_ns.get());
        Duration::from_nanos(gaps.max().unwrap_or(0))
    }

    fn change_zones(&self, zones: std::ops::Range<usize>) -> Result<(), String> {
        for zone in zones {
            let written = self.files.write_zone(zone, self.version);
            written.map_err(|e| format!("{}: {e}", apex(zone)))?;
        }
        Ok(())
    }

    async fn reload(&self) -> Result<(), String> {
        let told = self
            .daemon
            .reload()
            .await
            .map_err(|lines| lines.join("\n"))?;
        match told.mistakes.first() {
            None => Ok(()),
            Some(mistake) => Err(mistake.clone()),
        }
    }

    /// Until the new version of `zone` is answered.
    async fn reload_until(&mut self, zone: usize, begun: Instant) -> Result<Duration, String> {
        self.reload().await?;
        let name = version_name(zone);
        let wanted = version_address(self.version);
        Ok(self.client.await_address(&name, wanted)? - begun)
    }
}

/// The name whose address says which version of `zone` is answered.
fn version_name(zone: usize) -> String {
    format!("{VERSION}.{}", apex(zone))
}

/// The longest gaps and waits of many reloads, or of as much time without.
#[derive(Default)]
struct Longest {
    took: Vec<Duration>,
    gaps: Vec<Duration>,
    waits: Vec<Duration>,
}

impl Longest {
    fn note(&mut self, took: Duration, gap: Duration, load: &Load) {
        self.took.push(took);
        self.gaps.push(gap);
        let wait_ns = load.seen.wait_max_ns.load(Relaxed);
        self.waits.push(Duration::from_nanos(wait_ns));
    }

    fn print(&mut self, what: &str) {
        print!("  {what}:");
        for (name, of) in [
            ("time", &mut self.took),
            ("longest gap", &mut self.gaps),
            ("longest wait", &mut self.waits),
        ] {
            of.sort();
            if let (Some(median), Some(late), Some(worst)) =
                (of.get(of.len() / 2), of.get(of.len() * 9 / 10), of.last())
            {
                print!(" {name} {median:.3?} (median), {late:.3?} (9 of 10), {worst:.3?} (worst);");
            }
        }
        println!();
    }
}

fn told(error: &StartError) -> String {
    match error {
        StartError::Config(diagnostics) => {
            let lines = diagnostics.iter().take(20).map(|line| format!("{line}\n"));
            lines.collect()
        }
        StartError::Bind(error) => error.to_string(),
        StartError::System(message) => message.clone(),
    }
}
