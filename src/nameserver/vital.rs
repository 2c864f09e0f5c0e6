//! The nameserver serves whole or not at all.

use std::thread;

/// Held by a thread or task of which none may be missing: a panic there ends the process.
///
/// Otherwise its socket would close in silence, and the kernel or the clients would find nobody where
/// they were served before; a process that ended is restarted. Within a task this has to be held by
/// the task itself, for the runtime catches its panics.
pub(super) struct Vital;

impl Drop for Vital {
    fn drop(&mut self) {
        if thread::panicking() {
            let name = thread::current().name().unwrap_or_default().to_owned();
            tracing::error!(
                thread = name,
                "a nameserver thread panicked; the server ends"
            );
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// Tells this program that it is the one that shall die.
    const DIES: &str = "MERIDIAN_TEST_DIES";

    /// Runs the test `name` again in a process of its own, in which `panics` is called.
    #[track_caller]
    fn assert_ends_the_process(name: &str, panics: fn()) {
        if env::var_os(DIES).is_some() {
            return panics();
        }
        let path = format!("nameserver::vital::tests::{name}");
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", &path])
            .env(DIES, "1")
            .output()
            .unwrap();
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    }

    #[test]
    fn a_panic_in_a_thread_ends_the_process() {
        assert_ends_the_process("a_panic_in_a_thread_ends_the_process", || {
            let thread = thread::spawn(|| {
                let _vital = Vital;
                panic!("on purpose");
            });
            let _ = thread.join();
        });
    }

    #[test]
    fn a_panic_in_a_task_ends_the_process() {
        assert_ends_the_process("a_panic_in_a_task_ends_the_process", || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            let tasks = tokio::task::LocalSet::new();
            let task = tasks.spawn_local(async {
                let _vital = Vital;
                tokio::task::yield_now().await;
                panic!("on purpose");
            });
            let _ = tasks.block_on(&runtime, task);
        });
    }

    #[test]
    fn without_a_panic_nothing_happens() {
        drop(Vital);
    }
}
