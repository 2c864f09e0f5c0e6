//! Client network -> class: longest-prefix tables over the whole address space, stored as runs of
//! equal class, so that neighbours that steer alike are merged and a scope is arithmetic.

/// Stub until its module lands.
#[derive(Debug, Default, PartialEq)]
pub struct PrefixTable;
