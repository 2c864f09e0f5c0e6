//! Buffers that go from one connection to the next, so that a query costs no allocation and a
//! connection that waits holds none.

/// Octets of a fresh buffer: dozens of pipelined queries. It grows only as octets arrive, never because
/// a length announces them.
pub const BUFFER_LEN: usize = 4096;

/// Octets past which a buffer that was given back is freed: room for nearly every round of answers.
const KEPT_LEN_MAX: usize = 64 * 1024;

/// Buffers that are kept. Hardly ever more are in use at a time: a connection gives its own back before
/// the next one's turn.
const KEPT_MAX: usize = 4;

/// What is there for the next connection that needs a buffer.
#[derive(Debug, Default)]
pub struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    /// An empty buffer of [`BUFFER_LEN`] octets at least.
    pub fn take(&mut self) -> Vec<u8> {
        let kept = self.0.pop();
        kept.unwrap_or_else(|| Vec::with_capacity(BUFFER_LEN))
    }

    /// Takes back a buffer that is not needed any more.
    pub fn put_back(&mut self, mut buffer: Vec<u8>) {
        let is_useful = (BUFFER_LEN..=KEPT_LEN_MAX).contains(&buffer.capacity());
        if is_useful && self.0.len() < KEPT_MAX {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_was_given_back_serves_again_and_is_empty() {
        let mut buffers = Buffers::default();
        let mut first = buffers.take();
        first.extend(b"of one client");
        let place = first.as_ptr();
        buffers.put_back(first);
        let second = buffers.take();
        assert_eq!(second.as_ptr(), place);
        assert!(second.is_empty());
        let third = buffers.take();
        assert_ne!(third.as_ptr(), place);
    }

    #[test]
    fn only_so_many_and_none_of_odd_size_are_kept() {
        let mut buffers = Buffers::default();
        for len in [0, BUFFER_LEN - 1, KEPT_LEN_MAX + 1] {
            buffers.put_back(Vec::with_capacity(len));
            assert!(buffers.0.is_empty(), "{len}");
        }
        let taken: Vec<_> = (0..=KEPT_MAX).map(|_| buffers.take()).collect();
        taken
            .into_iter()
            .for_each(|buffer| buffers.put_back(buffer));
        assert_eq!(buffers.0.len(), KEPT_MAX);
    }
}
