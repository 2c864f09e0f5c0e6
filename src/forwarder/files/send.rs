//! A file on its way: one piece of it at a time is in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Frame;
use tokio::task::{JoinHandle, spawn_blocking};

use super::open::{Opened, PIECE};
use crate::forwarder::body::BodyError;

/// A part of a file.
pub(in crate::forwarder) struct FileBody {
    file: Arc<File>,
    at: u64,
    left: u64,
    whole: Option<Bytes>,
    /// A piece that is being read.
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl FileBody {
    pub(super) fn new(opened: Opened, from: u64, len: u64) -> Self {
        FileBody {
            file: Arc::new(opened.file),
            at: from,
            left: len,
            whole: opened.whole,
            reading: None,
        }
    }

    /// Octets that are to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if let Some(whole) = self.whole.take() {
            let part = whole.slice(self.at as usize..(self.at + self.left) as usize);
            self.left = 0;
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        let (at, len) = (self.at, self.left.min(PIECE as u64) as usize);
        let file = &self.file;
        let reading = self.reading.get_or_insert_with(|| {
            let file = Arc::clone(file);
            spawn_blocking(move || {
                let mut octets = vec![0; len];
                // A file that became shorter is an error: its length was told.
                file.read_exact_at(&mut octets, at).map(|()| octets)
            })
        });
        let Poll::Ready(read) = Pin::new(reading).poll(cx) else {
            return Poll::Pending;
        };
        self.reading = None;
        let read = read.unwrap_or_else(|stopped| Err(io::Error::other(stopped)));
        Poll::Ready(Some(match read {
            Ok(octets) => {
                self.at += octets.len() as u64;
                self.left -= octets.len() as u64;
                Ok(Frame::data(octets.into()))
            }
            Err(error) => {
                self.left = 0;
                Err(BodyError::Io(error))
            }
        }))
    }
}
