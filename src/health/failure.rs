//! Why a probe failed, in words, and what that is worth.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// The most octets of foreign text (of a TLS or HTTP library, of a certificate) that are kept.
const WORDS_MAX: usize = 160;

/// The most characters that are kept of a reason that is given.
const LINE_MAX: usize = 200;

/// Why one probe failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The host answered that nobody listens there.
    Refused,
    /// Nothing, or not all, came within the monitor's timeout.
    TimedOut { after: Duration, step: Step },
    /// Nobody says where the name is that is to be probed.
    Unresolved { name: String, why: String },
    /// The network said that there is no way there.
    Unreachable(String),
    /// The connection ended before a whole answer.
    Closed,
    /// An answer with a status that is not expected.
    Status(u16),
    /// The expected text is not within the first `read` octets of the body.
    BodyLacks { expected: String, read: u32 },
    /// What was expected is not within the first `read` octets that came.
    AnswerLacks { expected: Vec<u8>, read: u32 },
    /// A DNS answer with a response code that is not expected.
    Rcode(String),
    /// A DNS answer without the record that is expected.
    NotAmongAnswers { expected: String, answers: usize },
    /// A gRPC call that failed: its status and what was said.
    Grpc { code: u16, said: String },
    /// A gRPC service that says it does not serve.
    NotServing(&'static str),
    /// A command that ended otherwise than with 0: how, and the first line of what it said.
    Command { ended: String, said: String },
    /// Others say that it is down, and perhaps why.
    Said(String),
    /// Others said nothing for longer than they may.
    Silent { max_age: Duration },
    /// The answer leads elsewhere, or on and on.
    Redirected(String),
    /// The certificate ends at a time that is less than `least` away.
    CertificateEnds { at: String, least: Duration },
    /// The handshake failed, or the certificate is not one to trust.
    Tls(String),
    /// The answer is not HTTP, or breaks a limit of it.
    Protocol(String),
    /// Others said so, with their reason.
    Pushed(String),
    /// So many requests in a row failed, as those say who made them.
    Requests { count: u32, last: Box<Failure> },
    /// The probe could not be made here: no descriptors or ports left, an unreadable CA file. Says
    /// nothing about the target.
    Local(String),
    /// This machine was late by so much that a target that works might have failed so, too.
    Uncounted { what: Box<Failure>, late: Duration },
}

/// What a probe was waiting for when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Of a target that is known by name: its address.
    Address,
    Connection,
    Handshake,
    /// Of an HTTP probe: its head.
    Answer,
    Body,
    Command,
    File,
}

impl Failure {
    /// True for what a broken network of our own would look like as well; refusals and bad answers
    /// prove that the target was reached.
    pub fn is_doubtful(&self) -> bool {
        use Failure::*;
        matches!(self, TimedOut { .. } | Unreachable(_) | Unresolved { .. })
    }

    /// True where the target's side itself said that it does not serve: refused, reset, or closed without an answer.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Failure::Refused | Failure::Closed)
    }

    /// True for what says nothing about the target, so that it is no observation at all.
    pub fn is_local(&self) -> bool {
        matches!(self, Failure::Local(_)) || self.is_uncounted()
    }

    /// True where this machine was too late for it to count.
    pub fn is_uncounted(&self) -> bool {
        matches!(self, Failure::Uncounted { .. })
    }

    /// What others say to be down, and why.
    pub fn pushed(reason: Option<&str>) -> Self {
        Failure::Pushed(reason.map(words).unwrap_or_default())
    }

    /// The failure that an input or output error stands for.
    pub fn from_io(error: &io::Error) -> Self {
        use io::ErrorKind::*;
        // EMFILE and ENFILE have no kind of their own.
        let out_of_descriptors = matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
        match error.kind() {
            ConnectionRefused => Failure::Refused,
            ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof => Failure::Closed,
            HostUnreachable | NetworkUnreachable | NetworkDown | TimedOut => {
                Failure::Unreachable(words(error))
            }
            AddrNotAvailable | PermissionDenied | OutOfMemory => Failure::Local(words(error)),
            _ if out_of_descriptors => Failure::Local(words(error)),
            _ => Failure::Protocol(words(error)),
        }
    }

    /// An answer that leads to `location`, which is foreign text.
    pub fn redirected(location: &str) -> Self {
        Failure::Redirected(words(location))
    }

    /// An answer that breaks its protocol.
    pub fn protocol(why: &str) -> Self {
        Failure::Protocol(words(why))
    }

    /// A gRPC call that failed; `said` is foreign text.
    pub fn grpc(code: u16, said: &str) -> Self {
        let said = words(said);
        Failure::Grpc { code, said }
    }

    /// What says nothing about the target; `why` may be foreign text.
    pub fn local(why: &str) -> Self {
        Failure::Local(words(why))
    }

    /// A command that failed, and what it said.
    pub fn command(status: ExitStatus, said: &[u8]) -> Self {
        let said = first_line(&String::from_utf8_lossy(said));
        // "exit status: 2", "signal: 9 (SIGKILL)"
        let ended = status.to_string();
        Failure::Command { ended, said }
    }

    /// What others say is down, and why.
    pub fn said_down(why: &str) -> Self {
        Failure::Said(first_line(why))
    }

    /// The failure behind the error of an HTTP or TLS library: the innermost cause that is known here.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let mut deepest = error;
        loop {
            if let Some(tls) = deepest.downcast_ref::<rustls::Error>() {
                return Failure::Tls(words(tls));
            }
            let http = deepest.downcast_ref::<hyper::Error>();
            if http.is_some_and(hyper::Error::is_incomplete_message) {
                return Failure::Closed;
            }
            let io = deepest.downcast_ref::<io::Error>();
            if let Some(io) = io.filter(|io| !is_about_content(io)) {
                return Failure::from_io(io);
            }
            match cause(deepest) {
                Some(next) => deepest = next,
                None => break,
            }
        }
        match deepest.downcast_ref::<io::Error>() {
            Some(io) => Failure::from_io(io),
            None => Failure::Protocol(words(deepest)),
        }
    }
}

/// Whether it is not of the network but of what came, which the error inside says better, if there is one.
fn is_about_content(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(error.kind(), InvalidData | InvalidInput | Other)
}

/// The next error inwards. An `io::Error` that wraps another one hides it from `source`, as that of HTTP/2 does.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(http) = error.downcast_ref::<h2::Error>() {
        return http.get_io().map(|io| io as _);
    }
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// Text of an error for one line of a log: nothing that is not shown, cut at [`WORDS_MAX`].
fn words(error: &(impl fmt::Display + ?Sized)) -> String {
    let mut text = String::new();
    for c in error.to_string().chars() {
        if text.len() + c.len_utf8() > WORDS_MAX {
            text.push('…');
            break;
        }
        text.push(if is_hidden(c) { ' ' } else { c });
    }
    text
}

/// What is not shown but obeyed: control characters, line and paragraph separators, and those that turn the direction of
/// what follows, so that a line reads as another one (Unicode Technical Report 36, 2.7).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// The first line of what somebody says, what is not shown escaped, cut at [`LINE_MAX`].
fn first_line(text: &str) -> String {
    let line = text
        .trim_start()
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end();
    let mut shown = String::new();
    let escape = |c: char| match is_hidden(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    for (number, c) in line.chars().enumerate() {
        if number == LINE_MAX {
            shown.push('…');
            break;
        }
        shown.push_str(&escape(c));
    }
    shown
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused => f.write_str("connection refused"),
            Failure::TimedOut { after, step } => {
                write!(f, "timed out after {} ms ({step})", after.as_millis())
            }
            Failure::Unresolved { name, why } => write!(f, "cannot resolve {name}: {why}"),
            Failure::Unreachable(why) => write!(f, "unreachable: {why}"),
            Failure::Closed => f.write_str("connection closed before a whole answer"),
            Failure::Status(status) => write!(f, "bad status {status}"),
            Failure::BodyLacks { expected, read } => {
                write!(f, "body lacks {expected:?} in its first {read} octets")
            }
            Failure::AnswerLacks { expected, read } => {
                let expected = expected.escape_ascii();
                write!(
                    f,
                    "the answer lacks \"{expected}\" in its first {read} octets"
                )
            }
            Failure::Rcode(found) => write!(f, "answered {found}"),
            Failure::NotAmongAnswers { expected, answers } => {
                write!(f, "{expected:?} is not among the {answers} answers")
            }
            Failure::Grpc { code, said } if said.is_empty() => write!(f, "gRPC status {code}"),
            Failure::Grpc { code, said } => write!(f, "gRPC status {code}: {said}"),
            Failure::NotServing(status) => write!(f, "the service says {status}"),
            Failure::Command { ended, said } if said.is_empty() => f.write_str(ended),
            Failure::Command { ended, said } => write!(f, "{ended}: {said}"),
            Failure::Said(why) if why.is_empty() => f.write_str("said to be down"),
            Failure::Said(why) => write!(f, "said to be down: {why}"),
            Failure::Silent { max_age } => {
                write!(
                    f,
                    "nothing was said of it for more than {} s",
                    max_age.as_secs()
                )
            }
            Failure::Redirected(to) => write!(f, "redirected to {to}"),
            Failure::CertificateEnds { at, least } => {
                let (days, hours) = (least.as_secs() / 86_400, least.as_secs() / 3600);
                let least = match hours % 24 {
                    0 => format!("{days} d"),
                    _ => format!("{hours} h"),
                };
                write!(f, "the certificate ends at {at}, in less than {least}")
            }
            Failure::Tls(why) => write!(f, "TLS: {why}"),
            Failure::Protocol(why) => write!(f, "bad answer: {why}"),
            Failure::Pushed(why) if why.is_empty() => f.write_str("told to be down"),
            Failure::Pushed(why) => write!(f, "told to be down: {why}"),
            Failure::Requests { count, last } => {
                let what = format!("{count} of {count} requests failed, the last");
                match &**last {
                    Failure::Pushed(why) if !why.is_empty() => write!(f, "{what}: {why}"),
                    last => write!(f, "{what}: {last}"),
                }
            }
            Failure::Local(why) => write!(f, "cannot probe from here: {why}"),
            Failure::Uncounted { what, late } => {
                let late_ms = late.as_millis();
                write!(
                    f,
                    "{what}, not counted: this machine was late by {late_ms} ms"
                )
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Address => "asking for its address",
            Step::Connection => "connecting",
            Step::Handshake => "TLS handshake",
            Step::Answer => "waiting for an answer",
            Step::Body => "reading the body",
            Step::Command => "waiting for the command",
            Step::File => "reading the file",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_timeouts_and_unreachable_networks_are_doubtful() {
        let timed_out = Failure::TimedOut {
            after: Duration::from_millis(400),
            step: Step::Connection,
        };
        assert!(timed_out.is_doubtful());
        let unreachable = io::Error::from(io::ErrorKind::NetworkUnreachable);
        assert!(Failure::from_io(&unreachable).is_doubtful());
        for evidence in [
            Failure::Refused,
            Failure::Closed,
            Failure::Status(503),
            Failure::Tls("expired".into()),
            Failure::Protocol("not HTTP".into()),
        ] {
            assert!(!evidence.is_doubtful(), "{evidence}");
        }
    }

    #[test]
    fn running_out_of_descriptors_says_nothing_about_the_target() {
        let error = io::Error::from_raw_os_error(libc::EMFILE);
        assert!(Failure::from_io(&error).is_local());
    }

    #[test]
    fn failures_read_as_words() {
        let timed_out = Failure::TimedOut {
            after: Duration::from_millis(400),
            step: Step::Connection,
        };
        assert_eq!(timed_out.to_string(), "timed out after 400 ms (connecting)");
        assert_eq!(Failure::Status(503).to_string(), "bad status 503");
        let uncounted = Failure::Uncounted {
            what: Box::new(timed_out),
            late: Duration::from_millis(340),
        };
        assert!(uncounted.is_local());
        assert_eq!(
            uncounted.to_string(),
            "timed out after 400 ms (connecting), not counted: this machine was late by 340 ms"
        );
    }

    #[test]
    fn of_what_is_said_the_first_line_is_kept_and_nothing_in_it_is_obeyed() {
        assert_eq!(
            first_line("\n CRITICAL - a\tb\x1b[2J \r\nmore"),
            "CRITICAL - a\\tb\\u{1b}[2J"
        );
        assert_eq!(first_line("up\u{202e}nwod"), "up\\u{202e}nwod");
        assert_eq!(first_line(""), "");
        assert_eq!(first_line(&"ü".repeat(500)).chars().count(), LINE_MAX + 1);
    }

    #[test]
    fn foreign_text_is_cut_and_kept_on_one_line() {
        let text = words(&format!("a\nb\u{202e}\u{2028}{}", "ü".repeat(500)));
        assert!(text.starts_with("a b  ü"));
        assert!(text.len() <= WORDS_MAX + '…'.len_utf8());
    }
}
