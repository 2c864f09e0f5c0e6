//! A table of which many versions stand beside one another, most of it the same.

use std::array;
use std::iter;
use std::sync::Arc;

/// Entries by index, `N` of them a chunk. A copy costs one reference per chunk, a change the copy of one
/// chunk; all other chunks are shared. Places of the last chunk that nothing was put in hold defaults.
#[derive(Clone, Debug)]
pub struct Chunks<T, const N: usize>(Box<[Arc<[T; N]>]>);

impl<T, const N: usize> Chunks<T, N> {
    #[inline]
    pub fn get(&self, index: usize) -> &T {
        &self.0[index / N][index % N]
    }

    /// How many chunks are not those of `other`, which is as long.
    #[cfg(test)]
    pub fn unshared(&self, other: &Self) -> usize {
        let pairs = self.0.iter().zip(&other.0);
        pairs
            .filter(|(one, other)| !Arc::ptr_eq(one, other))
            .count()
    }
}

impl<T: Clone, const N: usize> Chunks<T, N> {
    /// Its chunk is copied first if another table shares it.
    pub fn get_mut(&mut self, index: usize) -> &mut T {
        &mut Arc::make_mut(&mut self.0[index / N])[index % N]
    }
}

impl<T, const N: usize> Default for Chunks<T, N> {
    fn default() -> Self {
        Chunks(Box::default())
    }
}

impl<T: Default, const N: usize> FromIterator<T> for Chunks<T, N> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let mut entries = entries.into_iter().peekable();
        let chunk = || {
            entries.peek()?;
            Some(Arc::new(array::from_fn(|_| {
                entries.next().unwrap_or_default()
            })))
        };
        Chunks(iter::from_fn(chunk).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_shares_every_chunk_but_those_that_change() {
        let before: Chunks<u32, 4> = (0..10).collect();
        let mut after = before.clone();
        assert_eq!(after.unshared(&before), 0);
        for index in [4, 7] {
            *after.get_mut(index) = 100;
        }
        assert_eq!(after.unshared(&before), 1);
        for index in 0..10 {
            let changed = [4, 7].contains(&index);
            let expected = if changed { 100 } else { index as u32 };
            assert_eq!(*before.get(index), index as u32);
            assert_eq!(*after.get(index), expected);
        }
        assert_eq!(Chunks::<u32, 4>::from_iter([]).0.len(), 0);
    }
}
