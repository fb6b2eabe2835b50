//! The file of an SQLite database before it is opened for writing: whether it exists, and who may access it. Its
//! content is read only through SQLite, because closing another handle of the file would drop the locks that other
//! connections of this process hold.

use std::fs::{Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::fs::{Access, access};

use super::connection::Conn;
use super::error::StoreError;
use super::mode::{EVERYBODY, restrict_file_mode};

/// The characters that are not escaped in the path of a URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// An SQLite URI of a path, whatever characters are in it.
pub fn uri(path: &str, parameters: &str) -> String {
    let start = if path.starts_with('/') { "file://" } else { "file:./" };
    format!("{start}{}?{parameters}", utf8_percent_encode(path, PATH))
}

/// Opens a file for reading, runs a query, and closes it.
pub fn query_file<T>(
    path: &Path,
    in_use: bool,
    timeout: Duration,
    question: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let text = text_of(path)?;
    question(&mut open_to_read(path, in_use, timeout)?).map_err(|error| match error {
        StoreError::Failed(words) if words.contains("not a database") => {
            StoreError::Unusable(format!("{text}: file is not a database; name a file of jeton's own in DATABASE_URL"))
        }
        StoreError::Failed(words) | StoreError::Unavailable(words) | StoreError::Disk(words) => {
            StoreError::Unavailable(format!("{text}: {words}"))
        }
        other => other,
    })
}

/// A connection for reading: with locks if others may be writing, otherwise as immutable, so that SQLite creates no
/// files.
pub fn open_to_read(path: &Path, in_use: bool, timeout: Duration) -> Result<Conn, StoreError> {
    let text = text_of(path)?;
    let parameters = if in_use { "mode=ro" } else { "mode=ro&immutable=1" };
    let unavailable = |error: &dyn std::fmt::Display| StoreError::Unavailable(format!("{text}: {error}"));
    let mut conn = SqliteConnection::establish(&uri(text, parameters)).map_err(|error| unavailable(&error))?;
    let settings = format!("pragma busy_timeout = {}", timeout.as_millis());
    conn.batch_execute(&settings).map_err(|error| unavailable(&error))?;
    Ok(Conn::Sqlite(conn))
}

fn text_of(path: &Path) -> Result<&str, StoreError> {
    path.to_str().ok_or_else(|| StoreError::Unusable("the database's path is not UTF-8".into()))
}

/// Creates an empty file that only its owner may access, whatever the umask. SQLite gives its other files the same
/// mode. An existing file is not changed.
pub fn make(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unusable(format!("cannot create {}: {error}", path.display()))),
    }
}

/// Checks that this process can write the file, and its log beside it. Must be called before SQLite opens the file,
/// because SQLite's message says less.
pub fn require_writable(path: &Path) -> Result<(), StoreError> {
    require_all(path, Access::READ_OK | Access::WRITE_OK)?;
    require(folder_of(path), Access::WRITE_OK | Access::EXEC_OK)
}

/// Checks the access to the file, and to SQLite's files beside it.
pub fn require_all(path: &Path, wanted: Access) -> Result<(), StoreError> {
    require(path, wanted)?;
    let mut others = ["-wal", "-shm"].iter().map(|suffix| beside(path, suffix)).filter(|file| file.exists());
    others.try_for_each(|file| require(&file, wanted))
}

pub fn require(path: &Path, wanted: Access) -> Result<(), StoreError> {
    access(path, wanted).map_err(|error| {
        let what = if wanted.contains(Access::WRITE_OK) { "write" } else { "read" };
        let uid = rustix::process::getuid().as_raw();
        let error = std::io::Error::from(error);
        StoreError::Unusable(format!(
            "cannot {what} {}: {error}; jeton runs with the user id {uid}, which must be able to {what} the database's \
             file and its folder",
            path.display()
        ))
    })
}

/// Removes the permissions of other users from the database's files. Those of the group stay.
pub fn restrict_files(path: &Path) -> Result<(), StoreError> {
    let mut files = ["", "-wal", "-shm", "-journal"].iter().map(|suffix| beside(path, suffix));
    files.try_for_each(|file| restrict_file_mode(&file, EVERYBODY))
}

/// Checks that the path can be that of a database, whether or not there is a file yet.
pub fn check_path(path: &Path) -> Result<(), StoreError> {
    let folder = folder_of(path);
    let fault = match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => None,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Some(format!("cannot read the folder {}: {error}", folder.display()))
        }
        _ => Some(format!("the folder {} does not exist; create it first", folder.display())),
    };
    let fault = fault.or_else(|| path.is_dir().then(|| format!("{} is a folder, not a file", path.display())));
    fault.map_or(Ok(()), |fault| Err(StoreError::Unusable(format!("DATABASE_URL: {fault}"))))
}

/// The path without links.
pub fn without_links(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Device and inode: they identify the file, whatever its name.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

pub fn metadata(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::Unusable(format!("cannot read {}: {error}", path.display()))),
    }
}

pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or_else(|| Path::new("."))
}

/// The path of a file that SQLite keeps beside the database; beside the file itself, if the path is a link.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = without_links(path).into_os_string();
    path.push(suffix);
    path.into()
}
