//! Replaces an SQLite database by a backup. Nobody may use the database meanwhile.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::prelude::*;
use rustix::fs::{FlockOperation, fcntl_lock};

use super::backup::{NewFile, cannot, copy, same_place};
use super::schema::meta;
use super::{MetaKey, SchemaState, Store, StoreError, sqlite_file, sqlite_log, sqlite_schema};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Timestamp;

/// The result of a restore.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Where the replaced database is now. Its log, if it had one, has the same name with `-wal`.
    pub kept: Option<PathBuf>,
    /// The backup was made by an older jeton. The next start migrates its schema.
    pub is_older: bool,
}

impl Store {
    /// Replaces the database by a copy of `backup`, and keeps the old one under another name. Nothing is changed before
    /// the backup was checked to be a complete database of jeton, and `check` has accepted the check value of its
    /// secret key.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the database is in use, or the backup is not usable.
    pub fn restore(
        &self,
        backup: &Path,
        check: impl FnOnce(&str) -> Result<(), StoreError>,
        now: Timestamp,
    ) -> Result<Restored, StoreError> {
        let path = match self.url() {
            DatabaseUrl::Sqlite(path) => path,
            DatabaseUrl::Postgres(_) => {
                return Err(StoreError::Unusable(format!(
                    "jeton restores SQLite databases; PostgreSQL has tools of its own (docs/operating.md has the steps \
                     before and after): pg_restore --no-owner --single-transaction --dbname=\"$DATABASE_URL\" {}",
                    backup.display()
                )));
            }
        };
        let path = &sqlite_file::without_links(path);
        let before = sqlite_file::identity(path);
        if before.is_some() && sqlite_file::identity(backup) == before {
            return Err(StoreError::Unusable(format!("{} is the database itself", backup.display())));
        }
        // The database is checked without its log. The log may belong to another file, which is a reason to restore.
        match sqlite_schema::state_without_log(path, self.options.timeout) {
            Ok(state @ SchemaState::Foreign(_)) => state.refusal(self.url()).map_or(Ok(()), Err)?,
            Err(error @ StoreError::Unusable(_)) => return Err(error),
            // A damaged database may be replaced.
            _ => {}
        }
        let lock = lock(path)?;
        let draft = sqlite_file::beside(path, ".restoring");
        if same_place(&draft, backup) {
            return Err(StoreError::Unusable(format!(
                "{} is the name of an unfinished restore, which this restore would remove; rename it first",
                backup.display()
            )));
        }
        // A killed restore may have left it. If there is a database, this process holds its lock, so nobody uses the draft.
        remove(&draft)?;
        let draft = NewFile::make(&draft)?;
        let is_older = self.copy_backup(backup, &draft.path)? == SchemaState::Behind;
        if let Some(check_value) = secret_key_check(&draft.path, self.options.timeout)? {
            check(&check_value)?;
        }
        if let Some(before) = lock.as_ref() {
            copy_owner_and_mode(&draft, before)?;
        }
        let kept = replace(path, draft, now)?;
        drop(lock);
        Ok(Restored { kept, is_older })
    }

    /// Copies the backup. Returns the state of its schema, which this jeton can use or migrate.
    fn copy_backup(&self, backup: &Path, to: &Path) -> Result<SchemaState, StoreError> {
        let state = sqlite_log::state_of_both(backup);
        if backup.is_dir() {
            return Err(StoreError::Unusable(format!("{} is a folder; name the backup in it", backup.display())));
        }
        if state[0].is_none_or(|(size, ..)| size == 0) {
            return Err(StoreError::Unusable(format!("there is no backup at {}", backup.display())));
        }
        let named = |error: StoreError| match error {
            StoreError::Failed(words) | StoreError::Unavailable(words) | StoreError::Unusable(words) => {
                StoreError::Unusable(format!("cannot restore {}: {words}", backup.display()))
            }
            other => other,
        };
        // A copy of a database after a crash has a log, too.
        sqlite_log::require_own(backup, self.options.timeout)?;
        let mut conn = sqlite_file::open_to_read(backup, state[1].is_some(), self.options.timeout)?;
        let found = copy(&mut conn, to, self.options.timeout).map_err(named)?;
        if sqlite_log::state_of_both(backup) != state {
            return Err(named(StoreError::Unusable("it was written while it was copied".into())));
        }
        match found.clone().refusal_to_restore(backup) {
            Some(refusal) => Err(refusal),
            None => Ok(found),
        }
    }
}

/// Locks the database until the file is closed. SQLite locks bytes of every file that it has open, so a lock on the
/// whole file succeeds only if no process has it open. From here on this process must not open the file with SQLite.
fn lock(path: &Path) -> Result<Option<File>, StoreError> {
    let file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot("write", path, &error)),
    };
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
        Ok(()) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::PermissionDenied) => Err(
            StoreError::Unusable(format!("{} is in use; stop jeton, and whatever has it open, first", path.display())),
        ),
        Err(error) => Err(cannot("lock", path, &error)),
    }
}

/// The check value of the secret key of the database in a file; `None` if it never had one.
fn secret_key_check(file: &Path, timeout: Duration) -> Result<Option<String>, StoreError> {
    let key = meta::table.find(MetaKey::SecretKeyCheck.as_str()).select(meta::value);
    Ok(key.first(&mut sqlite_file::open_to_read(file, false, timeout)?).optional()?)
}

/// Gives the new file the owner and mode of the old one, because another user may run the restore.
fn copy_owner_and_mode(draft: &NewFile, before: &File) -> Result<(), StoreError> {
    let apply = || -> io::Result<()> {
        let (old, new) = (before.metadata()?, fs::metadata(&draft.path)?);
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            chown(&draft.path, Some(old.uid()), Some(old.gid()))?;
        }
        fs::set_permissions(&draft.path, old.permissions())
    };
    apply().map_err(|error| cannot("set the owner of", &draft.path, &error))
}

/// Replaces the database by the draft, and renames the old database and its log. The order matters: a process that is
/// killed in between leaves a complete file, or a log that does not belong to it, which the next start notices.
fn replace(path: &Path, draft: NewFile, now: Timestamp) -> Result<Option<PathBuf>, StoreError> {
    let aside = sqlite_file::beside(path, &format!(".{}", now.naive().format("%Y%m%dT%H%M%S%.3fZ")));
    let log = sqlite_log::log_of(path);
    let (is_there, has_log) = (path.exists(), sqlite_log::state_of_log(path).is_some());
    let failed = |error: io::Error| cannot("keep the old database at", &aside, &error);
    if is_there {
        // If the file system has no hard links, the database is missing for a moment.
        fs::hard_link(path, &aside)
            .or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => Err(error),
                _ => fs::rename(path, &aside),
            })
            .map_err(failed)?;
    }
    draft.rename(path)?;
    if has_log {
        fs::rename(&log, sqlite_file::beside(&aside, "-wal")).map_err(failed)?;
    } else {
        remove(&log)?;
    }
    for suffix in ["-shm", "-journal"] {
        remove(&sqlite_file::beside(path, suffix))?;
    }
    File::open(sqlite_file::folder_of(path)).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok((is_there || has_log).then_some(aside))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(cannot("remove", path, &error)),
        _ => Ok(()),
    }
}
