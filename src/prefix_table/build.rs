//! Ranges of classes -> table.

use super::address::Address;
use super::reserved::{self, Fixed};
use super::runs::Runs;
use super::starts::Starts;
use super::{PrefixTable, RESERVED, itself, stand_in};

/// Addresses `start..=end` of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassRange<A> {
    pub start: A,
    pub end: A,
    /// Less than [`CLASSES_MAX`](super::CLASSES_MAX).
    pub class: u16,
    /// Of an own network: it holds in reserved space too, where databases are not believed.
    pub own: bool,
}

/// A table in the making, from ranges in ascending order.
#[derive(Debug)]
pub struct Builder {
    v4: Painter<u32>,
    v6: Painter<u128>,
}

impl Builder {
    /// Addresses in no range get the class `default`.
    pub fn new(default: u16) -> Self {
        Builder {
            v4: Painter::new(&reserved::V4, default),
            v6: Painter::new(&reserved::V6, default),
        }
    }

    /// Adds a range that begins after the end of the one before; of one that does not, only what
    /// lies after that end counts.
    pub fn v4(&mut self, range: ClassRange<u32>) {
        self.v4.range(range);
    }

    /// [`v4`](Self::v4) for IPv6. What lies in a graft is ignored.
    pub fn v6(&mut self, range: ClassRange<u128>) {
        self.v6.range(range);
    }

    /// Octets of the runs so far, as the table will keep them.
    pub fn bytes(&self) -> usize {
        self.v4.bytes() + self.v6.bytes()
    }

    pub fn finish(self) -> PrefixTable {
        let v4 = self.v4.finish(itself);
        let whole_v4 = v4.lookup(u32::MIN, 0, itself);
        let v6 = self.v6.finish(|leaf| stand_in(whole_v4, leaf));
        PrefixTable { v4, v6, whole_v4 }
    }
}

/// Lays ranges one after another, fixed space over them, and merges neighbours of equal class.
#[derive(Debug)]
pub(super) struct Painter<A: Address + 'static> {
    starts: A::Starts,
    /// Where the last run begins, once there is one.
    last_start: Option<A>,
    classes: Vec<u16>,
    /// The first address not yet painted; None once all are.
    next: Option<A>,
    default: u16,
    /// Fixed space that does not end before `next`.
    fixed: &'static [Fixed<A>],
}

impl<A: Address> Painter<A> {
    pub fn new(fixed: &'static [Fixed<A>], default: u16) -> Self {
        Painter {
            starts: A::Starts::default(),
            last_start: None,
            classes: Vec::new(),
            next: Some(A::MIN),
            default,
            fixed,
        }
    }

    pub fn range(&mut self, mut range: ClassRange<A>) {
        let Some(next) = self.next else { return };
        range.start = range.start.max(next);
        if range.start > range.end {
            return;
        }
        if let Some(before) = range.start.previous()
            && next <= before
        {
            self.hole(next, before);
        }
        self.paint(range);
        self.next = range.end.next();
    }

    fn bytes(&self) -> usize {
        // Of IPv6 addresses, the upper half is kept.
        self.classes.len() * (size_of::<A>().min(8) + size_of::<u16>())
    }

    pub fn finish(mut self, resolve: impl Fn(super::Found) -> super::Found) -> Runs<A> {
        if let Some(next) = self.next {
            self.hole(next, A::MAX);
        }
        Runs::new(self.starts, self.classes, resolve)
    }

    fn hole(&mut self, start: A, end: A) {
        self.paint(ClassRange {
            start,
            end,
            class: self.default,
            own: false,
        });
    }

    fn paint(&mut self, range: ClassRange<A>) {
        let passed = self
            .fixed
            .iter()
            .take_while(|fixed| fixed.end < range.start);
        self.fixed = &self.fixed[passed.count()..];
        self.begin(range.start, range.class);
        for fixed in self.fixed {
            if fixed.start > range.end {
                break;
            }
            if range.own && fixed.class == RESERVED {
                continue;
            }
            self.begin(fixed.start.max(range.start), fixed.class);
            if let Some(after) = fixed.end.next()
                && after <= range.end
            {
                self.begin(after, range.class);
            }
        }
    }

    /// From `start` on it is `class`; what began at the same address before did not last.
    fn begin(&mut self, start: A, class: u16) {
        if self.last_start == Some(start) {
            self.starts.pop();
            self.last_start = None;
            self.classes.pop();
        }
        if self.classes.last() != Some(&class) {
            self.starts.push(start);
            self.last_start = Some(start);
            self.classes.push(class);
        }
    }
}
