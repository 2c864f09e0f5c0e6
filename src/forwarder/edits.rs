//! Which headers go on?

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};

use super::visit::Visit;
use crate::model::routing::{Edit, HeaderEdits};
use crate::state::forwarding::Route;

/// Takes out, sets and adds what the route says. A value that cannot be one, because of what the client sent, is left
/// out: it never becomes another header.
pub(super) fn apply(edits: &HeaderEdits, headers: &mut HeaderMap, route: &Route, visit: &Visit) {
    for name in &edits.remove {
        headers.remove(name);
    }
    let value = |edit: &Edit| match edit {
        Edit::Fixed(value) => Some(value.clone()),
        Edit::Filled(template) => {
            let text = Bytes::from(visit.fill(template, route));
            HeaderValue::from_maybe_shared(text).ok()
        }
    };
    for (name, edit) in &edits.set {
        match value(edit) {
            Some(value) => drop(headers.insert(name, value)),
            None => drop(headers.remove(name)),
        }
    }
    for (name, edit) in &edits.add {
        if let Some(value) = value(edit) {
            headers.append(name, value);
        }
    }
}
