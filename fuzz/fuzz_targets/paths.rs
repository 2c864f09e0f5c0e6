//! Any target and cookies of a client: a path in its normal form stays so, has nothing that is read in two ways, and never
//! leads above the root; cookies are found without a panic.
#![no_main]

use hyper::header::{COOKIE, HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use meridian::model::routing::{cookie_values, path};

fuzz_target!(|octets: &[u8]| {
    if let Ok(text) = std::str::from_utf8(octets)
        && let Ok(normal) = path::normalise(text)
    {
        assert_eq!(path::normalise(&normal).as_deref(), Ok(&*normal));
        assert!(normal.starts_with('/') && normal.is_ascii());
        assert!(!normal.contains("//") && !normal.contains('\\'));
        let decoded = normal.replace("%2F", "/").replace("%5C", "/");
        let mut segments = decoded.split('/').map(|segment| segment.split(';').next());
        assert!(
            !segments.any(|name| matches!(name, Some("." | ".."))),
            "{normal}"
        );
    }
    if let Ok(line) = HeaderValue::from_bytes(octets) {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, line);
        for value in cookie_values(&headers, "a") {
            assert!(!value.contains(&b';'));
        }
    }
});
