//! Whose CPU time it was: the server's, and others' on the same CPU.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

/// What is watched.
pub struct Watch {
    /// The server's processes.
    pub pids: Vec<i32>,
    /// A CPU, by its number.
    pub cpu: Option<usize>,
}

/// CPU time so far, or between two readings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// All threads of all the server's processes, user and system, to the nanosecond.
    pub server: Duration,
    /// The user's part of it, in ticks of 10 ms.
    pub server_user: Duration,
    /// Anybody's on the CPU that is watched, the hypervisor's included, in ticks.
    pub cpu_busy: Duration,
}

/// A tick of `/proc`: USER_HZ is 100 on every architecture that Linux still has.
const TICK_MS: u64 = 10;

impl Watch {
    /// # Errors
    /// In words, when a process is gone or there is no such CPU.
    pub fn read(&self) -> Result<Usage, String> {
        let mut usage = Usage::default();
        for &pid in &self.pids {
            let gone = || format!("there is no process {pid}");
            let clock = clock_getcpuclockid(Pid::from_raw(pid)).map_err(|_| gone())?;
            usage.server += cpu_time(clock)?;
            usage.server_user += user_time(pid).ok_or_else(gone)?;
        }
        if let Some(cpu) = self.cpu {
            usage.cpu_busy = busy_time(cpu).ok_or_else(|| format!("there is no CPU {cpu}"))?;
        }
        Ok(usage)
    }
}

impl Usage {
    pub fn since(self, before: Usage) -> Usage {
        Usage {
            server: self.server.saturating_sub(before.server),
            server_user: self.server_user.saturating_sub(before.server_user),
            cpu_busy: self.cpu_busy.saturating_sub(before.cpu_busy),
        }
    }
}

fn cpu_time(clock: ClockId) -> Result<Duration, String> {
    let time = clock
        .now()
        .map_err(|e| format!("a CPU clock cannot be read: {e}"))?;
    Ok(Duration::from_nanos(time.num_nanoseconds().unsigned_abs()))
}

/// `utime` of `/proc/PID/stat` (proc_pid_stat(5)).
fn user_time(pid: i32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // A command's name may hold anything, but its closing parenthesis is the last one.
    let (_, fields) = stat.rsplit_once(')')?;
    Some(ticks(fields.split_whitespace().nth(11)?.parse().ok()?))
}

/// All that a CPU did but for waiting (proc_stat(5)).
fn busy_time(cpu: usize) -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let label = format!("cpu{cpu}");
    let line = stat
        .lines()
        .find(|line| line.split(' ').next() == Some(&label))?;
    let columns = line.split_whitespace().skip(1).map(str::parse);
    let columns: Vec<u64> = columns.collect::<Result<_, _>>().ok()?;
    let [user, nice, system, _idle, _waiting, irq, softirq, steal, ..] = columns[..] else {
        return None;
    };
    Some(ticks(user + nice + system + irq + softirq + steal))
}

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count.saturating_mul(TICK_MS))
}

/// The processes that have the socket open which `target` leads to; empty when they are not this user's.
pub fn owners(target: SocketAddr, over_tcp: bool) -> Vec<i32> {
    let tables = match over_tcp {
        true => ["/proc/self/net/tcp", "/proc/self/net/tcp6"],
        false => ["/proc/self/net/udp", "/proc/self/net/udp6"],
    };
    let tables = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let links: Vec<_> = tables
        .iter()
        .flat_map(|table| inodes(table, target))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<i32> = processes
        .filter(|process| has_open(&process.path(), &links))
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

fn has_open(process: &Path, links: &[String]) -> bool {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten();
    descriptors
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .any(|link| links.iter().any(|wanted| link.as_os_str() == &**wanted))
}

/// Of the sockets in a table of the kernel's at whose end `target` is.
fn inodes(table: &str, target: SocketAddr) -> Vec<&str> {
    let takes = |line: &&str| {
        let local = line.split_whitespace().nth(1).and_then(parse_local);
        local.is_some_and(|local| {
            local.port() == target.port()
                && (local.ip() == target.ip() || local.ip().is_unspecified())
        })
    };
    let lines = table.lines().skip(1).filter(takes);
    lines
        .filter_map(|line| line.split_whitespace().nth(9))
        .collect()
}

/// `0100007F:14B4`: words in the machine's order of octets.
fn parse_local(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut octets = Vec::new();
    for word in address.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        octets.extend(word.to_ne_bytes());
    }
    let ip = match octets.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_socket_leads_to_its_process() {
        let this = std::process::id().cast_signed();
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            let socket = UdpSocket::bind(address).unwrap();
            let mut target = socket.local_addr().unwrap();
            if target.ip().is_unspecified() {
                target.set_ip([127, 0, 0, 9].into());
            }
            assert_eq!(owners(target, false), [this], "{target}");
            drop(socket);
            assert!(owners(target, false).is_empty());
        }
    }

    #[test]
    fn what_a_process_did_is_read() {
        let this = std::process::id().cast_signed();
        let watch = Watch {
            pids: vec![this],
            cpu: Some(0),
        };
        let before = watch.read().unwrap();
        let mut n = 0u64;
        let after = loop {
            n = (0..1_000_000u64).fold(n, |n, i| std::hint::black_box(n ^ i));
            let after = watch.read().unwrap();
            if after.server > before.server + Duration::from_millis(3 * TICK_MS) {
                break after;
            }
        };
        let used = after.since(before);
        assert!(used.server > Duration::from_millis(3 * TICK_MS));
        assert!(used.server_user <= used.server + Duration::from_millis(TICK_MS));
        assert!(after.cpu_busy > Duration::ZERO);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let watch = |pids, cpu| Watch { pids, cpu }.read().unwrap_err();
        assert_eq!(
            watch(vec![i32::MAX], None),
            "there is no process 2147483647"
        );
        assert_eq!(watch(vec![], Some(9999)), "there is no CPU 9999");
    }
}
