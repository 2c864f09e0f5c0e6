//! Where do other people's names lead? They are asked of recursive resolvers, and asked again when
//! what was said of them is no longer true.
//!
//! # An address's story
//!
//! ```text
//! due -> question -> answer -> belief (last good kept) -> addresses -> expansion of the configuration
//! ```
//!
//! | module | question it answers |
//! |---|---|
//! | [`upstream`] | what does a resolver say of one name and family? |
//! | [`belief`] | what follows from that, and when is it to be asked again? |
//! | [`aliases`] | who does all that for many names at once? |
//!
//! `belief` is pure: time comes as an argument.

pub mod aliases;
pub mod belief;
pub mod upstream;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

pub use aliases::Aliases;
pub use upstream::{Upstream, Written};

use crate::dns::Name;
use crate::model::Family;

/// What is said of the addresses that a name has in one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// At least one, and the least TTL, in seconds, of the records that lead there.
    Addresses { addresses: Vec<IpAddr>, ttl_s: u32 },
    /// The name is there without any (NODATA), for so many seconds (RFC 2308, 5).
    Nothing { ttl_s: u32 },
    /// Nobody can say, or there is no such name: in words.
    Failure(String),
}

/// A question under way; dropping it breaks it off.
pub type Asking = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Who can be asked.
pub trait Ask: Send + Sync {
    /// What addresses of this family has the name? The answer comes within a bounded time.
    fn ask(&self, name: &Name, family: Family) -> Asking;
}
