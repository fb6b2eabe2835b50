//! Who on this machine may touch a file of jeton's.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::StoreError;

/// What everybody may do.
pub const EVERYBODY: u32 = 0o007;

/// What everybody but its owner may do.
pub const ALL_BUT_OWNER: u32 = 0o077;

/// Takes from a file what `bits` of its mode allow, and says so in the log. A file that is not there is no fault.
///
/// # Errors
/// [`StoreError::Unusable`] when the mode cannot be changed.
pub fn close_file(path: &Path, bits: u32) -> Result<(), StoreError> {
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & bits == 0 {
        return Ok(());
    }
    let (whose, advice) = if bits == EVERYBODY { ("all users", "chmod o=") } else { ("other users", "chmod go=") };
    let closed = mode & !bits;
    match std::fs::set_permissions(path, Permissions::from_mode(closed)) {
        Ok(()) => {
            log::warn!(
                "{}: {whose} had access to it, by mode {mode:04o}; its mode is {closed:04o} now",
                path.display()
            );
            Ok(())
        }
        // It ended meanwhile, as a log of SQLite's does.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::Unusable(format!(
            "{}: {whose} have access to it, by mode {mode:04o}, and jeton cannot change that: {error}; \
             its owner must run {advice} on it",
            path.display()
        ))),
    }
}
