//! A running process whose output is collected.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything that has to happen is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends with its handle.
pub struct Process {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

/// Waits until `found` finds something.
pub fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(it) = found() {
            return it;
        }
        assert!(start.elapsed() < PATIENCE, "never came: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Process {
            child,
            stdout,
            stderr,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until standard output holds `text`, and returns all of it.
    pub fn until_stdout(&mut self, text: &str) -> String {
        self.until(text, Self::stdout)
    }

    /// The same for standard error.
    pub fn until_stderr(&mut self, text: &str) -> String {
        self.until(text, Self::stderr)
    }

    fn until(&mut self, text: &str, output: fn(&Self) -> String) -> String {
        eventually(text, || {
            let has_ended = self.child.try_wait().unwrap().is_some();
            let all = output(self);
            if all.contains(text) {
                return Some(all);
            }
            let stderr = self.stderr();
            assert!(!has_ended, "ended without `{text}`: {all}\n{stderr}");
            None
        })
    }

    /// Sends a signal: "TERM", "INT", "HUP", "KILL".
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
    }

    /// Waits for the end; the exit code, or -1 after a signal.
    pub fn wait(&mut self) -> i32 {
        eventually("the end of the process", || self.child.try_wait().unwrap())
            .code()
            .unwrap_or(-1)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(output: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let collected = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&collected);
    thread::spawn(move || {
        let mut lines = BufReader::new(output);
        let mut line = String::new();
        while matches!(lines.read_line(&mut line), Ok(1..)) {
            into.lock().unwrap().push_str(&line);
            line.clear();
        }
    });
    collected
}
