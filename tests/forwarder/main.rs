//! The forwarder, asked by scripted clients and answered by scripted backends.

mod balance;
mod framing;
mod framing_model;
mod limits;
mod outliers;
mod pages;
mod retries;
mod rig;
mod sticky;
