//! Which of many routes fits first?

use std::collections::HashMap;

use super::matching::{HostPattern, Matching, PathPattern};

/// Where routes are few, asking one after the other is cheaper than looking paths up.
const FEW: usize = 8;

/// Routes by host and then by path, so that a request asks those only that may fit it. What it looks up is bounded by
/// what the routes have: as many labels and segments as the longest of them.
#[derive(Clone, Debug, Default)]
pub struct Index {
    exact: HashMap<Box<str>, Paths>,
    below: HashMap<Box<str>, Paths>,
    /// Dots in the names of `below`, at most.
    dots_max: usize,
    any: Paths,
}

/// Numbers of routes, each list in their order.
#[derive(Clone, Debug, Default)]
struct Paths {
    exact: HashMap<Box<str>, Vec<u32>>,
    prefix: HashMap<Box<str>, Vec<u32>>,
    /// Slashes in the paths of `prefix`, at most.
    slashes_max: usize,
    /// Those for any path, and by regular expressions; all, where they are few.
    rest: Vec<u32>,
}

impl Index {
    pub fn new<'m>(routes: impl IntoIterator<Item = &'m Matching>) -> Self {
        let routes: Vec<&Matching> = routes.into_iter().collect();
        let mut index = Index::default();
        for (number, matching) in (0..).zip(&routes) {
            if matching.hosts.is_empty() {
                index.any.rest.push(number);
            }
            for host in &matching.hosts {
                let paths = match host {
                    HostPattern::Exact(name) => index.exact.entry(name.clone()).or_default(),
                    HostPattern::Below(name) => {
                        index.dots_max = index.dots_max.max(count(name, b'.'));
                        index.below.entry(name.clone()).or_default()
                    }
                };
                if paths.rest.last() != Some(&number) {
                    paths.rest.push(number);
                }
            }
        }
        let hosts = index.exact.values_mut().chain(index.below.values_mut());
        for paths in hosts.chain([&mut index.any]) {
            paths.arrange(&routes);
        }
        index
    }

    /// The first route that `fits` among those that may be for a host and a path.
    #[inline]
    pub fn find(&self, host: &str, path: &str, fits: impl Fn(u32) -> bool) -> Option<u32> {
        let mut best = u32::MAX;
        self.lists(host, path, |list| {
            let mut better = list.iter().take_while(|&&number| number < best);
            if let Some(&number) = better.find(|&&number| fits(number)) {
                best = number;
            }
        });
        (best != u32::MAX).then_some(best)
    }

    /// The first route that covers another whole, if it stands before it.
    pub fn find_cover(&self, number: u32, routes: &[&Matching]) -> Option<u32> {
        let matching = routes.get(number as usize)?;
        // Whoever covers it covers its first host.
        let host = match matching.hosts.first() {
            Some(HostPattern::Exact(host) | HostPattern::Below(host)) => host,
            None => "",
        };
        let path = match &matching.path {
            PathPattern::Exact(path) | PathPattern::Prefix(path) => path,
            PathPattern::Any | PathPattern::Regex(_) => "",
        };
        self.find(host, path, |other| {
            other < number && routes[other as usize].covers(matching)
        })
    }

    fn lists(&self, host: &str, path: &str, mut ask: impl FnMut(&[u32])) {
        if !self.exact.is_empty()
            && let Some(paths) = self.exact.get(host)
        {
            paths.lists(path, &mut ask);
        }
        let dots = host.rmatch_indices('.').take(self.dots_max);
        for paths in dots.filter_map(|(dot, _)| self.below.get(&host[dot..])) {
            paths.lists(path, &mut ask);
        }
        self.any.lists(path, &mut ask);
    }
}

impl Paths {
    /// Sorts what stands in `rest` by path, if that is much.
    fn arrange(&mut self, routes: &[&Matching]) {
        if self.rest.len() <= FEW {
            return;
        }
        for number in std::mem::take(&mut self.rest) {
            let list = match &routes[number as usize].path {
                PathPattern::Exact(path) => self.exact.entry(path.clone()).or_default(),
                PathPattern::Prefix(path) => {
                    self.slashes_max = self.slashes_max.max(count(path, b'/'));
                    self.prefix.entry(path.clone()).or_default()
                }
                PathPattern::Any | PathPattern::Regex(_) => &mut self.rest,
            };
            list.push(number);
        }
    }

    #[inline]
    fn lists(&self, path: &str, ask: &mut impl FnMut(&[u32])) {
        if !self.exact.is_empty()
            && let Some(list) = self.exact.get(path)
        {
            ask(list);
        }
        if self.slashes_max > 0 {
            // A prefix ends where the next segment begins, or with the path.
            let ends = path.match_indices('/').map(|(at, _)| at).skip(1);
            for end in ends.chain([path.len()]).take(self.slashes_max) {
                if let Some(list) = self.prefix.get(&path[..end]) {
                    ask(list);
                }
            }
        }
        ask(&self.rest);
    }
}

fn count(text: &str, octet: u8) -> usize {
    text.bytes().filter(|&other| other == octet).count()
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, Method};
    use proptest::prelude::*;

    use super::super::matching::Asked;
    use super::*;

    fn host() -> impl Strategy<Value = HostPattern> {
        prop_oneof![
            "([ab]\\.){0,2}[ab]".prop_map(|name| HostPattern::Exact(name.into())),
            "(\\.[ab]){1,2}".prop_map(|name| HostPattern::Below(name.into())),
        ]
    }

    fn matching() -> impl Strategy<Value = Matching> {
        let path = prop_oneof![
            Just(PathPattern::Any),
            "(/[xy]){1,3}/?".prop_map(|path| PathPattern::Exact(path.into())),
            "(/[xy]){1,3}".prop_map(|path| PathPattern::Prefix(path.into())),
        ];
        (proptest::collection::vec(host(), 0..3), path).prop_map(|(hosts, path)| Matching {
            hosts: hosts.into(),
            path,
            ..Matching::default()
        })
    }

    proptest! {
        /// The index says what asking one after the other says; and a covered route is never the first.
        #[test]
        fn the_first_that_fits_is_found(
            routes in proptest::collection::vec(matching(), 0..60),
            asked in proptest::collection::vec(("([ab]\\.){0,3}[ab]", "(/[xy]){0,4}/?"), 20),
        ) {
            let index = Index::new(&routes);
            let all: Vec<&Matching> = routes.iter().collect();
            let (method, headers) = (Method::GET, HeaderMap::new());
            for (host, path) in &asked {
                let path = if path.is_empty() { "/" } else { path };
                let asked = Asked { host, path, method: &method, headers: &headers, listener: "" };
                let found = index.find(host, path, |number| routes[number as usize].fits(&asked));
                let first = routes.iter().position(|route| route.fits(&asked));
                prop_assert_eq!(found, first.map(|number| number as u32));
                if let Some(found) = found {
                    prop_assert_eq!(index.find_cover(found, &all), None);
                }
            }
        }
    }
}
