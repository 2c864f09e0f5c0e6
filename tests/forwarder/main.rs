//! The forwarder, asked by scripted clients and answered by scripted backends.

mod admission;
mod balance;
mod documented;
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
mod pki;
mod proxy_protocol;
mod reload;
mod retries;
mod rig;
mod sticky;
mod tcp;
mod tls;
mod upgrade;
