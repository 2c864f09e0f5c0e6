//! What is done to every response of a route?

use hyper::header::{CONTENT_TYPE, HeaderMap};

use super::body::ResponseBody;
use super::compress::{self, Codings};
use super::edits;
use super::service::Answer;
use super::visit::Visit;
use crate::model::routing::{Compress, Page};
use crate::state::forwarding::{Forwarding, Route};

/// What the route wants, and what the request said of it.
pub(super) struct Dress<'a> {
    forwarding: &'a Forwarding,
    route: &'a Route,
    visit: &'a Visit,
    compress: Option<(&'a Compress, Codings)>,
}

impl<'a> Dress<'a> {
    pub fn of(
        forwarding: &'a Forwarding,
        route: &'a Route,
        visit: &'a Visit,
        headers: &HeaderMap,
    ) -> Self {
        let compress = route.compress.as_ref();
        Dress {
            forwarding,
            route,
            visit,
            compress: compress.map(|compress| (compress, Codings::accepted(headers))),
        }
    }

    /// Puts it on a response: another page, fewer octets, other headers.
    pub fn on(self, mut answer: Answer) -> Answer {
        if answer.status().as_u16() >= 400
            && let Some(page) = self.page(&answer)
        {
            answer = with_page(answer, page);
        }
        if let Some((compress, codings)) = self.compress {
            answer = compress::answer(compress, codings, &self.visit.method, answer);
        }
        if !self.route.response_headers.is_empty() {
            let headers: &mut HeaderMap = answer.headers_mut();
            edits::apply(
                &self.route.response_headers,
                headers,
                self.route,
                self.visit,
            );
        }
        answer
    }

    fn page(&self, answer: &Answer) -> Option<&'a Page> {
        let is_own = matches!(answer.body(), ResponseBody::Refusal(_));
        let of = |pages: &'a crate::model::routing::ErrorPages| {
            pages
                .get(answer.status())
                .filter(|_| is_own || pages.replaces_responses)
        };
        of(&self.route.error_pages).or_else(|| of(&self.forwarding.error_pages))
    }
}

/// Where there is no route, there may be a page all the same.
pub(super) fn unrouted(forwarding: &Forwarding, answer: Answer) -> Answer {
    match forwarding.error_pages.get(answer.status()) {
        Some(page) => with_page(answer, page),
        None => answer,
    }
}

/// What the old body was like says nothing of the new one.
fn with_page(answer: Answer, page: &Page) -> Answer {
    use hyper::header::{
        ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, ETAG, LAST_MODIFIED,
    };
    let (mut head, _) = answer.into_parts();
    for name in [
        ACCEPT_RANGES,
        CONTENT_ENCODING,
        CONTENT_LANGUAGE,
        CONTENT_LENGTH,
        ETAG,
        LAST_MODIFIED,
    ] {
        head.headers.remove(name);
    }
    head.headers.insert(CONTENT_TYPE, page.content_type.clone());
    Answer::from_parts(head, ResponseBody::whole(page.body.clone()))
}
