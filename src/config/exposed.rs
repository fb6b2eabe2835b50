//! Warns of the operator's secret files that other users can access. jeton does not change their mode.

use std::os::unix::fs::MetadataExt;

/// A warning if others can write the file, or can read it and this process owns it. A readable file of another owner is
/// meant to be readable: secrets of containers are files of root that everybody in the container can read.
pub fn warning(path: &str) -> Option<String> {
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
