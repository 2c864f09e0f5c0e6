//! Ports that are taken, and by whom.

use std::fs;
use std::io;
use std::net::SocketAddr;

use crate::config::diagnostic;
use crate::daemon::StartError;

/// A clear word about an address that could not be taken, with the option that helps.
pub fn in_use(
    who: &str,
    transport: &str,
    address: SocketAddr,
    error: &io::Error,
    option: &str,
) -> String {
    if error.kind() != io::ErrorKind::AddrInUse {
        return format!("{who} cannot listen on {address} ({transport}): {error}");
    }
    let holder = holder(address.port()).map_or_else(String::new, |holder| format!(" by {holder}"));
    format!(
        "{who} cannot listen on {address} ({transport}): the port is in use{holder}; \
         {option} PORT takes another, {option} 0 any free one"
    )
}

/// The same for what the daemon says.
pub fn explain(error: &StartError) -> String {
    match error {
        StartError::Config(diagnostics) => {
            let mut text = Vec::new();
            let _ = diagnostic::render(diagnostics, &mut text);
            format!(
                "the demo's own configuration was refused:\n{}",
                String::from_utf8_lossy(&text)
            )
        }
        StartError::Bind(e) => in_use("Meridian", e.transport, e.address, &e.source, "--port"),
        StartError::System(message) => message.clone(),
    }
}

/// The process that has a socket on a local port, where it can be told (usually only for one's own).
fn holder(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["tcp", "tcp6", "udp", "udp6"]
        .iter()
        .flat_map(|table| inodes(table, port))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .find_map(|entry| {
            let descriptors = fs::read_dir(entry.path().join("fd")).ok()?;
            let has_it = descriptors.flatten().any(|descriptor| {
                let link = fs::read_link(descriptor.path()).unwrap_or_default();
                inodes
                    .iter()
                    .any(|inode| link.as_os_str().to_string_lossy() == format!("socket:[{inode}]"))
            });
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            has_it.then(|| {
                format!(
                    "{} (process {})",
                    name.trim(),
                    entry.file_name().to_string_lossy()
                )
            })
        })
}

/// Inodes of the sockets on a local port, out of a table of /proc/net: the second column is the
/// local address and port in hexadecimal, the tenth the inode; listening TCP is state 0A.
fn inodes(table: &str, port: u16) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
    let suffix = format!(":{port:04X}");
    text.lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.len() > 9 && columns[1].ends_with(&suffix))
        .filter(|columns| table.starts_with("udp") || columns[3] == "0A")
        .map(|columns| columns[9].to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let found = holder(address.port()).unwrap();
        assert!(
            found.ends_with(&format!("(process {})", std::process::id())),
            "{found}"
        );
        let error = io::Error::from(io::ErrorKind::AddrInUse);
        let words = in_use("Meridian", "TCP", address, &error, "--port");
        assert!(
            words.contains("--port 0") && words.contains("in use by"),
            "{words}"
        );
    }
}
