//! A copy of an SQLite database in one file, made while others read and write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{RunQueryDsl, sql_query};
use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, renameat_with};

use super::connection::Conn;
use super::{SchemaState, Store, StoreError, sqlite_file};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::safe_text::one_line;

/// A completed backup.
#[derive(Clone, Copy, Debug)]
pub struct Backup {
    /// Its size.
    pub bytes: u64,
}

impl Store {
    /// Copies the database to a new file, which only its owner may read: a consistent snapshot, even while others
    /// write. The file appears complete and checked, or not at all.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the file exists, when there is no database, or for PostgreSQL, which has its own
    /// tool.
    pub fn backup(&self, to: &Path) -> Result<Backup, StoreError> {
        let path = match self.url() {
            DatabaseUrl::Sqlite(path) => path,
            DatabaseUrl::Postgres(_) => {
                return Err(StoreError::Unusable(format!(
                    "jeton copies SQLite databases; PostgreSQL has a tool of its own: \
                     pg_dump --format=custom --file={} \"$DATABASE_URL\"",
                    to.display()
                )));
            }
        };
        // The schema may be of another jeton version: backups are made before migrations.
        if let Some(refusal) = self.schema_state()?.refusal_to_copy(self.url()) {
            return Err(refusal);
        }
        sqlite_file::require_writable(path)?;
        require_other_name(path, to)?;
        if fs::symlink_metadata(to).is_ok() {
            return Err(already_exists(to));
        }
        // Written under another name first. A file of that other name is never a complete backup.
        let draft = Draft::make(to)?;
        self.on_writer(|conn| {
            let copied = copy(conn, &draft.file.path, self.options.timeout);
            copied.map_err(|error| match error {
                // The database is only read.
                StoreError::Disk(words) => StoreError::Unusable(format!(
                    "cannot write {}: {words}; its disk is full or fails",
                    draft.file.path.display()
                )),
                other => other,
            })
        })?;
        let bytes = draft.file.metadata()?.len();
        draft.file.rename_to_new(to)?;
        Ok(Backup { bytes })
    }
}

/// Refuses a backup name that another file beside the database has, or that the next backup or restore would remove.
fn require_other_name(database: &Path, to: &Path) -> Result<(), StoreError> {
    let refused = |why: &str| {
        let words = format!("{} is a name {why}; give the backup another", to.display());
        Err(StoreError::Unusable(words))
    };
    let parts = ["-wal", "-shm", "-journal"].map(|suffix| sqlite_file::beside(database, suffix));
    if parts.iter().any(|part| same_place(part, to)) {
        return refused("of the database's own files: SQLite would take it for a part of the database");
    }
    if same_place(&sqlite_file::beside(database, ".key"), to) {
        return refused("of the file of the secret key");
    }
    if same_place(&sqlite_file::beside(database, ".restoring"), to) {
        return refused("of an unfinished restore, which the next restore removes");
    }
    if to.as_os_str().as_encoded_bytes().ends_with(PARTIAL.as_bytes()) {
        return refused("of an unfinished backup, which the next backup may remove");
    }
    Ok(())
}

/// The suffix of an unfinished backup.
const PARTIAL: &str = ".partial";

/// Whether two paths are the same name in the same folder, after links are resolved.
pub(super) fn same_place(one: &Path, other: &Path) -> bool {
    let name =
        |path: &Path| Some((sqlite_file::without_links(sqlite_file::folder_of(path)), path.file_name()?.to_owned()));
    name(one) == name(other)
}

/// An unfinished backup, beside the final file. One that a killed process left is removed.
struct Draft {
    file: NewFile,
    /// Locked while it is written. Not with a lock of SQLite's kind, because that ends when this process closes any
    /// handle of the file.
    _lock: Option<File>,
}

impl Draft {
    fn make(to: &Path) -> Result<Self, StoreError> {
        let path = sqlite_file::beside(to, PARTIAL);
        // The lock on the left-over file is held until the new file has its name.
        let _left = match OpenOptions::new().read(true).custom_flags(NO_LINK).open(&path) {
            Ok(left) => {
                let is_free = flock(&left, FlockOperation::NonBlockingLockExclusive).is_ok();
                let is_same =
                    left.metadata().is_ok_and(|left| sqlite_file::identity(&path) == Some((left.dev(), left.ino())));
                if !is_free || !is_same {
                    return Err(StoreError::Unusable(format!(
                        "another backup to {} is running, with the file {}",
                        to.display(),
                        path.display()
                    )));
                }
                fs::remove_file(&path).map_err(|error| cannot("remove", &path, &error))?;
                Some(left)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(cannot("read", &path, &error)),
        };
        let file = NewFile::make(&path)?;
        let lock = File::open(&path).map_err(|error| cannot("read", &path, &error))?;
        // On a file system without such locks, two backups at once are not prevented.
        let is_locked = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
        Ok(Self { file, _lock: is_locked.then_some(lock) })
    }
}

/// Links are not followed, and a pipe is not waited for.
const NO_LINK: i32 = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits().cast_signed();

fn already_exists(path: &Path) -> StoreError {
    StoreError::Unusable(format!("{} already exists, and was not changed", path.display()))
}

/// Copies what a connection sees into an empty file, and checks the copy.
pub(super) fn copy(from: &mut Conn, to: &Path, timeout: Duration) -> Result<SchemaState, StoreError> {
    check_integrity(from, "the database")?;
    let text = to.to_str().ok_or_else(|| StoreError::Unusable("the path of the copy is not UTF-8".into()))?;
    from.batch_execute(&format!("vacuum into '{}'", text.replace('\'', "''")))?;
    let mut copy = sqlite_file::open_to_read(to, false, timeout)?;
    check_integrity(&mut copy, "the copy")?;
    super::schema_inspection::state(&mut copy)
}

/// Fails if SQLite finds damage.
fn check_integrity(conn: &mut Conn, what: &str) -> Result<(), StoreError> {
    #[derive(diesel::QueryableByName)]
    struct IntegrityCheck {
        #[diesel(sql_type = Text)]
        integrity_check: String,
    }
    let found = sql_query("pragma integrity_check(1)").get_result::<IntegrityCheck>(conn)?.integrity_check;
    if found == "ok" { Ok(()) } else { Err(StoreError::Unusable(format!("{what} is damaged: {}", one_line(&found)))) }
}

/// A new file that is removed again unless it is completed.
pub(super) struct NewFile {
    pub(super) path: PathBuf,
    is_completed: bool,
}

impl NewFile {
    /// Creates an empty file that only its owner may access.
    pub(super) fn make(path: &Path) -> Result<Self, StoreError> {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(_) => Ok(Self { path: path.to_owned(), is_completed: false }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(already_exists(path)),
            Err(error) => Err(cannot("create", path, &error)),
        }
    }

    pub(super) fn metadata(&self) -> Result<fs::Metadata, StoreError> {
        fs::metadata(&self.path).map_err(|error| cannot("read", &self.path, &error))
    }

    /// Takes the name `to`, which must be free, and syncs it to the disk.
    fn rename_to_new(mut self, to: &Path) -> Result<(), StoreError> {
        let failed = |error: io::Error| cannot("write", to, &error);
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(failed)?;
        match renameat_with(CWD, &self.path, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
            Ok(()) => to.clone_into(&mut self.path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(already_exists(to)),
            // On a file system that cannot do this, an empty file reserves the name first.
            Err(_) => {
                let mut reserved = Self::make(to)?;
                self.rename(to)?;
                reserved.is_completed = true;
                return Ok(());
            }
        }
        File::open(sqlite_file::folder_of(to)).and_then(|folder| folder.sync_all()).map_err(failed)?;
        self.is_completed = true;
        Ok(())
    }

    /// Takes the name `to`, replaces the file that has it, and syncs that to the disk.
    pub(super) fn rename(mut self, to: &Path) -> Result<(), StoreError> {
        let done = || -> io::Result<()> {
            File::open(&self.path)?.sync_all()?;
            fs::rename(&self.path, to)?;
            File::open(sqlite_file::folder_of(to))?.sync_all()
        };
        done().map_err(|error| cannot("write", to, &error))?;
        self.is_completed = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_completed
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!("cannot remove {}, which is not a backup: {error}", self.path.display());
        }
    }
}

pub(super) fn cannot(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unusable(format!("cannot {what} {}: {error}", path.display()))
}
