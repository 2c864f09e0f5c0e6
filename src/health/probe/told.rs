//! What the answer to a probe says of the load.

use hyper::header::HeaderMap;
use serde_json::Value;

use super::deadline::Deadline;
use super::session::Answer;
use crate::config::LoadFrom;

/// A load as it is written there, such as `0.85` or `85%`; or why there is none, in words.
pub type Told = Result<String, String>;

/// Octets of a load.
const TEXT_MAX: usize = 32;

/// Reads it; `body` is what was read of the body before. Of the body, no more than `limit` octets are read.
pub(super) async fn read(
    from: &LoadFrom,
    answer: &mut Answer,
    mut body: Vec<u8>,
    limit: usize,
    deadline: &Deadline,
) -> Told {
    let pointer = match from {
        LoadFrom::Header(name) => return header(answer.head.headers(), name),
        LoadFrom::Json(pointer) => pointer,
    };
    while let Some(piece) = answer.piece(deadline).await.map_err(|e| e.to_string())? {
        if body.len() + piece.len() > limit {
            return Err(format!("the body is longer than {limit} octets"));
        }
        body.extend_from_slice(&piece);
    }
    field(&body, pointer)
}

fn header(headers: &HeaderMap, name: &str) -> Told {
    let value = headers.get(name);
    let value = value.ok_or_else(|| format!("the answer has no header {name}"))?;
    let text = value.to_str().ok().filter(|text| text.len() <= TEXT_MAX);
    let text = text.ok_or_else(|| format!("the header {name} is no number"))?;
    Ok(text.trim().to_owned())
}

fn field(body: &[u8], pointer: &str) -> Told {
    // It refuses what nests deeply, so that no body can exhaust the stack.
    let body: Value = serde_json::from_slice(body).map_err(|e| format!("the body: {e}"))?;
    match body.pointer(pointer) {
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::String(text)) if text.len() <= TEXT_MAX => Ok(text.trim().to_owned()),
        Some(_) => Err(format!("{pointer} in the body is no number")),
        None => Err(format!("the body has no {pointer}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_number_or_a_short_text() {
        let body = br#"{"web":{"load/cpu":0.5,"text":" 85% ","list":[1,2],"long":"0000000000000000000000000000000000"}}"#;
        for (pointer, told) in [
            ("/web/load~1cpu", Ok("0.5")),
            ("/web/text", Ok("85%")),
            ("/web/list/1", Ok("2")),
            ("/web/list", Err("/web/list in the body is no number")),
            ("/web/long", Err("/web/long in the body is no number")),
            ("/load", Err("the body has no /load")),
        ] {
            let found = field(body, pointer);
            let found = found.as_deref().map_err(|why| &**why);
            assert_eq!(found, told);
        }
        assert!(field(b"load=1", "/load").is_err());
        assert!(field("[".repeat(100_000).as_bytes(), "/load").is_err());
    }
}
