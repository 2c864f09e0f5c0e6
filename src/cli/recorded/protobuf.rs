//! Fields of Protocol Buffers messages (<https://protobuf.dev/programming-guides/encoding/>), as far as
//! dnstap needs them.

/// A field's number and value.
pub type Field<'a> = (u64, Value<'a>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Number(u64),
    Octets(&'a [u8]),
}

/// Each field of `message` in turn; an error where it is none.
pub fn fields(mut message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, String>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let field = field(&mut message);
        if field.is_none() {
            message = &[];
        }
        Some(field.ok_or_else(|| "a message that is no Protocol Buffers message".to_owned()))
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<Field<'a>> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Value::Number(varint(rest)?),
        1 => Value::Octets(take(rest, 8)?),
        2 => {
            let len = varint(rest)?;
            Value::Octets(take(rest, len)?)
        }
        5 => Value::Octets(take(rest, 4)?),
        _ => return None,
    };
    Some((key >> 3, value))
}

fn take<'a>(rest: &mut &'a [u8], len: u64) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len.try_into().ok()?)?;
    *rest = after;
    Some(taken)
}

/// Seven bits an octet, the lowest first; bits past 64 are lost.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for index in 0..10 {
        let (&octet, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(octet & 0x7f).checked_shl(7 * index).unwrap_or(0);
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_out_as_they_went_in() {
        // 1: 150; 2: "ab"; 3: eight octets; 4: four octets.
        let message = b"\x08\x96\x01\x12\x02ab\x19aaaabbbb\x25cccc";
        let read: Result<Vec<_>, _> = fields(message).collect();
        let expected = [
            (1, Value::Number(150)),
            (2, Value::Octets(b"ab")),
            (3, Value::Octets(b"aaaabbbb")),
            (4, Value::Octets(b"cccc")),
        ];
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn what_is_cut_short_is_an_error_and_the_end() {
        let message = b"\x08\x96\x01\x12\x02ab";
        for len in 1..message.len() {
            let read: Vec<_> = fields(&message[..len]).collect();
            let is_whole = len == 3;
            assert_eq!(read.last().unwrap().is_ok(), is_whole, "{len}");
        }
        for wrong in [
            &b"\x0b"[..],
            &[0xff; 12],
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        ] {
            assert!(fields(wrong).next().unwrap().is_err(), "{wrong:?}");
        }
    }
}
