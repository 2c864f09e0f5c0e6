//! Whose connections and requests are taken?

use std::net::IpAddr;

use crate::model::MapId;
use crate::prefix_table::NetworkSet;

/// Who is let in: whom `deny` does not name, and where there is an `allow`, whom that names. Addresses count at face
/// value.
#[derive(Clone, Debug, Default)]
pub struct Access {
    pub deny: NetworkSet,
    pub allow: Option<NetworkSet>,
    /// Where places or networks are named: the map that tells, and what each of its classes means.
    pub placed: Option<(MapId, Box<[Placed]>)>,
}

/// What the place of a client means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    Denied,
    Allowed,
    Neither,
}

impl Access {
    /// Whether `address` is let in; `class` says what a map says of it.
    pub fn lets_in(&self, address: IpAddr, class: impl FnOnce(MapId) -> u16) -> bool {
        if self.deny.contains(address) {
            return false;
        }
        let placed = match &self.placed {
            None => Placed::Neither,
            Some((map, means)) => {
                let means = means.get(usize::from(class(*map)));
                means.copied().unwrap_or(Placed::Neither)
            }
        };
        match (placed, &self.allow) {
            (Placed::Denied, _) => false,
            (Placed::Allowed, _) | (_, None) => true,
            (Placed::Neither, Some(allow)) => allow.contains(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(prefix: [u8; 4], length: u8) -> NetworkSet {
        NetworkSet::new([(IpAddr::from(prefix), length)])
    }

    #[test]
    fn who_is_denied_is_not_let_in_whatever_is_allowed() {
        let means: Box<[_]> = [Placed::Neither, Placed::Denied, Placed::Allowed].into();
        let mut access = Access {
            deny: set([10, 1, 0, 0], 16),
            allow: Some(set([10, 0, 0, 0], 8)),
            placed: Some((MapId(0), means)),
        };
        let asks = |access: &Access, address: [u8; 4], class| {
            access.lets_in(IpAddr::from(address), |_| class)
        };
        for (address, class, expected) in [
            ([10, 1, 2, 3], 0, false),
            ([10, 1, 2, 3], 2, false),
            ([10, 2, 2, 3], 0, true),
            ([10, 2, 2, 3], 1, false),
            ([192, 0, 2, 1], 0, false),
            ([192, 0, 2, 1], 2, true),
            ([192, 0, 2, 1], 7, false),
        ] {
            assert_eq!(
                asks(&access, address, class),
                expected,
                "{address:?} {class}"
            );
        }
        access.allow = None;
        assert!(asks(&access, [192, 0, 2, 1], 0));
        assert!(!asks(&access, [192, 0, 2, 1], 1));
    }
}
