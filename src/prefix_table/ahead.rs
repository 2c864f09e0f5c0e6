//! A look-up walked step by step beside others, so that what all of them read comes into the cache at
//! the same time. Nothing is found here: the look-up is still to be done.

use std::hint::select_unpredictable;
use std::net::IpAddr;

use super::PrefixTable;
use super::address::Address;
use super::graft::Graft;
use super::runs::Runs;

/// A look-up to come. Each step reads what the one before has asked for, and returns something of what the
/// next will read: who calls lets all look-ups take one step before any takes the next.
#[derive(Clone, Copy)]
pub enum Ahead<'t> {
    V4(Search<'t, u32>),
    V6(Search<'t, u128>),
}

/// The runs that an address may be in.
#[derive(Clone, Copy)]
pub struct Search<'t, A: Address> {
    runs: &'t Runs<A>,
    address: A,
    pub(super) first: usize,
    last: usize,
}

/// Runs among which a search need not be walked ahead: their starts stand on one or two cache lines.
const NEAR: usize = 8;

impl PrefixTable {
    /// [`lookup`](Self::lookup) ahead.
    #[inline]
    pub fn ahead(&self, address: IpAddr, source: u8) -> Ahead<'_> {
        let v4 = |address: u32, source: u8| Ahead::V4(Search::new(&self.v4, address, source));
        match address {
            IpAddr::V4(address) => v4(address.to_bits(), source),
            IpAddr::V6(address) => match Graft::holding(address.to_bits(), source) {
                Some(graft) => {
                    let (client, source) = graft.client(address.to_bits(), source);
                    v4(client, source)
                }
                None => Ahead::V6(Search::new(&self.v6, address.to_bits(), source)),
            },
        }
    }
}

macro_rules! both {
    ($self:ident, $search:ident => $step:expr) => {
        match $self {
            Ahead::V4($search) => $step,
            Ahead::V6($search) => $step,
        }
    };
}

impl Ahead<'_> {
    /// The first step: asks for the bucket of the index.
    #[inline]
    pub fn bucket(&self) -> u64 {
        both!(self, search => search.bucket())
    }

    /// The second: asks for the starts of the bucket's runs.
    #[inline]
    pub fn span(&mut self) -> u64 {
        both!(self, search => search.span())
    }

    /// Whether [`halve`](Self::halve) is still to be called.
    #[inline]
    pub fn is_wide(&self) -> bool {
        both!(self, search => search.is_wide())
    }

    /// The third, over and over: halves the runs. Does nothing where they are few.
    #[inline]
    pub fn halve(&mut self) -> u64 {
        both!(self, search => search.halve())
    }

    /// The fourth: finds the run among the few. Asks for nothing.
    #[inline]
    pub fn find(&mut self) {
        both!(self, search => search.find());
    }

    /// The fifth: asks for what is said of the run.
    #[inline]
    pub fn run(&self) -> u64 {
        both!(self, search => search.run())
    }

    /// The last: asks for a ready result.
    #[inline]
    pub fn result(&self) -> u64 {
        both!(self, search => search.result())
    }
}

impl<'t, A: Address> Search<'t, A> {
    #[inline]
    pub(super) fn new(runs: &'t Runs<A>, address: A, source: u8) -> Self {
        Search {
            runs,
            address: address.first(source.min(A::BITS)),
            first: 0,
            last: 0,
        }
    }

    #[inline]
    pub(super) fn bucket(&self) -> u64 {
        let (first, last) = self.runs.span(self.address);
        (first ^ last) as u64
    }

    #[inline]
    pub(super) fn span(&mut self) -> u64 {
        (self.first, self.last) = self.runs.span(self.address);
        self.middle()
    }

    #[inline]
    pub(super) fn is_wide(&self) -> bool {
        self.last - self.first > NEAR
    }

    #[inline]
    pub(super) fn halve(&mut self) -> u64 {
        if !self.is_wide() {
            return 0;
        }
        let middle = self.first.midpoint(self.last);
        let is_below = self.runs.begins_by(middle, self.address);
        // A branch would be guessed wrong half of the time, and what was read ahead from there be in vain.
        self.first = select_unpredictable(is_below, middle, self.first);
        self.last = select_unpredictable(is_below, self.last, middle);
        self.middle()
    }

    #[inline]
    fn middle(&self) -> u64 {
        self.runs.start_octets(self.first.midpoint(self.last))
    }

    #[inline]
    pub(super) fn find(&mut self) {
        self.first = self.runs.run_among((self.first, self.last), self.address);
    }

    #[inline]
    pub(super) fn run(&self) -> u64 {
        self.runs.start_octets(self.first + 1) ^ self.runs.said_of(self.first)
    }

    #[inline]
    pub(super) fn result(&self) -> u64 {
        self.runs.result_of(self.first)
    }
}
