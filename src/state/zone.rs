//! Zones.

/// Stub.
#[derive(Debug, Default)]
pub struct Zone;
/// Stub.
#[derive(Debug, Default)]
pub struct Zones;
