//! A copy of an SQLite database in one file, made while others read and write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{RunQueryDsl, sql_query};

use super::connection::Conn;
use super::{SchemaState, Store, StoreError, sqlite_file};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::shown::one_line;

/// A backup that was made.
#[derive(Clone, Copy, Debug)]
pub struct Backup {
    /// Its size.
    pub bytes: u64,
}

impl Store {
    /// Copies the database to a new file, which only its owner may read: one moment of it, whoever writes meanwhile. The
    /// file comes to be whole and checked, or not at all.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when there is such a file, or no database, or this is PostgreSQL, which has a tool for it.
    pub fn backup(&self, to: &Path) -> Result<Backup, StoreError> {
        let DatabaseUrl::Sqlite(path) = self.url() else {
            return Err(StoreError::Unusable(format!(
                "jeton copies SQLite databases; PostgreSQL has a tool of its own: \
                 pg_dump --format=custom --file={} \"$DATABASE_URL\"",
                to.display()
            )));
        };
        // Of another jeton's schema too: a backup is what one makes before a migration.
        if let Some(refusal) = self.schema_state()?.refusal_to_copy(self.url()) {
            return Err(refusal);
        }
        sqlite_file::require_writable(path)?;
        // Taken first, so that no two write to it; what stands there is nobody's backup until it has its content.
        let place = NewFile::make(to)?;
        let draft = NewFile::make(&sqlite_file::beside(to, ".partial"))?;
        self.on_writer(|conn| copy(conn, &draft.path, self.options.timeout))?;
        let bytes = draft.metadata()?.len();
        draft.take_the_place_of(place)?;
        Ok(Backup { bytes })
    }
}

/// Copies what a connection sees into an empty file, and looks at the copy.
pub(super) fn copy(from: &mut Conn, to: &Path, timeout: Duration) -> Result<SchemaState, StoreError> {
    require_whole(from, "the database")?;
    let text = to.to_str().ok_or_else(|| StoreError::Unusable("the path of the copy is not UTF-8".into()))?;
    from.batch_execute(&format!("vacuum into '{}'", text.replace('\'', "''")))?;
    let mut copy = sqlite_file::open_to_read(to, false, timeout)?;
    require_whole(&mut copy, "the copy")?;
    super::schema_state::state(&mut copy)
}

/// That SQLite finds no damage.
fn require_whole(conn: &mut Conn, what: &str) -> Result<(), StoreError> {
    #[derive(diesel::QueryableByName)]
    struct Found {
        #[diesel(sql_type = Text)]
        integrity_check: String,
    }
    let found = sql_query("pragma integrity_check(1)").get_result::<Found>(conn)?.integrity_check;
    if found == "ok" { Ok(()) } else { Err(StoreError::Unusable(format!("{what} is damaged: {}", one_line(&found)))) }
}

/// A file that was made, and goes again unless it is kept.
pub(super) struct NewFile {
    pub(super) path: PathBuf,
    kept: bool,
}

impl NewFile {
    /// Makes an empty one, for its owner alone.
    pub(super) fn make(path: &Path) -> Result<Self, StoreError> {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(_) => Ok(Self { path: path.to_owned(), kept: false }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(StoreError::Unusable(format!("{} is there already, and is left as it is", path.display())))
            }
            Err(error) => Err(cannot("make", path, &error)),
        }
    }

    pub(super) fn metadata(&self) -> Result<fs::Metadata, StoreError> {
        fs::metadata(&self.path).map_err(|error| cannot("read", &self.path, &error))
    }

    /// Gets the name of another, on the disk for good.
    fn take_the_place_of(self, mut other: Self) -> Result<(), StoreError> {
        self.rename(&other.path)?;
        other.kept = true;
        Ok(())
    }

    /// Gets another name, in the place of what stands there, on the disk for good.
    pub(super) fn rename(mut self, to: &Path) -> Result<(), StoreError> {
        let done = || -> io::Result<()> {
            File::open(&self.path)?.sync_all()?;
            fs::rename(&self.path, to)?;
            File::open(sqlite_file::folder_of(to))?.sync_all()
        };
        done().map_err(|error| cannot("write", to, &error))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!("{} is left over, and is no backup: {error}", self.path.display());
        }
    }
}

pub(super) fn cannot(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unusable(format!("cannot {what} {}: {error}", path.display()))
}
