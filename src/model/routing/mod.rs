//! What do routes of the forwarder say? For which requests they are, and what is done with them: those parts that are
//! the same as written and as served.

mod actions;
mod choice;
pub mod host;
mod index;
mod matching;
mod media;
pub mod path;
mod pattern;
mod template;

pub use actions::{
    CacheRules, Compress, Edit, ErrorPages, Files, HeaderEdits, Page, Redirect, Respond, Rewrite,
    Side, Split, Sticky,
};
pub use choice::{Balancing, HashBy};
pub use index::Index;
pub use matching::{Asked, HostPattern, Matching, PathPattern, Test, cookie_values, is_below};
pub use media::media_type;
pub use pattern::Pattern;
pub use template::{Template, TemplateError, Variable};
