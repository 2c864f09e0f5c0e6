//! For which requests is a route?

use hyper::Method;
use hyper::header::{COOKIE, HeaderMap, HeaderName};

use super::pattern::Pattern;

/// In lower case, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    Exact(Box<str>),
    /// Every name below it: the part after `*`, with its dot.
    Below(Box<str>),
}

/// Of paths in their normal form ([`super::path::normalise`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PathPattern {
    #[default]
    Any,
    Exact(Box<str>),
    /// Of whole segments, without a slash at its end: `/api` has `/api` and `/api/v1`, and not `/apis`.
    Prefix(Box<str>),
    /// Of the whole path.
    Regex(Pattern),
}

/// What is asked of a header or cookie; where it is there several times, one that passes is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    Present,
    Absent,
    Is(Box<str>),
    Fits(Pattern),
}

/// What a request must be like. Empty lists ask nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// One of them.
    pub hosts: Box<[HostPattern]>,
    pub path: PathPattern,
    /// One of them.
    pub methods: Box<[Method]>,
    /// All of them.
    pub headers: Box<[(HeaderName, Test)]>,
    /// All of them.
    pub cookies: Box<[(Box<str>, Test)]>,
    /// One of them.
    pub listeners: Box<[Box<str>]>,
}

/// What routes are asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// In lower case, without a port.
    pub host: &'a str,
    /// In its normal form.
    pub path: &'a str,
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    pub listener: &'a str,
}

impl Matching {
    pub fn fits(&self, asked: &Asked<'_>) -> bool {
        let Asked { host, path, .. } = *asked;
        let header = |name: &HeaderName, test: &Test| {
            let values = asked.headers.get_all(name).into_iter();
            test.passes(values.map(|value| value.as_bytes()))
        };
        (self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.fits(host)))
            && self.path.fits(path)
            && (self.methods.is_empty() || self.methods.contains(asked.method))
            && (self.listeners.is_empty()
                || self.listeners.iter().any(|name| **name == *asked.listener))
            && self.headers.iter().all(|(name, test)| header(name, test))
            && self
                .cookies
                .iter()
                .all(|(name, test)| test.passes(cookie_values(asked.headers, name)))
    }

    /// Whether every request that `other` is for fits here, too, as far as can be seen; when in doubt, no.
    pub fn covers(&self, other: &Matching) -> bool {
        let has_host = |theirs: &HostPattern| self.hosts.iter().any(|ours| ours.covers(theirs));
        covers_list(&self.hosts, &other.hosts, has_host)
            && self.path.covers(&other.path)
            && covers_list(&self.methods, &other.methods, |method| {
                self.methods.contains(method)
            })
            && covers_list(&self.listeners, &other.listeners, |id| {
                self.listeners.contains(id)
            })
            && asks_no_more(&self.headers, &other.headers)
            && asks_no_more(&self.cookies, &other.cookies)
    }
}

/// Whether what is one of `theirs` is one of `ours`.
fn covers_list<T>(ours: &[T], theirs: &[T], has: impl FnMut(&T) -> bool) -> bool {
    ours.is_empty() || !theirs.is_empty() && theirs.iter().all(has)
}

/// Whether what passes all of `theirs` passes all of `ours`.
fn asks_no_more<N: PartialEq>(ours: &[(N, Test)], theirs: &[(N, Test)]) -> bool {
    let is_asked = |(name, test): &(N, Test)| {
        let mut theirs = theirs.iter().filter(|(their, _)| their == name);
        theirs.any(|(_, theirs)| test.covers(theirs))
    };
    ours.iter().all(is_asked)
}

impl HostPattern {
    fn fits(&self, host: &str) -> bool {
        match self {
            HostPattern::Exact(name) => **name == *host,
            HostPattern::Below(suffix) => host.len() > suffix.len() && host.ends_with(&**suffix),
        }
    }

    fn covers(&self, other: &HostPattern) -> bool {
        match (self, other) {
            (_, HostPattern::Exact(name)) => self.fits(name),
            (HostPattern::Below(ours), HostPattern::Below(theirs)) => theirs.ends_with(&**ours),
            (HostPattern::Exact(_), HostPattern::Below(_)) => false,
        }
    }
}

/// Whether `path` is `prefix` or below it.
pub fn is_below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl PathPattern {
    fn fits(&self, path: &str) -> bool {
        match self {
            PathPattern::Any => true,
            PathPattern::Exact(exact) => **exact == *path,
            PathPattern::Prefix(prefix) => is_below(path, prefix),
            PathPattern::Regex(pattern) => pattern.fits(path.as_bytes()),
        }
    }

    fn covers(&self, other: &PathPattern) -> bool {
        match (self, other) {
            (PathPattern::Any, _) => true,
            (_, PathPattern::Exact(path)) => self.fits(path),
            (PathPattern::Prefix(ours), PathPattern::Prefix(theirs)) => is_below(theirs, ours),
            (PathPattern::Regex(ours), PathPattern::Regex(theirs)) => ours == theirs,
            _ => false,
        }
    }
}

impl Test {
    fn passes<'v>(&self, mut values: impl Iterator<Item = &'v [u8]>) -> bool {
        match self {
            Test::Present => values.next().is_some(),
            Test::Absent => values.next().is_none(),
            Test::Is(exact) => values.any(|value| value == exact.as_bytes()),
            Test::Fits(pattern) => values.any(|value| pattern.fits(value)),
        }
    }

    fn covers(&self, other: &Test) -> bool {
        match (self, other) {
            (Test::Present, Test::Present | Test::Is(_) | Test::Fits(_)) => true,
            (Test::Fits(pattern), Test::Is(value)) => pattern.fits(value.as_bytes()),
            (ours, theirs) => ours == theirs,
        }
    }
}

/// What cookies called `name` hold, in their order (RFC 6265, 5.4), without quotes around it. What is no cookie at all
/// is passed over.
pub fn cookie_values<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h [u8]> {
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|&octet| octet == b';'));
    pairs.filter_map(move |pair| {
        let pair = pair.trim_ascii();
        let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        let unquoted = value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""));
        Some(unquoted.unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn prefixes_are_of_whole_segments_and_wildcards_of_names_below() {
        let prefix = PathPattern::Prefix("/api".into());
        for (path, fits) in [
            ("/api", true),
            ("/api/", true),
            ("/api/v1", true),
            ("/apis", false),
        ] {
            assert_eq!(prefix.fits(path), fits, "{path}");
        }
        let below = HostPattern::Below(".example.com".into());
        for (host, fits) in [
            ("a.example.com", true),
            ("a.b.example.com", true),
            ("example.com", false),
            (".example.com", false),
            ("badexample.com", false),
        ] {
            assert_eq!(below.fits(host), fits, "{host}");
        }
    }

    #[test]
    fn cookies_are_found_by_name_wherever_they_stand() {
        let mut headers = HeaderMap::new();
        for line in ["a=1; b=\"2\";bb=3", "; =; a; a=4;B=5"] {
            headers.append(COOKIE, HeaderValue::from_static(line));
        }
        let values = |name: &str| -> Vec<String> {
            let values = cookie_values(&headers, name);
            values
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect()
        };
        assert_eq!(values("a"), ["1", "4"]);
        assert_eq!(values("b"), ["2"]);
        assert_eq!(values("c"), [""; 0]);
    }

    fn matching(host: &str, path: PathPattern) -> Matching {
        let host = match host.strip_prefix('*') {
            Some(below) => HostPattern::Below(below.into()),
            None => HostPattern::Exact(host.into()),
        };
        Matching {
            hosts: [host].into(),
            path,
            ..Matching::default()
        }
    }

    #[test]
    fn what_asks_less_covers_what_asks_more() {
        let exact = |path: &str| PathPattern::Exact(path.into());
        let prefix = |path: &str| PathPattern::Prefix(path.into());
        let regex = |text: &str| PathPattern::Regex(Pattern::new(text).expect("a pattern"));
        let all = Matching::default();
        let api = matching("*.example.com", prefix("/api"));
        for (wide, narrow, covers) in [
            (&all, &api, true),
            (&api, &all, false),
            (&api, &matching("a.example.com", exact("/api/v1")), true),
            (&api, &matching("*.b.example.com", prefix("/api/v1")), true),
            (&api, &matching("example.com", prefix("/api")), false),
            (&api, &matching("*.example.com", PathPattern::Any), false),
            (
                &matching("a.b", regex("/x.*")),
                &matching("a.b", exact("/xy")),
                true,
            ),
            (
                &matching("a.b", regex("/x.*")),
                &matching("a.b", prefix("/xy")),
                false,
            ),
        ] {
            assert_eq!(wide.covers(narrow), covers, "{wide:?} {narrow:?}");
        }
        let with = |tests: Vec<(&'static str, Test)>| Matching {
            headers: tests
                .into_iter()
                .map(|(name, test)| (HeaderName::from_static(name), test))
                .collect(),
            ..Matching::default()
        };
        let present = with(vec![("x-a", Test::Present)]);
        assert!(present.covers(&with(vec![
            ("x-b", Test::Absent),
            ("x-a", Test::Is("1".into()))
        ])));
        assert!(!present.covers(&with(vec![("x-b", Test::Present)])));
        assert!(!present.covers(&all));
    }
}
