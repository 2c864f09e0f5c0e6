//! How is one of a pool's endpoints chosen for a request?

use crate::model::Balance;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancing {
    /// As answers do. Where load decides, it is that of the moment.
    As(Balance),
    /// `"two-choices"`: of two drawn by weight, the one that has less to do (Mitzenmacher 1996).
    TwoChoices,
}

/// What equal requests have in common. What a request does not have is its client's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HashBy {
    #[default]
    Client,
    Host,
    /// Without the query.
    Path,
    /// In lower case.
    Header(Box<str>),
    Cookie(Box<str>),
}
