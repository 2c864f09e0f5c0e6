//! What other programs say: commands and files.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use meridian::config::{CommandProbe, FileProbe, ProbeKind};
use meridian::health::Failure;
use meridian::health::failure::Step;
use meridian::health::probe::{self, Shared};

use crate::peer::*;

const TARGET: &str = "192.0.2.1:25";

/// A command that is a script.
fn script(text: &str) -> ProbeKind {
    ProbeKind::Command(CommandProbe {
        program: "/bin/sh".into(),
        arguments: ["-c", text, "sh", "{address}", "{port}"]
            .map(String::from)
            .to_vec(),
    })
}

fn target() -> SocketAddr {
    TARGET.parse().expect("an address")
}

#[tokio::test]
async fn a_command_that_ends_with_0_is_up_and_else_its_first_line_says_why() {
    assert_eq!(ask(script("echo OK"), target()).await, Ok(()));
    for (text, expected) in [
        (
            "echo CRITICAL - load 9; echo more; exit 2",
            "exit status: 2: CRITICAL - load 9",
        ),
        ("echo to stderr >&2; exit 1", "exit status: 1: to stderr"),
        ("exit 3", "exit status: 3"),
        (
            "printf 'a\\033[2Jb\\rc\\n'; exit 1",
            "exit status: 1: a\\u{1b}[2Jb\\rc",
        ),
        ("kill -9 $$", "signal: 9 (SIGKILL)"),
    ] {
        assert_eq!(said(script(text), target()).await, expected);
    }
}

#[tokio::test]
async fn it_knows_the_target_and_nothing_else() {
    let text = "echo $1 $2 $MERIDIAN_ADDRESS $MERIDIAN_PORT $PWD; exit 1";
    let expected = "exit status: 1: 192.0.2.1 25 192.0.2.1 25 /";
    assert_eq!(said(script(text), target()).await, expected);
    let text =
        "env | grep -v -e ^PATH= -e ^MERIDIAN_ -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=; exit 1";
    assert_eq!(said(script(text), target()).await, "exit status: 1");
    // An argument is never code.
    let sly = ProbeKind::Command(CommandProbe {
        program: "/bin/echo".into(),
        arguments: vec!["; exit 1".into(), "$(exit 1)".into()],
    });
    assert_eq!(ask(sly, target()).await, Ok(()));
}

#[tokio::test]
async fn a_command_that_cannot_be_run_says_nothing_of_the_target() {
    for program in ["/nowhere/check", "/etc/passwd", "/"] {
        let probe = ProbeKind::Command(CommandProbe {
            program: program.into(),
            arguments: Vec::new(),
        });
        let failure = ask(probe, target()).await.expect_err("not run");
        assert!(failure.is_local(), "{failure}");
        assert!(failure.to_string().contains(program), "{failure}");
    }
}

/// Waits until nobody has the file open for reading any more: a pipe without a reader refuses writers.
fn until_left(pipe: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    let begun = Instant::now();
    let mut options = fs::OpenOptions::new();
    options.write(true).custom_flags(libc::O_NONBLOCK);
    while options.open(pipe).is_ok() {
        assert!(begun.elapsed() < PATIENT, "somebody still reads");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A pipe that is read as long as a process lives which `script` starts with it.
fn pipe(folder: &Path) -> std::path::PathBuf {
    let pipe = folder.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("run").success());
    pipe
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_killed_with_its_children() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = pipe(folder.path());
    let text = format!("sleep 1000 <> {0} & sleep 1000 <> {0}", pipe.display());
    let timed_out = Failure::TimedOut {
        after: SHORT,
        step: Step::Command,
    };
    assert_eq!(
        ask_for(script(&text), target(), SHORT).await,
        Err(timed_out)
    );
    until_left(&pipe);
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = pipe(folder.path());
    let text = format!("sleep 1000 <> {} & echo done", pipe.display());
    assert_eq!(ask(script(&text), target()).await, Ok(()));
    until_left(&pipe);
}

#[tokio::test]
async fn a_command_that_pours_ends_all_the_same() {
    let text = "head -c 10000000 /dev/zero | tr '\\0' a; exit 1";
    let said = said(script(text), target()).await;
    assert_eq!(said, format!("exit status: 1: {}…", "a".repeat(200)));
    let failure = ask_for(script("yes"), target(), SHORT).await;
    assert!(
        matches!(failure, Err(Failure::TimedOut { .. })),
        "{failure:?}"
    );
}

/// Asks the same again and again, with what is kept in between.
struct Asked {
    shared: Shared,
    path: std::path::PathBuf,
    max_age: Option<Duration>,
}

impl Asked {
    fn new(path: &Path) -> Self {
        Asked {
            shared: Shared::default(),
            path: path.to_owned(),
            max_age: None,
        }
    }

    async fn of(&self, address: &str) -> Result<(), Failure> {
        let probe = ProbeKind::File(FileProbe {
            path: self.path.clone(),
            max_age: self.max_age,
        });
        let address = SocketAddr::new(address.parse().expect("an address"), 0);
        let spec = spec(probe, address, PATIENT);
        probe::asker(&spec, &self.shared).ask().await
    }

    async fn said(&self, address: &str) -> String {
        self.of(address).await.expect_err("a failure").to_string()
    }
}

#[tokio::test]
async fn a_file_says_who_is_up_and_why_others_are_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checks");
    let asked = Asked::new(&path);
    let failure = asked.of("192.0.2.1").await.expect_err("no file");
    assert!(failure.is_local(), "{failure}");
    fs::write(
        &path,
        "192.0.2.1 up\n192.0.2.2 down disk\x07 full\n2001:db8::1 up\n",
    )
    .expect("written");
    assert_eq!(asked.of("192.0.2.1").await, Ok(()));
    assert_eq!(asked.of("2001:db8::1").await, Ok(()));
    assert_eq!(
        asked.said("192.0.2.2").await,
        "said to be down: disk\\u{7} full"
    );
    let failure = asked.of("192.0.2.3").await.expect_err("not there");
    assert!(failure.is_local(), "{failure}");
    assert!(
        failure.to_string().contains("it does not name 192.0.2.3"),
        "{failure}"
    );
    fs::write(&path, "192.0.2.1 down\n192.0.2.2 maybe\n").expect("written");
    assert_eq!(asked.said("192.0.2.1").await, "said to be down");
    let failure = asked.of("192.0.2.2").await.expect_err("unclear");
    assert!(failure.is_local(), "{failure}");
}

#[tokio::test]
async fn a_folder_has_a_file_for_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = Asked::new(folder.path());
    fs::write(folder.path().join("192.0.2.1"), "up\n").expect("written");
    fs::write(folder.path().join("2001:db8::1"), "down too hot\n").expect("written");
    fs::create_dir(folder.path().join("192.0.2.3")).expect("made");
    pipe(folder.path());
    fs::rename(folder.path().join("pipe"), folder.path().join("192.0.2.4")).expect("renamed");
    assert_eq!(asked.of("192.0.2.1").await, Ok(()));
    assert_eq!(asked.said("2001:db8::1").await, "said to be down: too hot");
    for other in ["192.0.2.2", "192.0.2.3", "192.0.2.4"] {
        let failure = asked.of(other).await.expect_err("no file");
        assert!(failure.is_local(), "{failure}");
    }
}

#[tokio::test]
async fn what_is_not_written_any_more_says_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checks");
    let mut asked = Asked::new(&path);
    fs::write(&path, "192.0.2.1 up\n").expect("written");
    asked.max_age = Some(Duration::from_secs(600));
    assert_eq!(asked.of("192.0.2.1").await, Ok(()));
    let file = fs::File::options().write(true).open(&path).expect("opened");
    let earlier = SystemTime::now() - Duration::from_secs(601);
    file.set_modified(earlier).expect("an earlier time");
    let failure = asked.of("192.0.2.1").await.expect_err("too old");
    assert!(!failure.is_local(), "{failure}");
    assert_eq!(
        failure.to_string(),
        "nothing was said of it for more than 600 s"
    );
    asked.max_age = None;
    assert_eq!(asked.of("192.0.2.1").await, Ok(()));
}

#[tokio::test]
async fn a_file_that_is_too_long_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checks");
    let file = fs::File::create(&path).expect("created");
    file.set_len(1 << 40).expect("a hole");
    let failure = Asked::new(&path)
        .of("192.0.2.1")
        .await
        .expect_err("too long");
    assert!(failure.is_local(), "{failure}");
    assert!(failure.to_string().contains("longer than"), "{failure}");
}
