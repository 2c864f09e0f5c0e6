//! The command probe: runs a program that says whether a target works.

use std::io;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::deadline::Deadline;
use super::{Ask, Asking, Outcome};
use crate::config::CommandProbe;
use crate::health::failure::{Failure, Step};

/// Where programs find other ones.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Octets of what a program says that are kept, more than a reason has; the rest is read and dropped.
const KEPT: usize = 1024;
const PIECE: usize = 4096;
/// For what a program has said before it ended, where something that it left behind keeps the pipe.
const LEFT_BEHIND: Duration = Duration::from_millis(100);

/// Runs a command for one address.
#[derive(Debug)]
pub struct CommandAsker {
    timeout: Duration,
    probe: CommandProbe,
    environment: [(&'static str, String); 3],
    running: Arc<Semaphore>,
}

impl CommandAsker {
    pub fn new(
        address: SocketAddr,
        timeout: Duration,
        mut probe: CommandProbe,
        running: Arc<Semaphore>,
    ) -> Self {
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        for word in &mut probe.arguments {
            *word = word.replace("{address}", &ip).replace("{port}", &port);
        }
        CommandAsker {
            timeout,
            probe,
            environment: [
                ("PATH", PATH.into()),
                ("MERIDIAN_ADDRESS", ip),
                ("MERIDIAN_PORT", port),
            ],
            running,
        }
    }

    async fn attempt(&self) -> Outcome {
        let deadline = Deadline::new(self.timeout);
        let (mut child, mut output) = self.start().map_err(|error| {
            let program = self.probe.program.display();
            Failure::local(&format!("{program}: {error}"))
        })?;
        // Dropped before the child, which nobody waits for until then.
        let group = Group::of(&child);
        let mut said = Vec::new();
        let status = deadline
            .within(Step::Command, end(&mut child, &mut output, &mut said))
            .await?
            .map_err(|error| Failure::local(&error.to_string()))?;
        // What it left behind ends with it, and no longer keeps the pipe.
        drop(group);
        let _ = tokio::time::timeout(LEFT_BEHIND, listen(&mut output, &mut said)).await;
        match status.success() {
            true => Ok(()),
            false => Err(Failure::command(status, &said)),
        }
    }

    fn start(&self) -> io::Result<(Child, pipe::Receiver)> {
        let (reader, writer) = io::pipe()?;
        let child = Command::new(&self.probe.program)
            .args(&self.probe.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let output = pipe::Receiver::from_owned_fd(reader.into())?;
        Ok((child, output))
    }
}

impl Ask for CommandAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(self.attempt())
    }

    fn turns(&self) -> Option<Arc<Semaphore>> {
        Some(Arc::clone(&self.running))
    }
}

/// The processes of a command, which end with it.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Group(leader.map(Pid::from_raw))
    }
}

impl Drop for Group {
    /// While the leader has not been waited for, or any other is left, nobody else has that number. In the moment
    /// between the end of the last and this, it is not given away either: numbers go round.
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // There may be nobody left.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// Listens until the program ends.
async fn end(
    child: &mut Child,
    output: &mut pipe::Receiver,
    said: &mut Vec<u8>,
) -> io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        () = listen(output, said) => {}
    }
    child.wait().await
}

/// Listens until nobody can say anything any more.
async fn listen(output: &mut pipe::Receiver, said: &mut Vec<u8>) {
    let mut piece = [0; PIECE];
    while let Ok(length @ 1..) = output.read(&mut piece).await {
        let room = KEPT.saturating_sub(said.len());
        said.extend_from_slice(&piece[..length.min(room)]);
    }
}
