//! Files with secrets that the operator keeps, and to which others have access. They are not jeton's to change.

use std::os::unix::fs::MetadataExt;

/// What to say of a file that others may write, or that is this process's own and others may read. One of another owner
/// is read as its owner means it to be: secrets of containers are files of root's that everybody in them reads.
pub fn fault(path: &str) -> Option<String> {
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let mode = metadata.mode() & 0o777;
    let is_own = metadata.uid() == rustix::process::geteuid().as_raw();
    let what = match (mode & 0o002 != 0, mode & 0o004 != 0 && is_own) {
        (true, _) => "write",
        (_, true) => "read",
        _ => return None,
    };
    Some(format!("all users of this machine may {what} {path} (mode {mode:04o}); run chmod o= on it"))
}
