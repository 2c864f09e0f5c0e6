//! One family's address space as runs of equal class, and what a block of it finds.

use super::Found;
use super::address::Address;
use super::crowded::Crowded;
use super::index::Index;
use super::starts::Starts;
use super::usual::Usual;

/// Runs that a query for a block scans at most; for blocks with more the result stands ready.
pub const SCAN_MAX: usize = 64;

/// Runs of equal class that cover the whole address space; neighbours differ in class.
#[derive(Clone, Debug, PartialEq)]
pub struct Runs<A: Address> {
    /// Ascending, the first at the first address; a run ends where the next begins.
    starts: A::Starts,
    classes: Box<[u16]>,
    index: Index,
    crowded: Crowded<A>,
    usual: Usual,
}

/// The part of a run that lies in a block.
pub struct Piece {
    pub run: usize,
    /// The class, and the length of the longest leaf.
    pub leaf: Found,
    /// How many addresses it has.
    pub size: u128,
}

impl<A: Address> Runs<A> {
    /// `starts` and `classes` are as in [`Runs`] and of equal length, at least 1. `resolve` says
    /// what a leaf counts as when a block's classes are weighed.
    pub fn new(mut starts: A::Starts, classes: Vec<u16>, resolve: impl Fn(Found) -> Found) -> Self {
        starts.shrink_to_fit();
        let mut runs: Self = Runs {
            index: Index::new((0..starts.count()).map(|run| starts.get(run))),
            starts,
            classes: classes.into(),
            crowded: Crowded::default(),
            usual: Usual::default(),
        };
        runs.crowded = Crowded::new(&runs, &resolve);
        let starts = (0..runs.len()).map(|run| runs.starts.get(run));
        runs.usual = Usual::new(starts, |block, run| {
            runs.lookup_wide(block, A::USUAL, run, &resolve)
        });
        runs
    }

    /// What holds for the block of `source` bits that contains `address`; `resolve` is that of
    /// [`new`](Self::new).
    #[inline]
    pub fn lookup(&self, address: A, source: u8, resolve: impl Fn(Found) -> Found) -> Found {
        let source = source.min(A::BITS);
        let address = address.first(source);
        let run = self.run_of(address);
        let leaf = self.leaf(address, run);
        if leaf.scope <= source {
            return leaf;
        }
        if source == A::USUAL {
            return self.usual.get(run);
        }
        self.lookup_wide(address, source, run, resolve)
    }

    /// [`lookup`](Self::lookup) of a block that begins in `run`, and does not end there.
    #[inline(never)]
    pub(super) fn lookup_wide(
        &self,
        block: A,
        length: u8,
        run: usize,
        resolve: impl Fn(Found) -> Found,
    ) -> Found {
        let last = self.run_of(block.last(length));
        if last - run < SCAN_MAX {
            self.weigh(block, length, (run, last), resolve)
        } else {
            self.crowded.get(block, length)
        }
    }

    /// The run that `address` is in.
    #[inline]
    pub fn run_of(&self, address: A) -> usize {
        self.run_among(self.span(address), address)
    }

    /// The first and the last run that `address` can be in, as far as the index says.
    #[inline]
    pub fn span(&self, address: A) -> (usize, usize) {
        self.index.span(address)
    }

    /// The run that `address` is in, which is one of `first..=last`.
    #[inline]
    pub fn run_among(&self, (first, last): (usize, usize), address: A) -> usize {
        first + self.starts.count_to(first + 1..last + 1, address)
    }

    /// Whether `run` begins at `address` or before it.
    #[inline]
    pub fn begins_by(&self, run: usize, address: A) -> bool {
        self.starts.get(run) <= address
    }

    /// Something of where `run` begins, of what is said of it, and of the ready result for the block that
    /// begins in it: to have them in the cache.
    #[inline]
    pub fn start_octets(&self, run: usize) -> u64 {
        self.starts.peek(run)
    }

    #[inline]
    pub fn said_of(&self, run: usize) -> u64 {
        u64::from(self.classes[run]) ^ u64::from(self.usual.first(run))
    }

    #[inline]
    pub fn result_of(&self, run: usize) -> u64 {
        self.usual.last(run).into()
    }

    /// The leaf of `address`, which is in `run`: the largest aligned block with neither the address
    /// before the run nor the one after it.
    #[inline]
    fn leaf(&self, address: A, run: usize) -> Found {
        let before = self.starts.get(run).previous();
        let after = self.start_after(run);
        let apart = |other: Option<A>| other.map_or(0, |other| address.common_prefix(other) + 1);
        Found {
            class: self.classes[run],
            scope: apart(before).max(apart(after)),
        }
    }

    /// The runs `first..=last`, at least two, cut to the block that they fill.
    pub fn pieces(
        &self,
        block: A,
        length: u8,
        (first, last): (usize, usize),
    ) -> impl Iterator<Item = Piece> {
        (first..=last).map(move |run| {
            let after = self.start_after(run).and_then(|next| next.previous());
            let start = self.starts.get(run).max(block);
            let end = after.unwrap_or(A::MAX).min(block.last(length));
            // Leaves of a run grow from its start and shrink towards its end.
            let (leaf, other) = (self.leaf(start, run), self.leaf(end, run));
            Piece {
                run,
                leaf: Found {
                    scope: leaf.scope.max(other.scope),
                    ..leaf
                },
                size: start.count_to(end),
            }
        })
    }

    /// The class that covers most of the block, and its longest leaf, by looking at each run.
    fn weigh(
        &self,
        block: A,
        length: u8,
        runs: (usize, usize),
        resolve: impl Fn(Found) -> Found,
    ) -> Found {
        // Few blocks have more than a few classes, and room for many costs more than they do.
        self.weigh_among::<4>(block, length, runs, &resolve)
            .or_else(|| self.weigh_among::<SCAN_MAX>(block, length, runs, &resolve))
            .unwrap_or_else(|| self.leaf(block, runs.0))
    }

    /// [`weigh`](Self::weigh) where there are at most `N` classes; else `None`.
    fn weigh_among<const N: usize>(
        &self,
        block: A,
        length: u8,
        runs: (usize, usize),
        resolve: impl Fn(Found) -> Found,
    ) -> Option<Found> {
        let mut shares = [(0u16, 0u128); N];
        let mut count = 0;
        let mut longest = 0;
        for piece in self.pieces(block, length, runs) {
            let Found { class, scope } = resolve(piece.leaf);
            longest = longest.max(scope);
            let known = shares[..count].iter().position(|share| share.0 == class);
            let share = shares.get_mut(known.unwrap_or(count))?;
            *share = (class, share.1.saturating_add(piece.size));
            count += usize::from(known.is_none());
        }
        let most = shares[..count].iter().fold(shares[0], |most, share| {
            // Shares are in order of first appearance: of equals, the first stays.
            if share.1 > most.1 { *share } else { most }
        });
        Some(Found {
            class: most.0,
            scope: longest,
        })
    }

    /// Where the run after `run` begins, unless that is the last one.
    #[inline]
    fn start_after(&self, run: usize) -> Option<A> {
        (run + 1 < self.starts.count()).then(|| self.starts.get(run + 1))
    }

    pub fn class(&self, run: usize) -> u16 {
        self.classes[run]
    }

    /// The first addresses of all runs, ascending.
    pub fn starts(&self) -> impl Iterator<Item = A> {
        (0..self.starts.count()).map(|run| self.starts.get(run))
    }

    /// The first address and the class of each run, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (A, u16)> {
        self.starts().zip(self.classes.iter().copied())
    }

    pub fn len(&self) -> usize {
        self.starts.count()
    }

    /// Octets on the heap.
    pub fn bytes(&self) -> usize {
        self.starts.bytes()
            + size_of_val(&*self.classes)
            + self.index.bytes()
            + self.crowded.bytes()
            + self.usual.bytes()
    }
}
