//! dnstap files (<https://dnstap.info>): Frame Streams of Protocol Buffers messages.

use std::io::Read;
use std::net::IpAddr;

use super::Sink;
use super::octets::Octets;
use super::protobuf::{Value, fields};
use crate::dns::HEADER_LEN;

/// Octets of a frame: one message of DNS, at most 64 KiB, or two, and what is said of them.
const FRAME_MAX: usize = 1 << 20;
/// Of a control frame, as fstrm has it.
const CONTROL_MAX: usize = 512;

const START: u32 = 2;
const STOP: u32 = 3;
const FINISH: u32 = 5;
/// The field of a control frame that says what frames hold.
const CONTENT_TYPE: u32 = 1;
const DNSTAP: &[u8] = b"protobuf:dnstap.Dnstap";

/// Fields of `dnstap.Dnstap`.
const MESSAGE: u64 = 14;
/// Fields of `dnstap.Message`.
const TYPE: u64 = 1;
const QUERY_ADDRESS: u64 = 4;
const QUERY_MESSAGE: u64 = 10;
/// Values of the type: what a nameserver, or a resolver, was asked.
const AUTH_QUERY: u64 = 1;
const CLIENT_QUERY: u64 = 5;

pub fn read<R: Read>(octets: &mut Octets<R>, sink: &mut Sink<'_>) -> Result<(), String> {
    while let Some(len) = octets.next()? {
        match u32::from_be_bytes(len) as usize {
            // An escape: a control frame follows.
            0 => {
                let len = u32::from_be_bytes(octets.array()?) as usize;
                if !(4..=CONTROL_MAX).contains(&len) {
                    return Err(format!(
                        "a control frame of {len} octets; expected 4 to {CONTROL_MAX} (is this dnstap?)"
                    ));
                }
                match read_control(octets.take(len)?)? {
                    STOP | FINISH => return Ok(()),
                    _ => {}
                }
            }
            len if len <= FRAME_MAX => {
                let frame = octets.take(len)?;
                read_frame(frame, sink)?;
            }
            len => {
                return Err(format!(
                    "a frame of {len} octets; at most {FRAME_MAX} were expected"
                ));
            }
        }
    }
    // A writer that was killed says no last word.
    Ok(())
}

/// The type of a control frame, once its content type has been found right.
fn read_control(frame: &[u8]) -> Result<u32, String> {
    let number = |octets: &[u8]| octets.first_chunk().map(|four| u32::from_be_bytes(*four));
    let kind = number(frame).unwrap_or_default();
    let mut rest = frame.get(4..).unwrap_or_default();
    while let (Some(field), Some(len)) = (number(rest), rest.get(4..).and_then(number)) {
        let value = rest.get(8..).and_then(|rest| rest.get(..len as usize));
        let value = value.ok_or("a control frame that ends in a field")?;
        if kind == START && field == CONTENT_TYPE && value != DNSTAP {
            let found = String::from_utf8_lossy(value).into_owned();
            return Err(format!(
                "a stream of `{found}`; expected `{}`",
                String::from_utf8_lossy(DNSTAP)
            ));
        }
        rest = &rest[8 + len as usize..];
    }
    Ok(kind)
}

fn read_frame(frame: &[u8], sink: &mut Sink<'_>) -> Result<(), String> {
    let mut message = None;
    for field in fields(frame) {
        if let (MESSAGE, Value::Octets(octets)) = field? {
            message = Some(octets);
        }
    }
    let (mut kind, mut address, mut query) = (0, None, None);
    for field in fields(message.unwrap_or_default()) {
        match field? {
            (TYPE, Value::Number(number)) => kind = number,
            (QUERY_ADDRESS, Value::Octets(octets)) => address = read_address(octets),
            (QUERY_MESSAGE, Value::Octets(octets)) => query = Some(octets),
            _ => {}
        }
    }
    match (kind, address, query) {
        (AUTH_QUERY | CLIENT_QUERY, Some(address), Some(query)) if query.len() >= HEADER_LEN => {
            sink.take(query, address)
        }
        (AUTH_QUERY | CLIENT_QUERY, ..) => {
            sink.skipped.partial += 1;
            Ok(())
        }
        _ => {
            sink.skipped.others += 1;
            Ok(())
        }
    }
}

fn read_address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(octets).map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(octets).map(IpAddr::from);
    v4().or_else(|_| v6()).ok()
}
