//! The forwarder, asked by scripted clients and answered by scripted backends.

mod asking;
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
mod reload;
mod routes;
mod split;
mod upgrade;
