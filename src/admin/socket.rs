//! Where the admin socket is, who may open it, and which servers are running.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// A bound admin socket; removes its file when dropped.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    /// The entry in the user's list of running servers.
    entry: Option<PathBuf>,
}

impl Socket {
    /// Binds `state_dir/admin.sock`, for the owner only, and enters it in the list of running
    /// servers.
    ///
    /// # Errors
    /// When another server is listening there, or the folder cannot be written.
    pub fn bind(state_dir: &Path) -> io::Result<(Socket, UnixListener)> {
        let path = Self::path_in(state_dir);
        if UnixStream::connect(&path).is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another server is using this state_dir",
            ));
        }
        // Bound in a folder that nobody else can enter and then moved, so that there is no moment at
        // which others could connect.
        let private = state_dir.join(format!(".admin-{}", std::process::id()));
        let _ = fs::remove_dir_all(&private);
        DirBuilder::new().mode(0o700).create(&private)?;
        let bound = bind_private(&private.join("s"), &path);
        let _ = fs::remove_dir_all(&private);
        let listener = bound?;
        let entry = enter(&path).ok();
        Ok((Socket { path, entry }, listener))
    }

    /// Where the socket of a server with this state folder is.
    pub fn path_in(state_dir: &Path) -> PathBuf {
        state_dir.join("admin.sock")
    }
}

fn bind_private(private: &Path, path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(private)?;
    fs::set_permissions(private, Permissions::from_mode(0o600))?;
    fs::rename(private, path)?;
    Ok(listener)
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        if let Some(entry) = &self.entry {
            let _ = fs::remove_file(entry);
        }
    }
}

/// The admin sockets of this user's running servers.
pub fn running() -> Vec<PathBuf> {
    let Ok(entries) = list_dir().and_then(fs::read_dir) else {
        return Vec::new();
    };
    let mut sockets = Vec::new();
    for entry in entries.flatten() {
        match fs::read_link(entry.path()) {
            Ok(socket) if UnixStream::connect(&socket).is_ok() => sockets.push(socket),
            // Its server died without a word.
            _ => drop(fs::remove_file(entry.path())),
        }
    }
    sockets.sort();
    // A server that was killed leaves its link, and its successor may use the same socket.
    sockets.dedup();
    sockets
}

fn enter(socket: &Path) -> io::Result<PathBuf> {
    let entry = list_dir()?.join(std::process::id().to_string());
    let _ = fs::remove_file(&entry);
    std::os::unix::fs::symlink(fs::canonicalize(socket)?, &entry)?;
    Ok(entry)
}

/// A folder of links to the sockets of this user's servers, which nobody else can write.
fn list_dir() -> io::Result<PathBuf> {
    let user = fs::metadata("/proc/self")?.uid();
    let dir = match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) => PathBuf::from(dir).join("meridian"),
        None => std::env::temp_dir().join(format!("meridian-{user}")),
    };
    match DirBuilder::new().mode(0o700).create(&dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    let found = fs::symlink_metadata(&dir)?;
    if found.is_dir() && found.uid() == user && found.mode() & 0o077 == 0 {
        Ok(dir)
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} is not ours alone", dir.display()),
        ))
    }
}
