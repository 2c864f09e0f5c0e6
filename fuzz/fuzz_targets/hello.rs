//! Any octets that a connection begins with: the header of the PROXY protocol, and the first message of a TLS client. What
//! is read is the same however much stands behind it, and what says that more is needed needs it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meridian::forwarder::tcp::hello::{self, Progress};
use meridian::proxy_protocol;

fuzz_target!(|octets: &[u8]| {
    if let Ok(Some(header)) = proxy_protocol::read(octets) {
        assert!(header.len <= octets.len().min(proxy_protocol::LEN_MAX));
        assert_eq!(
            proxy_protocol::read(&octets[..header.len]),
            Ok(Some(header))
        );
        assert_eq!(proxy_protocol::read(&octets[..header.len - 1]), Ok(None));
    }
    match hello::read(octets) {
        Ok(Progress::Needs(needs)) => assert!(needs > octets.len()),
        Ok(Progress::Whole(name)) => {
            let name = name.unwrap_or_default();
            assert!(name.len() < 254 && name.bytes().all(|b| b.is_ascii_graphic()));
            let longer = [octets, b"more"].concat();
            assert_eq!(hello::read(&longer), hello::read(octets));
        }
        Err(hello::NoHello) => {}
    }
});
