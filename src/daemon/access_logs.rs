//! The threads that write access logs: one for each.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::state::forwarding::{Log, Target};

/// How often writers look for lines when nobody wakes them.
const LOOK: Duration = Duration::from_millis(50);
/// Octets that are gathered before they are written.
const GATHERED: usize = 64 << 10;

#[derive(Default)]
pub struct AccessLogs(Vec<Writer>);

struct Writer {
    log: Arc<Log>,
    /// Whether the file is to be opened again, since the one of that name may be another by now.
    reopen: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl AccessLogs {
    /// Writes these, and no others; the others' last lines are written yet.
    pub fn adopt(&mut self, logs: &[Arc<Log>]) {
        self.0.retain(|writer| {
            let stays = logs.iter().any(|log| Arc::ptr_eq(log, &writer.log));
            if !stays {
                writer.log.end();
            }
            stays
        });
        for log in logs {
            if self.0.iter().any(|writer| Arc::ptr_eq(log, &writer.log)) {
                continue;
            }
            let reopen = Arc::new(AtomicBool::new(true));
            let (log_too, reopen_too) = (Arc::clone(log), Arc::clone(&reopen));
            let thread = thread::Builder::new().name("access-log".to_owned());
            match thread.spawn(move || write_all(&log_too, &reopen_too)) {
                Ok(thread) => {
                    log.written_by(thread.thread().clone());
                    self.0.push(Writer {
                        log: Arc::clone(log),
                        reopen,
                        thread,
                    });
                }
                Err(error) => tracing::error!("no thread for an access log: {error}"),
            }
        }
    }

    /// Opens files again by their names (logrotate).
    pub fn reopen(&self) {
        for writer in &self.0 {
            writer.reopen.store(true, Relaxed);
            writer.thread.thread().unpark();
        }
    }

    /// Writes what waits, and ends.
    pub fn stop(self) {
        self.0.iter().for_each(|writer| writer.log.end());
        for writer in self.0 {
            // Of a panic, the log says all.
            let _ = writer.thread.join();
        }
    }
}

fn write_all(log: &Log, reopen: &AtomicBool) {
    let mut out: Option<Box<dyn Write>> = None;
    let (mut is_told, mut is_torn) = (false, false);
    let mut gathered = Vec::with_capacity(GATHERED);
    loop {
        // Before lines are taken: whoever ends it has pushed them all.
        let is_over = log.is_over();
        if reopen.swap(false, Relaxed) {
            out = None;
        }
        let mut lines = 0;
        while gathered.len() < GATHERED
            && let Some(line) = log.pop()
        {
            gathered.extend(line);
            lines += 1;
        }
        if lines == 0 {
            if is_over {
                return;
            }
            thread::park_timeout(LOOK);
            continue;
        }
        let opened = out.take().map_or_else(|| open(&log.target), Ok);
        let written = opened.and_then(|mut file| {
            put(&mut file, &gathered, &mut is_torn)?;
            Ok(file)
        });
        gathered.clear();
        match written {
            Ok(file) => {
                log.count_written(lines);
                out = Some(file);
                is_told = false;
            }
            Err(error) => {
                log.count_dropped(lines);
                if !std::mem::replace(&mut is_told, true) {
                    tracing::error!("access log {}: {error}; lines are lost", name(&log.target));
                }
                // Whatever it is, it will be there for a while.
                thread::park_timeout(20 * LOOK);
            }
        }
    }
}

/// `is_torn`: whether the last line that was written may have no end.
fn put(file: &mut dyn Write, lines: &[u8], is_torn: &mut bool) -> io::Result<()> {
    if *is_torn {
        file.write_all(b"\n")?;
    }
    *is_torn = true;
    file.write_all(lines)?;
    file.flush()?;
    *is_torn = false;
    Ok(())
}

fn open(target: &Target) -> io::Result<Box<dyn Write>> {
    Ok(match target {
        Target::Stdout => Box::new(io::stdout()),
        Target::File(path) => Box::new(append(path)?),
    })
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn name(target: &Target) -> String {
    match target {
        Target::Stdout => "standard output".to_owned(),
        Target::File(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as many octets as there is room for.
    struct Disk {
        room: usize,
        file: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let len = octets.len().min(self.room);
            if len == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= len;
            self.file.extend_from_slice(&octets[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_written_after_a_full_disk_begins_a_line() {
        let mut disk = Disk {
            room: 8,
            file: Vec::new(),
        };
        let mut is_torn = false;
        assert!(put(&mut disk, b"first\nsecond\n", &mut is_torn).is_err());
        assert!(put(&mut disk, b"third\n", &mut is_torn).is_err());
        disk.room = 100;
        put(&mut disk, b"fourth\n", &mut is_torn).unwrap();
        put(&mut disk, b"fifth\n", &mut is_torn).unwrap();
        assert_eq!(disk.file, b"first\nse\nfourth\nfifth\n");
    }
}
