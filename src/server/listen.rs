//! Where a server listens: an address, or a Unix socket.

use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Connections that may wait to be accepted. The standard library's 128 are too few when many come at once.
const BACKLOG: i32 = 1024;

/// Listens on every address that the text resolves to.
///
/// # Errors
/// When it can listen on none of them.
pub fn listen(address: &str) -> io::Result<Vec<TcpListener>> {
    let (mut listeners, mut failed) = (Vec::new(), None);
    for address in address.to_socket_addrs()? {
        match TcpListener::bind(address) {
            Ok(listener) => listeners.push(with_backlog(listener)?),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

/// Listens on a Unix socket. Replaces a stale socket that nobody listens on.
///
/// # Errors
/// When something else is at its path, or no socket can be created there.
pub fn listen_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    // Not actix's `bind_uds`: it removes whatever stands at the path.
    remove_stale_socket(path)?;
    let listener = UnixListener::bind(path)?;
    let file = SocketFile { path: path.to_owned(), id: id_of(path)?, is_removed: AtomicBool::new(false) };
    Ok((with_backlog(listener)?, file))
}

/// The file of a Unix socket that this process has created. It is removed at a stop, so that whoever connects afterwards
/// sees at once that nobody listens there.
pub struct SocketFile {
    path: PathBuf,
    /// Its device and its inode.
    id: (u64, u64),
    is_removed: AtomicBool,
}

impl SocketFile {
    /// Removes the file, unless another one stands at its path now. To be called while the process still listens: later
    /// another process may replace the file, and the new one may even get the same inode.
    pub fn remove(&self) {
        if self.is_removed.swap(true, Ordering::AcqRel) || !id_of(&self.path).is_ok_and(|id| id == self.id) {
            return;
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            log::warn!("cannot remove the socket {}: {error}", self.path.display());
        }
    }
}

/// After a start that fails there is no stop.
impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    let file = std::fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

fn with_backlog<L: AsFd>(listener: L) -> io::Result<L> {
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// Removes a socket that a killed process left behind. One that somebody listens on stays, and binding to it fails.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    match UnixStream::connect(path) {
        Err(error) if is_socket && error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Ok(()),
    }
}
