//! The forwarder, asked by scripted clients and answered by scripted backends.

mod framing;
mod framing_model;
