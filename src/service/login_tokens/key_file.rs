//! The secret key that is created for an SQLite database: in a file beside it that only its owner can read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::domain::random;
use crate::domain::secret_key::SecretKey;

/// The path of the key file for the database at `database`.
#[must_use]
pub fn path_beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".key");
    path.into()
}

/// The key in the file, if there is one.
///
/// # Errors
/// When it cannot be read or holds no key.
pub fn read(path: &Path) -> io::Result<Option<SecretKey>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            SecretKey::parse(&text).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a key file, unless another process was first. Returns the key in the file.
///
/// # Errors
/// When the file cannot be written.
pub fn make(path: &Path) -> io::Result<SecretKey> {
    // The file appears with all of its content or not at all: it is written under another name, and then linked.
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", hex::encode(random::bytes::<8>())));
    let draft = PathBuf::from(draft);
    let key = SecretKey::generate();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked =
        writeln!(file, "{}", key.to_hex()).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        }
        Err(error) => Err(error),
    }
}
