//! A map: client network -> class, and what each class prefers.

use crate::model::RegionId;
use crate::prefix_table::PrefixTable;

/// Client network -> class -> regions in order of preference.
///
/// Several policies share one map when they rank the same regions in the same way.
#[derive(Debug, PartialEq)]
pub struct Map {
    pub table: PrefixTable,
    /// The regions that this map ranks, in the order of the policy that first asked for it. What
    /// `orders` holds are indices into this list ("slots").
    pub regions: Box<[RegionId]>,
    /// `regions.len()` slots per class, most preferred first; class `c` begins at
    /// `c * regions.len()`.
    pub orders: Box<[u8]>,
}

/// The class of clients that no database and no own network knows, and of those that rank regions
/// in the same way: the map's `default` order.
pub const CLASS_DEFAULT: u16 = 0;

impl Map {
    /// The slots of `regions` in the order that `class` prefers.
    #[inline]
    pub fn order(&self, class: u16) -> &[u8] {
        let n = self.regions.len();
        &self.orders[usize::from(class) * n..][..n]
    }

    /// How many classes there are.
    pub fn class_count(&self) -> usize {
        self.orders
            .len()
            .checked_div(self.regions.len())
            .unwrap_or(0)
    }
}
