//! The permissions of jeton's files.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::StoreError;

/// The permission bits of all other users.
pub const EVERYBODY: u32 = 0o007;

/// The permission bits of everybody but the owner.
pub const ALL_BUT_OWNER: u32 = 0o077;

/// Removes permission bits from a file, and logs that. A file that does not exist is no fault.
///
/// # Errors
/// [`StoreError::Unusable`] when the mode cannot be changed.
pub fn restrict_file_mode(path: &Path, bits: u32) -> Result<(), StoreError> {
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
        // The file was removed meanwhile, as SQLite removes its log.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::Unusable(format!(
            "{}: {whose} have access to it, by mode {mode:04o}, and jeton cannot change that: {error}; \
             its owner must run {advice} on it",
            path.display()
        ))),
    }
}
