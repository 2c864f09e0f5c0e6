//! What RFC 9111 says: what may be kept, for whom, and how long it may be used.

use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_RANGE, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, LOCATION, PRAGMA, SET_COOKIE, TRANSFER_ENCODING, VARY,
};

use super::is_from_backend;
use crate::forwarder::service::{Answer, Unframed};
use crate::hashing::{mix, of_octets};
use crate::model::routing::{CacheRules, HeaderEdits};
use crate::state::forwarding::cache::{Kept, Key, Terms, Varying};

/// What a directive says that asks for more than can be counted (RFC 9111, 1.2.2).
const LONGEST: Duration = Duration::from_secs(1 << 31);
/// Names in `Vary`.
const VARIES_MAX: usize = 32;
/// What the forwarder says of its own, of each client another thing.
const OWN: [&str; 11] = [
    "connection",
    "forwarded",
    "traceparent",
    "tracestate",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];

/// `Cache-Control` (RFC 9111, 5.2; RFC 5861; RFC 8246).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Directives {
    no_store: bool,
    no_cache: bool,
    private: bool,
    public: bool,
    must_revalidate: bool,
    proxy_revalidate: bool,
    only_if_cached: bool,
    max_age: Option<Duration>,
    s_maxage: Option<Duration>,
    min_fresh: Option<Duration>,
    max_stale: Option<Duration>,
    stale_while_revalidate: Option<Duration>,
    stale_if_error: Option<Duration>,
}

impl Directives {
    fn of(headers: &HeaderMap) -> Self {
        let mut said = Directives::default();
        for line in headers.get_all(CACHE_CONTROL) {
            said.read(line.as_bytes());
        }
        said
    }

    fn read(&mut self, line: &[u8]) {
        for directive in elements(line) {
            let (name, argument) = match directive.iter().position(|&octet| octet == b'=') {
                Some(at) => (&directive[..at], Some(&directive[at + 1..])),
                None => (directive, None),
            };
            let name = name.trim_ascii().to_ascii_lowercase();
            // What cannot be read makes a response old (RFC 9111, 4.2.1); of two, the shorter counts.
            let seconds = || {
                let text = argument.map(|argument| argument.trim_ascii());
                let text = text.map(|text| text.strip_prefix(b"\"").unwrap_or(text));
                let text = text.map(|text| text.strip_suffix(b"\"").unwrap_or(text));
                text.and_then(seconds).unwrap_or_default()
            };
            let shorter = |known: &mut Option<Duration>| {
                let said = seconds();
                *known = Some(known.map_or(said, |known| known.min(said)));
            };
            match &*name {
                b"no-store" => self.no_store = true,
                // With names of headers behind it, too: it says less then, and to be careful is never wrong.
                b"no-cache" => self.no_cache = true,
                b"private" => self.private = true,
                b"public" => self.public = true,
                b"must-revalidate" => self.must_revalidate = true,
                b"proxy-revalidate" => self.proxy_revalidate = true,
                b"only-if-cached" => self.only_if_cached = true,
                b"max-age" => shorter(&mut self.max_age),
                b"s-maxage" => shorter(&mut self.s_maxage),
                b"min-fresh" => shorter(&mut self.min_fresh),
                b"max-stale" if argument.is_none() => self.max_stale = Some(LONGEST),
                b"max-stale" => shorter(&mut self.max_stale),
                b"stale-while-revalidate" => shorter(&mut self.stale_while_revalidate),
                b"stale-if-error" => shorter(&mut self.stale_if_error),
                _ => {}
            }
        }
    }
}

/// The elements of a list; commas may stand in quotes (RFC 9110, 5.6.1).
fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let elements = line.split(move |&octet| {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        octet == b',' && !is_quoted
    });
    elements
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// A number of seconds (RFC 9111, 1.2.2).
fn seconds(text: &[u8]) -> Option<Duration> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(text).ok()?.parse().ok();
    Some(number.map_or(LONGEST, |number: u64| {
        Duration::from_secs(number).min(LONGEST)
    }))
}

/// What a client says of how it wants a response (RFC 9111, 5.2.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub no_store: bool,
    pub only_if_cached: bool,
    no_cache: bool,
    max_age: Option<Duration>,
    min_fresh: Duration,
    max_stale: Option<Duration>,
}

impl Wish {
    pub fn of(headers: &HeaderMap) -> Self {
        let said = Directives::of(headers);
        // RFC 9111, 5.4.
        let pragma = || {
            let mut lines = headers.get_all(PRAGMA).into_iter();
            let is_no_cache = |element: &[u8]| element.eq_ignore_ascii_case(b"no-cache");
            lines.any(|line| elements(line.as_bytes()).any(is_no_cache))
        };
        Wish {
            no_store: said.no_store,
            only_if_cached: said.only_if_cached,
            no_cache: said.no_cache || !headers.contains_key(CACHE_CONTROL) && pragma(),
            max_age: said.max_age,
            min_fresh: said.min_fresh.unwrap_or_default(),
            max_stale: said.max_stale,
        }
    }
}

/// What may be done with a kept response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Fresh,
    /// It is sent, and asked for again meanwhile.
    WhileAsking,
    /// It is asked for again before.
    Ask,
}

/// RFC 9111, 4.2 and 5.2.1.
pub(super) fn may_use(terms: &Terms, wish: &Wish, now: Instant) -> Use {
    let age = age(terms, now);
    let is_too_old = wish.max_age.is_some_and(|max_age| age > max_age);
    if terms.no_cache || wish.no_cache || is_too_old {
        return Use::Ask;
    }
    if age < terms.lifetime {
        return match age + wish.min_fresh <= terms.lifetime {
            true => Use::Fresh,
            false => Use::Ask,
        };
    }
    let stale_for = age - terms.lifetime;
    let takes_stale = wish
        .max_stale
        .is_some_and(|max_stale| stale_for <= max_stale);
    match () {
        () if terms.must_revalidate || !wish.min_fresh.is_zero() => Use::Ask,
        () if takes_stale => Use::Fresh,
        () if stale_for < terms.stale_while_revalidate => Use::WhileAsking,
        () => Use::Ask,
    }
}

/// Whether it may be sent because the backend fails (RFC 9111, 4.2.4; RFC 5861, 4).
pub(super) fn may_stand_in(terms: &Terms, now: Instant) -> bool {
    let age = age(terms, now);
    let is_fresh = age < terms.lifetime;
    !terms.no_cache
        && !terms.must_revalidate
        && (is_fresh || age - terms.lifetime < terms.stale_if_error)
}

/// RFC 9111, 4.2.3.
fn age(terms: &Terms, now: Instant) -> Duration {
    terms.age + now.saturating_duration_since(terms.at)
}

/// Whether a request has what it must have (RFC 9111, 4.1).
pub(super) fn fits(varies: &[Varying], headers: &HeaderMap) -> bool {
    let has = |(name, value): &Varying| combined(headers, name) == *value;
    varies.iter().all(has)
}

/// What a request has of what responses differ by.
pub(super) fn variant(varies: &[Varying], headers: &HeaderMap) -> u64 {
    let has = |(name, _): &Varying| match combined(headers, name) {
        Some(value) => of_octets(&value),
        None => 0,
    };
    varies.iter().map(has).fold(0, |all, one| mix(all ^ one))
}

/// What a request says by a header, in one line, without spaces around commas; `None`: nothing.
fn combined(headers: &HeaderMap, name: &HeaderName) -> Option<Box<[u8]>> {
    let lines = headers.get_all(name).into_iter();
    let mut all: Option<Vec<u8>> = None;
    for element in lines.flat_map(|line| line.as_bytes().split(|&octet| octet == b',')) {
        let all = all.get_or_insert_default();
        if !all.is_empty() {
            all.push(b',');
        }
        all.extend_from_slice(element.trim_ascii());
    }
    all.map(Vec::into_boxed_slice)
}

/// When a response came.
pub(super) struct Came {
    /// How long it took.
    pub delay: Duration,
    pub at: Instant,
    pub unix_ms: u64,
}

/// The request that it is the response to.
pub(super) struct Asked<'a> {
    pub headers: &'a HeaderMap,
    pub edits: &'a HeaderEdits,
}

/// What is kept of a response, without its body; `None`: nothing may be, or nobody would have any use of it.
pub(super) fn kept(
    asked: &Asked<'_>,
    answer: &Answer,
    came: &Came,
    rules: &CacheRules,
    space: u64,
) -> Option<Kept> {
    let headers = answer.headers();
    let said = Directives::of(headers);
    // Whoever has a cookie set has it for oneself.
    let is_private = said.no_store || said.private || headers.contains_key(SET_COOKIE);
    // RFC 9111, 3.5.
    let may_be_shared = || {
        !asked.headers.contains_key(AUTHORIZATION)
            || said.public
            || said.must_revalidate
            || said.s_maxage.is_some()
    };
    // Without a length that was said, nobody knows whether all of it came.
    let is_complete = answer.extensions().get::<Unframed>().is_none();
    if !is_from_backend(answer) || is_private || !may_be_shared() || !is_complete {
        return None;
    }
    let terms = terms(answer.status(), headers, came, rules)?;
    let varies = varies(asked, headers)?;
    let is_of_use = !terms.lifetime.is_zero() && !terms.no_cache
        || headers.contains_key(ETAG)
        || headers.contains_key(LAST_MODIFIED);
    is_of_use.then(|| Kept {
        space,
        varies,
        status: answer.status(),
        headers: stored(headers, came),
        body: Bytes::new(),
        terms,
    })
}

/// What requests must have; `None`: that cannot be told.
fn varies(asked: &Asked<'_>, headers: &HeaderMap) -> Option<Box<[Varying]>> {
    let edits = asked.edits;
    let is_changed = |name: &HeaderName| {
        let mut written = edits.set.iter().chain(&edits.add);
        edits.remove.contains(name) || written.any(|(changed, _)| changed == name)
    };
    let mut varies: Vec<Varying> = Vec::new();
    for line in headers.get_all(VARY) {
        for element in elements(line.as_bytes()) {
            let name = HeaderName::from_bytes(element)
                .ok()
                .filter(|_| element != b"*")?;
            // What the backend got was not what the client sent.
            if OWN.contains(&name.as_str()) || is_changed(&name) || varies.len() == VARIES_MAX {
                return None;
            }
            if varies.iter().all(|(known, _)| *known != name) {
                let value = combined(asked.headers, &name);
                varies.push((name, value));
            }
        }
    }
    varies.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
    Some(varies.into())
}

/// How long it may be used; `None`: it may not be kept (RFC 9111, 3).
fn terms(
    status: StatusCode,
    headers: &HeaderMap,
    came: &Came,
    rules: &CacheRules,
) -> Option<Terms> {
    // RFC 9110, 15.1; 206 is not understood.
    let is_usual = matches!(
        status.as_u16(),
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    );
    let is_understood = is_usual || matches!(status.as_u16(), 302 | 303 | 307);
    let said = Directives::of(headers);
    let date = |name: HeaderName| {
        let text = headers.get(name)?.to_str().ok()?;
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(UNIX_EPOCH).ok()
    };
    let now = Duration::from_millis(came.unix_ms);
    let generated = date(DATE).unwrap_or(now);
    let explicit = said.s_maxage.or(said.max_age).or_else(|| {
        // One that cannot be read lies in the past (RFC 9111, 5.3).
        headers.get(EXPIRES)?;
        Some(date(EXPIRES).map_or(Duration::ZERO, |expires| expires.saturating_sub(generated)))
    });
    if !is_understood || !is_usual && explicit.is_none() && !said.public {
        return None;
    }
    let told = headers
        .get(AGE)
        .and_then(|age| seconds(age.as_bytes().trim_ascii()));
    let apparent = now.saturating_sub(generated);
    Some(Terms {
        at: came.at,
        age: apparent.max(told.unwrap_or_default() + came.delay),
        lifetime: explicit.unwrap_or(if is_usual {
            rules.fresh
        } else {
            Duration::ZERO
        }),
        stale_while_revalidate: said
            .stale_while_revalidate
            .unwrap_or(rules.stale_while_revalidate),
        stale_if_error: said.stale_if_error.unwrap_or(rules.stale_if_error),
        no_cache: said.no_cache,
        // RFC 9111, 5.2.2.10.
        must_revalidate: said.must_revalidate || said.proxy_revalidate || said.s_maxage.is_some(),
    })
}

/// The headers that are kept: with a date (RFC 9110, 6.6.1), and without an age, which grows.
fn stored(headers: &HeaderMap, came: &Came) -> HeaderMap {
    let mut stored = headers.clone();
    stored.remove(AGE);
    if !stored.contains_key(DATE) {
        let now = UNIX_EPOCH + Duration::from_millis(came.unix_ms);
        if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(now)) {
            stored.insert(DATE, date);
        }
    }
    stored
}

/// Makes a request one that asks whether what is kept is still right (RFC 9111, 4.3.1).
pub(super) fn validate(stale: &Kept, headers: &mut HeaderMap) {
    if let Some(etag) = stale.headers.get(ETAG) {
        headers.insert(IF_NONE_MATCH, etag.clone());
    }
    if let Some(modified) = stale.headers.get(LAST_MODIFIED) {
        headers.insert(IF_MODIFIED_SINCE, modified.clone());
    }
}

/// What is kept, as a 304 says that it is now (RFC 9111, 3.2 and 4.3.4).
pub(super) fn updated(stale: &Kept, news: &HeaderMap, came: &Came, rules: &CacheRules) -> Kept {
    const OF_BODY: [HeaderName; 4] = [
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_RANGE,
        TRANSFER_ENCODING,
    ];
    let mut headers = stale.headers.clone();
    // A date that is not said anew would make it look old.
    headers.remove(DATE);
    for name in news
        .keys()
        .filter(|name| !OF_BODY.contains(name) && *name != SET_COOKIE)
    {
        headers.remove(name);
        for value in news.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    let terms = terms(stale.status, &headers, came, rules).unwrap_or(Terms {
        lifetime: Duration::ZERO,
        ..stale.terms
    });
    Kept {
        space: stale.space,
        varies: stale.varies.clone(),
        status: stale.status,
        headers: stored(&headers, came),
        body: stale.body.clone(),
        terms,
    }
}

/// What a response to a change says to have changed besides, on the same host (RFC 9111, 4.4).
pub(super) fn also_changed(headers: &HeaderMap, key: &Key) -> Vec<Key> {
    let named = [LOCATION, CONTENT_LOCATION]
        .into_iter()
        .filter_map(|name| headers.get(name));
    let target = |value: &HeaderValue| {
        let uri: hyper::Uri = value.to_str().ok()?.parse().ok()?;
        let is_here = uri
            .host()
            .is_none_or(|host| host.eq_ignore_ascii_case(&key.host));
        let target = uri.path_and_query().filter(|_| is_here)?;
        target.as_str().starts_with('/').then(|| Key {
            is_tls: key.is_tls,
            host: key.host.clone(),
            asked_for: key.asked_for.clone(),
            target: target.as_str().into(),
        })
    };
    named.filter_map(target).collect()
}

#[cfg(test)]
mod tests;
