//! Where do the requests on a connection of HTTP/1 begin and end?
//!
//! Whoever reads this differently from us could be made to take a part of one request for another. So what is not
//! written exactly as RFC 9112 says is refused, before anybody acts on it; what that document lets a recipient
//! put up with (a line that ends with LF alone, a folded line, a length that is told twice) is refused, too. It
//! stands between the socket and hyper, which puts up with some of it.
//!
//! A head is looked at once, as it comes, and handed on only when it is whole; of bodies only their framing is
//! looked at.

use hyper::{StatusCode, Uri};
use memchr::{memchr, memchr3};

/// What a head may be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets from the method to the empty line; those of a body's trailers, too.
    pub head_max: usize,
    /// Header fields; those of a body's trailers, too.
    pub headers_max: usize,
    /// Octets of a request's target.
    pub target_max: usize,
}

/// Why a request goes no further. The connection ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: StatusCode,
    pub why: &'static str,
}

/// Octets of a line that gives the size of a chunk, with its extensions.
const CHUNK_LINE_MAX: usize = 256;
/// Octets that all such lines of one body may have beyond the sizes (RFC 9112, 7.1.1).
const EXTENSIONS_MAX: usize = 4096;

/// A reader of one connection's requests.
#[derive(Debug)]
pub struct Framing {
    limits: Limits,
    state: State,
    /// Heads that were handed on.
    heads: u64,
}

#[derive(Debug)]
enum State {
    Head(Head),
    /// Octets that are left.
    Body(u64),
    ChunkSize {
        seen: usize,
        extensions: usize,
    },
    ChunkData {
        left: u64,
        extensions: usize,
    },
    /// What ends a chunk; one octet of it was handed on, or none.
    ChunkEnd {
        is_lf: bool,
        extensions: usize,
    },
    Trailers(Lines),
    /// Another protocol was asked for: what follows may be of that.
    Held,
}

/// Where in a section of lines one is.
#[derive(Debug, Default)]
struct Lines {
    /// Where the line begins that is being read.
    start: usize,
    /// Octets that were looked at.
    seen: usize,
    /// Lines that were read, other than empty ones.
    count: usize,
}

/// What a head says of its body.
#[derive(Debug, Default)]
struct Head {
    lines: Lines,
    is_http_10: bool,
    length: Option<u64>,
    is_chunked: bool,
    has_upgrade: bool,
}

impl Framing {
    pub fn new(limits: Limits) -> Self {
        Framing {
            limits,
            state: State::Head(Head::default()),
            heads: 0,
        }
    }

    /// Heads that were handed on.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether no request is under way.
    pub fn is_between(&self) -> bool {
        match &self.state {
            State::Head(head) => head.lines.seen == 0,
            State::Held => true,
            _ => false,
        }
    }

    /// Whether what comes next is a head, or more of it.
    pub fn is_at_head(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    /// Whether the last request asked for another protocol, and nothing is read until it is known what came of that.
    pub fn is_held(&self) -> bool {
        matches!(self.state, State::Held)
    }

    /// The other protocol was declined: the next request follows.
    pub fn release(&mut self) {
        if self.is_held() {
            self.state = State::Head(Head::default());
        }
    }

    /// How many of `octets` may be handed on now. The others are to be shown again, in front of those that come next:
    /// they are the beginning of a head or of another line, or there is a hold.
    ///
    /// # Errors
    /// With what is wrong with the request, and how many octets in front of that may be handed on: nothing of the head,
    /// if it is the [head](Self::is_at_head) that is refused. Nothing more may be read then.
    pub fn scan(&mut self, octets: &[u8]) -> Result<usize, (usize, Refused)> {
        let mut passed = 0;
        while passed < octets.len() {
            let rest = &octets[passed..];
            match self.step(rest) {
                Ok(Some(len)) => passed += len,
                Ok(None) => break,
                Err(refused) => return Err((passed, refused)),
            }
        }
        Ok(passed)
    }

    /// Octets that one thing at the front takes; `None`: it is not there whole.
    fn step(&mut self, octets: &[u8]) -> Result<Option<usize>, Refused> {
        match &mut self.state {
            State::Head(head) => {
                let limits = &self.limits;
                let Some(len) = head.read(octets, limits)? else {
                    return Ok(None);
                };
                self.state = head.body()?;
                self.heads += 1;
                Ok(Some(len))
            }
            State::Body(left) => {
                let len = (octets.len() as u64).min(*left);
                *left -= len;
                if *left == 0 {
                    self.state = State::Head(Head::default());
                }
                Ok(Some(len as usize))
            }
            State::ChunkSize { seen, extensions } => {
                let Some((len, size, more)) = chunk_size(octets, seen)? else {
                    return Ok(None);
                };
                let extensions = *extensions + more;
                if extensions > EXTENSIONS_MAX {
                    return Err(bad("the chunk extensions are too long"));
                }
                self.state = match size {
                    0 => State::Trailers(Lines::default()),
                    left => State::ChunkData { left, extensions },
                };
                Ok(Some(len))
            }
            &mut State::ChunkData { left, extensions } => {
                let len = (octets.len() as u64).min(left);
                self.state = match left - len {
                    0 => State::ChunkEnd {
                        is_lf: false,
                        extensions,
                    },
                    left => State::ChunkData { left, extensions },
                };
                Ok(Some(len as usize))
            }
            &mut State::ChunkEnd { is_lf, extensions } => {
                let expected = if is_lf { b'\n' } else { b'\r' };
                if octets[0] != expected {
                    return Err(bad("a chunk does not end where it should"));
                }
                self.state = match is_lf {
                    false => State::ChunkEnd {
                        is_lf: true,
                        extensions,
                    },
                    true => State::ChunkSize {
                        seen: 0,
                        extensions,
                    },
                };
                Ok(Some(1))
            }
            State::Trailers(lines) => loop {
                let Some(line) = lines.next(octets, self.limits.head_max)? else {
                    return Ok(None);
                };
                if line.is_empty() {
                    let len = lines.seen;
                    self.state = State::Head(Head::default());
                    return Ok(Some(len));
                }
                lines.count += 1;
                if lines.count > self.limits.headers_max {
                    return Err(too_many());
                }
                field(line)?;
            },
            State::Held => Ok(None),
        }
    }
}

impl Lines {
    /// The next line, without its end; `None`: it is not there whole.
    fn next<'o>(&mut self, octets: &'o [u8], max: usize) -> Result<Option<&'o [u8]>, Refused> {
        let Some(at) = memchr3(b'\r', b'\n', 0, &octets[self.seen..]) else {
            self.seen = octets.len();
            return self.within(max).map(|()| None);
        };
        let at = self.seen + at;
        match (octets[at], octets.get(at + 1)) {
            (b'\r', Some(b'\n')) => {
                let line = &octets[self.start..at];
                self.seen = at + 2;
                self.start = self.seen;
                self.within(max).map(|()| Some(line))
            }
            (b'\r', None) => {
                self.seen = at;
                self.within(max).map(|()| None)
            }
            (b'\r', Some(_)) => Err(bad("a CR stands alone")),
            (b'\n', _) => Err(bad("an LF stands alone")),
            _ => Err(bad("there is a NUL in the head")),
        }
    }

    fn within(&self, max: usize) -> Result<(), Refused> {
        match self.seen <= max {
            true => Ok(()),
            false => Err(Refused {
                status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                why: "the head is too long",
            }),
        }
    }
}

impl Head {
    /// Reads on, to the end of the head; its length.
    fn read(&mut self, octets: &[u8], limits: &Limits) -> Result<Option<usize>, Refused> {
        loop {
            let is_first = self.lines.count == 0;
            let next = self.lines.next(octets, limits.head_max);
            if is_first && next != Ok(Some(b"")) {
                // Before the whole line is there: it may never be.
                let line = &octets[self.lines.start.min(octets.len())..];
                let line = next.ok().flatten().unwrap_or(line);
                target_within(line, limits.target_max)?;
            }
            let Some(line) = next? else {
                return Ok(None);
            };
            if line.is_empty() {
                if is_first {
                    // RFC 9112, 2.2: empty lines before a request are passed over.
                    continue;
                }
                return Ok(Some(self.lines.seen));
            }
            self.lines.count += 1;
            if is_first {
                self.is_http_10 = request_line(line)?;
                continue;
            }
            if self.lines.count - 1 > limits.headers_max {
                return Err(too_many());
            }
            self.field(line)?;
        }
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Refused> {
        let (name, value) = field(line)?;
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = length(value)?;
                if self.length.replace(length).is_some() {
                    return Err(bad("Content-Length is told twice"));
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.is_chunked {
                    return Err(bad("Transfer-Encoding is told twice"));
                }
                coding(value)?;
                self.is_chunked = true;
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.has_upgrade = true,
            _ => {}
        }
        Ok(())
    }

    /// What follows the head (RFC 9112, 6.3).
    fn body(&self) -> Result<State, Refused> {
        Ok(match (self.is_chunked, self.length) {
            (true, Some(_)) => {
                return Err(bad("there are Content-Length and Transfer-Encoding"));
            }
            (true, None) if self.is_http_10 => {
                return Err(bad("HTTP/1.0 has no Transfer-Encoding"));
            }
            (true, None) => State::ChunkSize {
                seen: 0,
                extensions: 0,
            },
            (false, Some(left)) if left > 0 => State::Body(left),
            // Of a request with a body, nobody takes up the other protocol.
            (false, _) if self.has_upgrade => State::Held,
            (false, _) => State::Head(Head::default()),
        })
    }
}

fn bad(why: &'static str) -> Refused {
    Refused {
        status: StatusCode::BAD_REQUEST,
        why,
    }
}

fn too_many() -> Refused {
    Refused {
        status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        why: "there are too many header fields",
    }
}

/// The target of a request line, or of the beginning of one, is not longer than that.
fn target_within(line: &[u8], max: usize) -> Result<(), Refused> {
    if line.len() <= max {
        return Ok(());
    }
    let Some(method) = memchr(b' ', line) else {
        return Ok(());
    };
    let target = &line[method + 1..];
    let len = memchr(b' ', target).unwrap_or(target.len());
    match len <= max {
        true => Ok(()),
        false => Err(Refused {
            status: StatusCode::URI_TOO_LONG,
            why: "the target of the request is too long",
        }),
    }
}

/// RFC 9112, 3: a method, a target and a version, with one space between each. Whether it is HTTP/1.0.
fn request_line(line: &[u8]) -> Result<bool, Refused> {
    let mut parts = line.split(|&octet| octet == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad("the request line cannot be read"));
    };
    if !is_token(method) || !is_target(target) {
        return Err(bad("the request line cannot be read"));
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Refused {
                status: StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                why: "this version of HTTP is not spoken here",
            })
        }
        _ => Err(bad("the version of the request cannot be read")),
    }
}

/// RFC 9112, 3.2. What is no plain path is read as it will be read later, so that it is refused here, in words.
fn is_target(target: &[u8]) -> bool {
    let is_plain = |&octet: &u8| matches!(octet, b'!'..=b'~') && !b"\"#<>\\^`{|}".contains(&octet);
    let is_right = |&octet: &u8| octet > b' ' && octet != 0x7f;
    match target {
        [b'/', rest @ ..] if rest.iter().all(is_plain) => true,
        _ => target.iter().all(is_right) && Uri::try_from(target).is_ok(),
    }
}

/// RFC 9112, 5: name and value, without the space around it.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refused> {
    if matches!(line[0], b' ' | b'\t') {
        return Err(bad("a header is folded"));
    }
    let Some(colon) = memchr(b':', line) else {
        return Err(bad("a header has no colon"));
    };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) {
        return Err(match name.last() {
            Some(b' ' | b'\t') => bad("there is space in front of a colon"),
            _ => bad("the name of a header cannot be read"),
        });
    }
    let is_right = |&octet: &u8| octet >= b' ' && octet != 0x7f || octet == b'\t';
    // All of them, whatever the first ones are: so that several can be looked at at a time.
    match value.iter().fold(true, |all, octet| all & is_right(octet)) {
        true => Ok((name, trimmed(value))),
        false => Err(bad("the value of a header cannot be read")),
    }
}

/// Without spaces and tabs at both ends.
fn trimmed(value: &[u8]) -> &[u8] {
    let is_space = |octet: &u8| matches!(octet, b' ' | b'\t');
    let start = value.iter().position(|octet| !is_space(octet));
    let end = value.iter().rposition(|octet| !is_space(octet));
    match (start, end) {
        (Some(start), Some(end)) => &value[start..=end],
        _ => &[],
    }
}

/// RFC 9110, 8.6: digits.
fn length(value: &[u8]) -> Result<u64, Refused> {
    let wrong = bad("Content-Length is no number");
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(wrong);
    }
    let next = |length: u64, digit: &u8| {
        let digit = u64::from(digit - b'0');
        length.checked_mul(10)?.checked_add(digit)
    };
    // hyper keeps the two largest for itself.
    let length = value.iter().try_fold(0, next);
    length.filter(|&length| length < 1 << 63).ok_or(Refused {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        why: "Content-Length is too large",
    })
}

/// RFC 9112, 6.1 and 6.3: `chunked`, once, and nothing else.
fn coding(value: &[u8]) -> Result<(), Refused> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let codings = || value.split(|&octet| octet == b',').map(trimmed);
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let times = codings().filter(|coding| is_chunked(coding)).count();
    match times == 1 && codings().next_back().is_some_and(is_chunked) && codings().all(is_token) {
        true => Err(Refused {
            status: StatusCode::NOT_IMPLEMENTED,
            why: "of the transfer codings only chunked is known",
        }),
        false => Err(bad("Transfer-Encoding does not end with chunked")),
    }
}

/// RFC 9112, 7.1: octets of the line with its end, the size, and what extensions there are besides. `None`: the line
/// is not there whole; `seen` of its octets were looked at.
fn chunk_size(octets: &[u8], seen: &mut usize) -> Result<Option<(usize, u64, usize)>, Refused> {
    let Some(end) = memchr3(b'\r', b'\n', 0, &octets[*seen..]) else {
        *seen = octets.len();
        return match *seen <= CHUNK_LINE_MAX {
            true => Ok(None),
            false => Err(bad("the size of a chunk is too long")),
        };
    };
    let end = *seen + end;
    if end > CHUNK_LINE_MAX {
        return Err(bad("the size of a chunk is too long"));
    }
    match (octets[end], octets.get(end + 1)) {
        (b'\r', Some(b'\n')) => {}
        (b'\r', None) => {
            *seen = end;
            return Ok(None);
        }
        _ => return Err(bad("the size of a chunk does not end with CR and LF")),
    }
    let line = &octets[..end];
    let digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit());
    let digits = digits.count();
    let wrong = bad("the size of a chunk cannot be read");
    if digits == 0 || digits > 15 {
        return Err(wrong);
    }
    let value = |digit: &u8| (*digit as char).to_digit(16).unwrap_or_default();
    let size = line[..digits]
        .iter()
        .fold(0, |size, digit| size << 4 | u64::from(value(digit)));
    extensions(&line[digits..])?;
    Ok(Some((end + 2, size, end - digits)))
}

/// RFC 9112, 7.1.1: `;name` or `;name=value`, any number of times. They are read by nobody, and go no further.
fn extensions(mut text: &[u8]) -> Result<(), Refused> {
    let wrong = bad("a chunk extension cannot be read");
    while !text.is_empty() {
        text = after_space(text).strip_prefix(b";").ok_or(wrong)?;
        text = after_token(after_space(text)).ok_or(wrong)?;
        if let Some(value) = after_space(text).strip_prefix(b"=") {
            let value = after_space(value);
            text = match value.strip_prefix(b"\"") {
                Some(quoted) => after_quoted(quoted),
                None => after_token(value),
            }
            .ok_or(wrong)?;
        }
    }
    Ok(())
}

fn after_space(text: &[u8]) -> &[u8] {
    let is_space = |octet: &&u8| matches!(octet, b' ' | b'\t');
    &text[text.iter().take_while(is_space).count()..]
}

/// What stands behind a token of one octet at least.
fn after_token(text: &[u8]) -> Option<&[u8]> {
    let len = text.iter().take_while(|&&octet| is_tchar(octet)).count();
    (len > 0).then(|| &text[len..])
}

/// What stands behind the rest of a quoted string (RFC 9110, 5.6.4).
fn after_quoted(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        let (&octet, rest) = text.split_first()?;
        text = match octet {
            b'"' => return Some(rest),
            b'\\' => {
                let (&octet, rest) = rest.split_first()?;
                is_text(octet).then_some(rest)?
            }
            octet => is_text(octet).then_some(rest)?,
        };
    }
}

fn is_text(octet: u8) -> bool {
    octet == b'\t' || octet >= b' ' && octet != 0x7f
}

/// RFC 9110, 5.6.2.
fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|&octet| is_tchar(octet))
}

fn is_tchar(octet: u8) -> bool {
    TCHAR[usize::from(octet)]
}

/// By octet: what tokens are made of.
const TCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = (octet as u8).is_ascii_alphanumeric();
        octet += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};
