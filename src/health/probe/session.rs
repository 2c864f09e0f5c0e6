//! HTTP over a connection: requests and answers of either version.
//!
//! A target may be hostile. What hyper keeps of an answer's head is bounded here, what is read of its body and in
//! all by the caller, and time by the attempt's deadline. What runs for a connection ends with its [`Session`].

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::HeaderMap;
use hyper::rt::Executor;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::deadline::Deadline;
use crate::config::HttpVersion;
use crate::health::failure::{Failure, Step};

/// Octets of an answer's head.
const HEAD_MAX: usize = 64 * 1024;
/// Octets of HTTP/2 data that a target may send before they are asked for.
const WINDOW: u32 = 64 * 1024;

/// A connection that speaks HTTP.
#[derive(Debug)]
pub struct Session {
    sender: Sender,
    _tasks: Tasks,
}

#[derive(Debug)]
enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// What runs for one connection; it ends when the last of its handles is dropped.
#[derive(Clone, Debug, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(task);
    }
}

/// For hyper's own tasks. They hold no handle of [`Tasks`], or those would never end.
#[derive(Clone, Debug)]
struct Spawner(std::sync::Weak<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Spawner {
    fn execute(&self, task: F) {
        if let Some(tasks) = self.0.upgrade() {
            Tasks(tasks).spawn(task);
        }
    }
}

impl Session {
    /// Begins to speak HTTP on a connection.
    ///
    /// # Errors
    /// Why that is not possible.
    pub async fn open(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        version: HttpVersion,
        deadline: &Deadline,
    ) -> Result<Self, Failure> {
        let (stream, tasks) = (TokioIo::new(stream), Tasks::default());
        let sender = match version {
            HttpVersion::One => {
                let mut builder = http1::Builder::new();
                let shaking = builder.max_buf_size(HEAD_MAX).handshake(stream);
                let (sender, connection) = failed(deadline.within(Step::Answer, shaking).await?)?;
                tasks.spawn(async {
                    // Whoever waits for an answer is told of the error.
                    let _ = connection.await;
                });
                Sender::One(sender)
            }
            HttpVersion::Two => {
                let mut builder = http2::Builder::new(Spawner(Arc::downgrade(&tasks.0)));
                let builder = builder
                    .max_header_list_size(HEAD_MAX as u32)
                    .initial_stream_window_size(WINDOW)
                    .initial_connection_window_size(WINDOW);
                let shaking = builder.handshake(stream);
                let (sender, connection) = failed(deadline.within(Step::Answer, shaking).await?)?;
                tasks.spawn(async {
                    let _ = connection.await;
                });
                Sender::Two(sender)
            }
        };
        Ok(Session {
            sender,
            _tasks: tasks,
        })
    }

    /// Whether it can take another request, as far as is known.
    pub fn is_open(&self) -> bool {
        match &self.sender {
            Sender::One(sender) => !sender.is_closed(),
            Sender::Two(sender) => !sender.is_closed(),
        }
    }

    /// Asks, and waits for the head of the answer.
    ///
    /// # Errors
    /// Why none came.
    pub async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
        deadline: &Deadline,
    ) -> Result<Answer, Failure> {
        let answer = match &mut self.sender {
            Sender::One(sender) => {
                failed(deadline.within(Step::Answer, sender.ready()).await?)?;
                let asking = sender.send_request(request);
                deadline.within(Step::Answer, asking).await?
            }
            Sender::Two(sender) => {
                failed(deadline.within(Step::Answer, sender.ready()).await?)?;
                let asking = sender.send_request(request);
                deadline.within(Step::Answer, asking).await?
            }
        };
        let (head, body) = failed(answer)?.into_parts();
        Ok(Answer {
            head: Response::from_parts(head, ()),
            body,
            trailers: HeaderMap::new(),
            is_over: false,
        })
    }
}

/// An answer, whose body may still be on its way.
#[derive(Debug)]
pub struct Answer {
    pub head: Response<()>,
    body: Incoming,
    /// What came behind the body, once that is over.
    pub trailers: HeaderMap,
    is_over: bool,
}

impl Answer {
    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// Why none came.
    pub async fn piece(&mut self, deadline: &Deadline) -> Result<Option<Bytes>, Failure> {
        while !self.is_over {
            let frame = deadline.within(Step::Body, self.body.frame()).await?;
            let Some(frame) = failed(frame.transpose())? else {
                self.is_over = true;
                break;
            };
            match frame.into_data() {
                Ok(piece) => return Ok(Some(piece)),
                Err(frame) => self
                    .trailers
                    .extend(frame.into_trailers().unwrap_or_default()),
            }
        }
        Ok(None)
    }
}

fn failed<T>(done: Result<T, hyper::Error>) -> Result<T, Failure> {
    done.map_err(|error| match error.is_incomplete_message() {
        true => Failure::Closed,
        false => Failure::from_error(&error),
    })
}
