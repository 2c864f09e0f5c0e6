//! What is said out of a folder?

mod open;
mod range;
mod send;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, LAST_MODIFIED,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use tokio::task::spawn_blocking;

use super::body::ResponseBody;
use super::compress::{self, Codings};
use super::conditions::{self, Outcome, Validators};
use super::redirect;
use super::refusal::refuse;
use super::service::Answer;
use super::visit::Visit;
use crate::clock;
use crate::model::routing::{Files, Rewrite, media_type};
use crate::state::forwarding::Route;
use open::{Found, Opened};
use range::Ranged;
pub(super) use send::FileBody;

pub(super) async fn answer(files: &Files, route: &Route, visit: &Visit, head: &Parts) -> Answer {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        let mut answer = refuse(StatusCode::METHOD_NOT_ALLOWED, "files are read only");
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let nothing = || refuse(StatusCode::NOT_FOUND, "there is no such file");
    let Some(path) = path_of(head.uri.path(), files.dot_files) else {
        return nothing();
    };
    // Of a prefix that was taken away, nothing but the slash may be left; the client has written none then.
    let is_folder = |path: &str| path.ends_with('/');
    let is_written = match route.rewrite {
        Some(Rewrite::Prefix { .. }) => is_folder(visit.uri.path()),
        _ => true,
    };
    let wanted = open::Wanted {
        path,
        is_folder: is_written && is_folder(head.uri.path()),
        codings: files
            .precompressed
            .then(|| Codings::accepted(&head.headers)),
        reads: head.method == Method::GET,
        files: files.clone(),
    };
    // The disk may take its time.
    match spawn_blocking(move || open::open(&wanted)).await {
        Ok(Found::File(file)) => send(files, file, head),
        Ok(Found::Folder) => {
            let query = visit
                .uri
                .query()
                .map_or(String::new(), |query| format!("?{query}"));
            let location = format!("{}/{query}", visit.uri.path());
            redirect::to(StatusCode::MOVED_PERMANENTLY, &location)
        }
        Ok(Found::Nothing) => nothing(),
        Ok(Found::Error) | Err(_) => {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read")
        }
    }
}

/// The path below the root that a path in its normal form names; `None`: nothing can be there.
fn path_of(path: &str, dot_files: bool) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    for (number, segment) in path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .enumerate()
    {
        let name = decoded(segment)?;
        let is_hidden = name.starts_with('.') && !(number == 0 && name == ".well-known");
        if name.contains(['/', '\0']) || matches!(&*name, "." | "..") || is_hidden && !dot_files {
            return None;
        }
        found.push(name);
    }
    Some(found)
}

fn decoded(segment: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(segment.len());
    let mut left = segment.bytes();
    while let Some(octet) = left.next() {
        octets.push(match octet {
            b'%' => {
                let mut digit = || char::from(left.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            octet => octet,
        });
    }
    String::from_utf8(octets).ok()
}

fn send(files: &Files, file: Opened, head: &Parts) -> Answer {
    // In whole seconds, and never later than now (RFC 9110, 8.8.2.1).
    let now = UNIX_EPOCH + Duration::from_secs(clock::unix_ms() / 1000);
    let modified = file
        .modified
        .map(|modified| whole_seconds(modified).min(now));
    let etag = etag(&file);
    let known = Validators {
        etag: Some(&etag),
        modified,
    };
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    if let Some(modified) = modified
        && let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(modified))
    {
        headers.insert(LAST_MODIFIED, date);
    }
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if files.precompressed {
        compress::vary(&mut headers);
    }
    match conditions::check(&head.headers, &known) {
        Outcome::Holds => {}
        Outcome::NotModified => return empty(StatusCode::NOT_MODIFIED, headers),
        Outcome::Failed => {
            return refuse(StatusCode::PRECONDITION_FAILED, "the file is another one");
        }
    }
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(media_type(&file.name)),
    );
    if let Some(coding) = file.coding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    let asks_range = head.method == Method::GET && conditions::range_holds(&head.headers, &known);
    let ranged = match asks_range {
        true => range::asked(&head.headers, file.len),
        false => Ranged::Whole,
    };
    let (status, from, len) = match ranged {
        Ranged::Whole => (StatusCode::OK, 0, file.len),
        Ranged::Part { first, last } => {
            let range = format!("bytes {first}-{last}/{}", file.len);
            if let Ok(range) = HeaderValue::from_str(&range) {
                headers.insert(CONTENT_RANGE, range);
            }
            (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
        }
        Ranged::Unsatisfiable => {
            let mut answer = refuse(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "the file has no such range",
            );
            if let Ok(range) = HeaderValue::from_str(&format!("bytes */{}", file.len)) {
                answer.headers_mut().insert(CONTENT_RANGE, range);
            }
            return answer;
        }
    };
    let mut answer = Response::new(ResponseBody::File(FileBody::new(file, from, len)));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

fn empty(status: StatusCode, headers: HeaderMap) -> Answer {
    let mut answer = Response::new(ResponseBody::Whole(None));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// Of when the file was written and how long it is: on all nodes the same for the same copy (`rsync -t`).
fn etag(file: &Opened) -> String {
    let modified = file
        .modified
        .and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    let nanos = modified.unwrap_or_default().as_nanos();
    let coding = file.coding.map_or("", compress::Coding::name);
    format!("\"{nanos:x}-{:x}{coding}\"", file.len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_and_never_lead_elsewhere() {
        for (path, expected) in [
            ("/", Some("")),
            ("/a/b.css", Some("a/b.css")),
            ("/a%20b/%C3%A9", Some("a b/é")),
            ("/a%2Fb", None),
            ("/a%00", None),
            ("/%FF", None),
            ("/..", None),
            ("/.git/config", None),
            ("/a/.x", None),
            ("/.well-known/x", Some(".well-known/x")),
        ] {
            let found = path_of(path, false);
            assert_eq!(
                found.as_deref().map(|path| path.to_str().expect("text")),
                expected,
                "{path}"
            );
        }
        assert!(path_of("/.git/config", true).is_some());
        assert!(path_of("/%2E%2E/x", true).is_none());
    }
}
