//! Every kind of probe against peers on loopback: real servers where the machine has them, and scripted ones
//! that fail, hang, lie and pour.

mod datagrams;
mod dns;
mod documented;
mod grpc;
mod hostile;
mod http;
mod outside;
mod peer;
mod tcp;
