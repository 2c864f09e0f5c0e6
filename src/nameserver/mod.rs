//! The answer engine, and the transports that call it.

pub mod answer;
mod respond;
