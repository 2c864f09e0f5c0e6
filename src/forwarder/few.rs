//! A list of a few, without an allocation.

/// At most so many.
pub(super) const FEW: usize = 16;

#[derive(Clone, Copy)]
pub(super) struct Few<T> {
    all: [T; FEW],
    count: usize,
}

impl<T: Copy + Default> Default for Few<T> {
    fn default() -> Self {
        Few {
            all: [T::default(); FEW],
            count: 0,
        }
    }
}

impl<T: Copy> Few<T> {
    pub fn as_slice(&self) -> &[T] {
        &self.all[..self.count]
    }

    pub fn has_room(&self) -> bool {
        self.count < FEW
    }

    /// Whether there was room for it.
    pub fn push(&mut self, one: T) -> bool {
        let has_room = self.has_room();
        if has_room {
            self.all[self.count] = one;
            self.count += 1;
        }
        has_room
    }

    /// Takes the last one out.
    pub fn pop(&mut self) {
        self.count = self.count.saturating_sub(1);
    }
}
