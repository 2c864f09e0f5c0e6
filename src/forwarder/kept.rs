//! Which body can be sent again?

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::body::{BodyError, Received, RequestBody};

/// A body on its way, with what was sent of it, as long as that is little.
pub(super) struct Kept(Rc<RefCell<Keeping>>);

struct Keeping {
    source: Received,
    /// What came of it so far.
    parts: Vec<Bytes>,
    len: usize,
    max: usize,
    /// Whether that is all that came.
    is_whole: bool,
    /// Who may read: who was given it last.
    reader: u32,
}

/// The same body from its beginning.
pub(super) struct Reading {
    keeping: Rc<RefCell<Keeping>>,
    /// Parts that were read.
    at: usize,
    number: u32,
}

impl Kept {
    /// Up to `max` octets are kept.
    pub fn new(source: Received, max: usize) -> Self {
        let announced = source.body().size_hint().lower();
        Kept(Rc::new(RefCell::new(Keeping {
            is_whole: announced <= max as u64,
            source,
            parts: Vec::new(),
            len: 0,
            max,
            reader: 0,
        })))
    }

    /// As it is sent first.
    pub fn first(&self) -> RequestBody {
        self.reading()
    }

    /// Whether all of it is there still.
    pub fn is_whole(&self) -> bool {
        self.0.borrow().is_whole
    }

    /// From the beginning, if all of it is there still. Whoever read it before gets nothing more.
    pub fn again(&self) -> Option<RequestBody> {
        self.is_whole().then(|| self.reading())
    }

    fn reading(&self) -> RequestBody {
        let mut keeping = self.0.borrow_mut();
        keeping.reader += 1;
        RequestBody::Kept(Reading {
            keeping: Rc::clone(&self.0),
            at: 0,
            number: keeping.reader,
        })
    }
}

impl Reading {
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut keeping = self.keeping.borrow_mut();
        if keeping.reader != self.number {
            return Poll::Ready(None);
        }
        if let Some(part) = keeping.parts.get(self.at) {
            self.at += 1;
            return Poll::Ready(Some(Ok(Frame::data(part.clone()))));
        }
        let polled = keeping.source.poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let fits = |part: &&Bytes| keeping.len + part.len() <= keeping.max;
                match frame.data_ref().filter(fits) {
                    Some(part) if keeping.is_whole => {
                        let part = part.clone();
                        keeping.len += part.len();
                        keeping.parts.push(part);
                        self.at += 1;
                    }
                    // Too much, or trailers.
                    _ => keeping.forget(),
                }
            }
            Poll::Ready(Some(Err(_))) => keeping.forget(),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    pub fn is_end_stream(&self) -> bool {
        let keeping = self.keeping.borrow();
        self.at >= keeping.parts.len() && keeping.source.body().is_end_stream()
    }

    pub fn size_hint(&self) -> SizeHint {
        let keeping = self.keeping.borrow();
        let again = keeping.parts.iter().skip(self.at);
        let again = again.map(|part| part.len() as u64).sum::<u64>();
        let rest = keeping.source.body().size_hint();
        let mut all = SizeHint::new();
        all.set_lower(rest.lower() + again);
        if let Some(upper) = rest.upper() {
            all.set_upper(upper + again);
        }
        all
    }
}

impl Keeping {
    fn forget(&mut self) {
        self.is_whole = false;
        self.parts = Vec::new();
    }
}
