//! A file, read from front to back, with the place in it.

use std::io::{BufRead, BufReader, ErrorKind, Read};

/// A stream whose first four octets can be looked at.
pub struct Octets<R> {
    inner: BufReader<R>,
    position: u64,
    buffer: Vec<u8>,
}

impl<R: Read> Octets<R> {
    pub fn new(inner: R) -> Self {
        Octets {
            inner: BufReader::with_capacity(1 << 16, inner),
            position: 0,
            buffer: Vec::new(),
        }
    }

    /// The first four octets, which stay where they are; 1 stands for those that there are not.
    pub fn start(&mut self) -> Result<[u8; 4], String> {
        let mut start = [1; 4];
        let buffer = self.inner.fill_buf().map_err(|e| e.to_string())?;
        for (to, octet) in start.iter_mut().zip(buffer) {
            *to = *octet;
        }
        Ok(start)
    }

    /// How many octets were read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next `N` octets; `None` at the end of the file.
    ///
    /// # Errors
    /// It ends among them.
    pub fn next<const N: usize>(&mut self) -> Result<Option<[u8; N]>, String> {
        let is_end = self.inner.fill_buf().map_err(|e| e.to_string())?.is_empty();
        match is_end {
            true => Ok(None),
            false => self.array().map(Some),
        }
    }

    /// The next `N` octets.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut octets = [0; N];
        self.inner.read_exact(&mut octets).map_err(ended)?;
        self.position += N as u64;
        Ok(octets)
    }

    /// The next `len` octets; whoever asks has held that against a limit.
    pub fn take(&mut self, len: usize) -> Result<&[u8], String> {
        self.buffer.resize(len, 0);
        self.inner.read_exact(&mut self.buffer).map_err(ended)?;
        self.position += len as u64;
        Ok(&self.buffer)
    }

    /// A line without its end; `None` at the end of the file.
    ///
    /// # Errors
    /// It has more than `max` octets, or is no UTF-8.
    pub fn line(&mut self, max: usize) -> Result<Option<&str>, String> {
        self.buffer.clear();
        let mut limited = (&mut self.inner).take(max as u64 + 1);
        let len = limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|e| e.to_string())?;
        self.position += len as u64;
        if len > max {
            return Err(format!("the line is longer than {max} octets"));
        }
        let text = str::from_utf8(&self.buffer).map_err(
            |_| "expected text (NAME TYPE CLIENT), pcap, pcapng or dnstap; this is none of them",
        )?;
        Ok((len > 0).then(|| text.trim_end()))
    }
}

fn ended(error: std::io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "the file ends in the middle of a record".to_owned(),
        _ => error.to_string(),
    }
}
