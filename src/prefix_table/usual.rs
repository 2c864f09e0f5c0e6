//! Ready results for blocks of the length that most client subnets have.

use super::Found;
use super::address::Address;

/// What every block of [`Address::USUAL`] bits finds that is not within one run.
///
/// Such a block begins in one run, and the next begins inside the block. So of the blocks that begin in
/// a run only the last can be one, and the run says which it is: an index of the results takes a
/// quarter of an octet per run, and a result 4 octets. There are at most as many as runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usual {
    words: Box<[Word]>,
    results: Box<[Found]>,
}

/// Of 32 runs, those in which such a block begins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Word {
    runs: u32,
    /// How many there are in the words before.
    before: u32,
}

impl Usual {
    /// Of runs that begin at `starts`, ascending; `weigh` says what the block finds that begins at an
    /// address in a run.
    pub fn new<A: Address>(
        starts: impl ExactSizeIterator<Item = A>,
        weigh: impl Fn(A, usize) -> Found,
    ) -> Self {
        let mut words = vec![Word::default(); starts.len().div_ceil(u32::BITS as usize)];
        let mut results = Vec::new();
        let mut before = None;
        for (next, start) in starts.enumerate() {
            let block = start.first(A::USUAL);
            // The first run to begin inside the block.
            if start != block && before.is_some_and(|before| before <= block) {
                let run = next - 1;
                words[run / 32].runs |= 1 << (run % 32);
                results.push(weigh(block, run));
            }
            before = Some(start);
        }
        let mut count = 0;
        for word in &mut words {
            word.before = count;
            count += word.runs.count_ones();
        }
        Usual {
            words: words.into(),
            results: results.into(),
        }
    }

    /// What holds for the block that begins in `run` and does not end there.
    #[inline]
    pub fn get(&self, run: usize) -> Found {
        self.results[self.place(run)]
    }

    /// Where the result for the block that begins in `run` stands, if there is one.
    #[inline]
    fn place(&self, run: usize) -> usize {
        let word = self.words[run / 32];
        let lower = word.runs & !(u32::MAX << (run % 32));
        (word.before + lower.count_ones()) as usize
    }

    /// Something of where [`get`](Self::get) begins for `run`, to have it in the cache.
    #[inline]
    pub fn first(&self, run: usize) -> u32 {
        self.words[run / 32].runs
    }

    /// The same of where it ends, if it ends anywhere.
    #[inline]
    pub fn last(&self, run: usize) -> u16 {
        let result = self.results.get(self.place(run));
        result.map_or(0, |found| found.class)
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&*self.words) + size_of_val(&*self.results)
    }
}
