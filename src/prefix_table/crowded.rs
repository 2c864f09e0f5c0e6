//! Ready results for blocks with more runs than a query may scan.

use super::Found;
use super::address::Address;
use super::runs::{Runs, SCAN_MAX};

/// Every block with more than [`SCAN_MAX`] runs.
///
/// Of each prefix length there are at most as many as 64 runs fit into all runs; in databases of the
/// internet there are far fewer, since hardly a block below /18 (IPv4) or /40 (IPv6) has that many.
#[derive(Clone, Debug, PartialEq)]
pub struct Crowded<A> {
    /// In order of start and length.
    blocks: Box<[Block<A>]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Block<A> {
    start: A,
    length: u8,
    /// The length of the longest leaf inside.
    longest: u8,
    /// The class that covers most of it.
    class: u16,
}

impl<A> Default for Crowded<A> {
    fn default() -> Self {
        Crowded {
            blocks: Box::default(),
        }
    }
}

impl<A: Address> Crowded<A> {
    pub fn new(runs: &Runs<A>, resolve: &impl Fn(Found) -> Found) -> Self {
        let mut survey = Survey {
            runs,
            resolve,
            blocks: Vec::new(),
        };
        if runs.len() > SCAN_MAX {
            survey.block(A::MIN, 0, (0, runs.len() - 1));
        }
        let mut blocks = survey.blocks;
        blocks.sort_unstable_by_key(|block| (block.start, block.length));
        Crowded {
            blocks: blocks.into(),
        }
    }

    /// What holds for a block with more than [`SCAN_MAX`] runs.
    pub fn get(&self, start: A, length: u8) -> Found {
        let place = self
            .blocks
            .partition_point(|block| (block.start, block.length) < (start, length));
        let block = &self.blocks[place];
        Found {
            class: block.class,
            scope: block.longest,
        }
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&*self.blocks)
    }
}

/// How much of a block each class covers.
struct Tally {
    /// In order of class.
    shares: Vec<Share>,
    /// The length of the longest leaf inside.
    longest: u8,
}

#[derive(Clone, Copy)]
struct Share {
    class: u16,
    /// Where it first appears.
    run: usize,
    /// How many addresses it has.
    size: u128,
}

impl Tally {
    /// `shares` are in the order of the block's addresses.
    fn new(mut shares: Vec<Share>, longest: u8) -> Self {
        // Stable: of one class, the share that begins first stays first. Two sorted halves are
        // merged in one pass.
        shares.sort_by_key(|share| share.class);
        shares.dedup_by(|next, share| {
            let same = next.class == share.class;
            if same {
                share.size = share.size.saturating_add(next.size);
            }
            same
        });
        Tally { shares, longest }
    }

    fn join(mut self, other: Tally) -> Self {
        self.shares.extend(other.shares);
        Tally::new(self.shares, self.longest.max(other.longest))
    }

    /// The class that covers most; of equals, the one that begins first.
    fn most(&self) -> Option<u16> {
        let most = self
            .shares
            .iter()
            .max_by(|a, b| a.size.cmp(&b.size).then(b.run.cmp(&a.run)));
        most.map(|share| share.class)
    }
}

/// A walk over all crowded blocks, from the smallest up.
struct Survey<'a, A: Address, R> {
    runs: &'a Runs<A>,
    resolve: &'a R,
    blocks: Vec<Block<A>>,
}

impl<A: Address, R: Fn(Found) -> Found> Survey<'_, A, R> {
    /// Tallies the block that the runs `first..=last` fill, and keeps the result if it is crowded.
    fn block(&mut self, start: A, length: u8, (first, last): (usize, usize)) -> Tally {
        if last - first < SCAN_MAX {
            return self.scan(start, length, (first, last));
        }
        let middle = start.last(length + 1);
        let low_last = self.runs.run_of(middle);
        let high = middle.next().unwrap_or(A::MAX);
        let high_first = self.runs.run_of(high);
        let low = self.block(start, length + 1, (first, low_last));
        let tally = low.join(self.block(high, length + 1, (high_first, last)));
        if let Some(class) = tally.most() {
            self.blocks.push(Block {
                start,
                length,
                longest: tally.longest,
                class,
            });
        }
        tally
    }

    fn scan(&self, start: A, length: u8, (first, last): (usize, usize)) -> Tally {
        if first == last {
            // The whole block is in one run, and the one around it is not: it is a leaf.
            let leaf = Found {
                class: self.runs.class(first),
                scope: length,
            };
            let Found { class, scope } = (self.resolve)(leaf);
            let size = start.count_to(start.last(length));
            let run = first;
            return Tally::new(vec![Share { class, run, size }], scope);
        }
        let mut longest = 0;
        let pieces = self.runs.pieces(start, length, (first, last));
        let shares = pieces.map(|piece| {
            let Found { class, scope } = (self.resolve)(piece.leaf);
            longest = longest.max(scope);
            Share {
                class,
                run: piece.run,
                size: piece.size,
            }
        });
        let shares = shares.collect();
        Tally::new(shares, longest)
    }
}
