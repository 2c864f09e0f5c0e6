//! Which host does a request ask for?

use std::net::Ipv6Addr;

/// The host in what `Host` or a target says, without its port (RFC 9110, 7.2); an IPv6 address keeps its brackets. `None`:
/// it is no host, or one that readers cut up differently, such as one behind the name of a user (RFC 3986, 3.2).
pub fn without_port(written: &str) -> Option<&str> {
    let len = match written.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => written.find(':').unwrap_or(written.len()),
    };
    let (host, rest) = written.split_at(len);
    let is_port = |port: &str| port.is_empty() || is_number(port) && port.parse::<u16>().is_ok();
    if !(rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port)) {
        return None;
    }
    let is_right = match host.strip_prefix('[') {
        Some(address) => address[..address.len() - 1].parse::<Ipv6Addr>().is_ok(),
        None => host.bytes().all(is_of_hosts),
    };
    is_right.then(|| host.strip_suffix('.').unwrap_or(host))
}

/// Without a sign.
fn is_number(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_digit())
}

fn is_of_hosts(octet: u8) -> bool {
    octet.is_ascii_graphic() && !b"/@?#\\[]".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_port_behind_it_or_nothing() {
        for (written, expected) in [
            ("www.example.com", Some("www.example.com")),
            ("www.example.com.:8080", Some("www.example.com")),
            ("www.example.com:", Some("www.example.com")),
            ("192.0.2.1:80", Some("192.0.2.1")),
            ("[2001:db8::1]", Some("[2001:db8::1]")),
            ("[2001:db8::1]:8080", Some("[2001:db8::1]")),
            ("", Some("")),
            ("a.example:65536", None),
            ("a.example:+80", None),
            ("a.example:80:80", None),
            ("a.example:80@b.example", None),
            ("user@a.example", None),
            ("a b", None),
            ("a/b", None),
            ("a]", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]b", None),
            ("[a.example]", None),
            ("[]", None),
        ] {
            assert_eq!(without_port(written), expected, "{written}");
        }
    }
}
