//! The forwarder, asked by scripted clients and answered by scripted backends.

mod admission;
mod asking;
mod balance;
mod cache;
mod compression;
mod documented;
mod files;
mod framing;
mod framing_model;
mod harness;
mod headers;
mod http1;
mod http2;
mod limits;
mod lying;
mod outliers;
mod pages;
mod reload;
mod retries;
mod rig;
mod routes;
mod split;
mod sticky;
mod upgrade;
