//! Why a probe failed, in words, and what that is worth.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

/// The most octets of foreign text (of a TLS or HTTP library, of a certificate) that are kept.
const WORDS_MAX: usize = 160;

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
    /// The handshake failed, or the certificate is not one to trust.
    Tls(String),
    /// The answer is not HTTP, or breaks a limit of it.
    Protocol(String),
    /// Others said so, with their reason.
    Pushed(String),
    /// The probe could not be made here: no descriptors or ports left, an unreadable CA file. Says
    /// nothing about the target.
    Local(String),
}

/// What a probe was waiting for when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Of a target that is known by name: its address.
    Address,
    Connection,
    /// Of an HTTP probe: the connection, or the head of the answer.
    Answer,
    Body,
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
        matches!(self, Failure::Local(_))
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

    /// The failure behind an HTTP client's error: the innermost cause that is known here.
    pub fn from_http(error: &reqwest::Error) -> Self {
        let mut deepest = error as &(dyn Error + 'static);
        loop {
            if let Some(tls) = deepest.downcast_ref::<rustls::Error>() {
                return Failure::Tls(words(tls));
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

/// The next error inwards. An `io::Error` that wraps another one hides it from `source`.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// Text of an error for one line of a log: no control characters, cut at [`WORDS_MAX`].
fn words(error: &(impl fmt::Display + ?Sized)) -> String {
    let mut text = String::new();
    for c in error.to_string().chars() {
        if text.len() + c.len_utf8() > WORDS_MAX {
            text.push('…');
            break;
        }
        text.push(if c.is_control() { ' ' } else { c });
    }
    text
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
            Failure::Tls(why) => write!(f, "TLS: {why}"),
            Failure::Protocol(why) => write!(f, "bad answer: {why}"),
            Failure::Pushed(why) if why.is_empty() => f.write_str("told to be down"),
            Failure::Pushed(why) => write!(f, "told to be down: {why}"),
            Failure::Local(why) => write!(f, "cannot probe from here: {why}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Address => "asking for its address",
            Step::Connection => "connecting",
            Step::Answer => "waiting for an answer",
            Step::Body => "reading the body",
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
    }

    #[test]
    fn foreign_text_is_cut_and_kept_on_one_line() {
        let text = words(&format!("a\nb{}", "ü".repeat(500)));
        assert!(text.starts_with("a bü"));
        assert!(text.len() <= WORDS_MAX + '…'.len_utf8());
    }
}
