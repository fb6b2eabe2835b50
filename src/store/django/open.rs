//! Opens a source read-only, as one snapshot.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};

use super::super::connection::Conn;
use super::super::manager::with_parameters;
use super::super::system_roots::with_system_roots;
use super::super::{Store, StoreError, sqlite_file, tls};
use super::origin::Origin;
use super::schema::Word;
use crate::domain::database_url::DatabaseUrl;

/// The byte of SQLite's header that says whether the file is in WAL mode, and its value then.
const READ_VERSION: usize = 19;
const WAL_MODE: u8 = 2;

pub fn open(origin: &Origin, url: &DatabaseUrl) -> Result<(Conn, Option<Unchanged>), StoreError> {
    match url {
        DatabaseUrl::Postgres(text) => Ok((open_postgres(origin, url, text)?, None)),
        DatabaseUrl::Sqlite(path) => open_sqlite(origin, url, path),
    }
}

fn open_postgres(origin: &Origin, url: &DatabaseUrl, text: &str) -> Result<Conn, StoreError> {
    tls::check(url)?;
    // Any of several hosts may be used, also a standby.
    let text =
        with_parameters(&with_system_roots(text), &[("connect_timeout", "10"), ("application_name", "jeton-import")]);
    let mut conn = PgConnection::establish(&text)
        .map_err(|error| origin.unusable("cannot open", error, "check that it runs, and that --from is right"))?;
    // Time-outs of the role are meant for requests, so they are switched off. Dates are read in one style, and in UTC,
    // because in other zones early dates have an offset with seconds.
    conn.batch_execute(
        "begin isolation level repeatable read read only; set local statement_timeout = 0; \
         set local idle_in_transaction_session_timeout = 0; set local datestyle = 'ISO, YMD'; set local timezone = 'UTC'",
    )
    .map_err(|error| origin.cannot_read(error))?;
    Ok(Conn::Pg(conn))
}

fn open_sqlite(origin: &Origin, url: &DatabaseUrl, path: &Path) -> Result<(Conn, Option<Unchanged>), StoreError> {
    let failed = |words: &str| StoreError::Unusable(format!("cannot open {url}: {words}"));
    let metadata = std::fs::metadata(path)
        .map_err(|error| failed(&format!("{error}; give the path of Django's database file with --from")))?;
    if !metadata.is_file() {
        return Err(failed("it is not a file; give the path of Django's database file with --from"));
    }
    let text = path.to_str().ok_or_else(|| failed("its path is not UTF-8; copy it to a path that is"))?;
    // If there is a log, somebody may be writing, and the log may have newer data. Without one, a database in WAL mode
    // is opened as immutable, because SQLite would create the log.
    let log = PathBuf::from(format!("{text}-wal"));
    let is_in_wal_mode = header(path).get(READ_VERSION) == Some(&WAL_MODE);
    let unchanged = (is_in_wal_mode && !log.exists()).then(|| Unchanged::from_now(url, path, log));
    let parameters = if unchanged.is_some() { "mode=ro&immutable=1" } else { "mode=ro" };
    let mut conn = SqliteConnection::establish(&sqlite_file::uri(text, parameters))
        .map_err(|error| origin.unusable("cannot open", error, "check that this user may read it"))?;
    conn.batch_execute("pragma query_only = on; pragma busy_timeout = 10000; begin; select 1 from sqlite_master")
        .map_err(|error| origin.cannot_read(error))?;
    Ok((Conn::Sqlite(conn), unchanged))
}

/// The bytes of SQLite's header; fewer, or none, if the file is not a database.
fn header(path: &Path) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = Vec::new();
    // If the file cannot be read here, SQLite cannot read it, either, and reports why.
    if let Ok(file) = std::fs::File::open(path)
        && file.take(100).read_to_end(&mut bytes).is_err()
    {
        bytes.clear();
    }
    bytes
}

/// A file that nobody was writing when it was opened. It is opened as immutable, so SQLite takes no lock on it.
pub struct Unchanged {
    url: DatabaseUrl,
    path: PathBuf,
    log: PathBuf,
    state: Option<(u64, i64, i64)>,
}

impl Unchanged {
    fn from_now(url: &DatabaseUrl, path: &Path, log: PathBuf) -> Self {
        Self { url: url.clone(), path: path.to_owned(), log, state: Self::state(path) }
    }

    fn state(path: &Path) -> Option<(u64, i64, i64)> {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    }

    pub fn check(&self) -> Result<(), StoreError> {
        if self.state == Self::state(&self.path) && !self.log.exists() {
            return Ok(());
        }
        Err(StoreError::Unusable(format!("{} was written while it was read; import again", self.url)))
    }
}

/// Whether a source is the database of a store: the same file, or the same start of the server, database and schema.
pub fn is_same(source: &mut Conn, origin: &Origin, url: &DatabaseUrl, store: &Store) -> Result<bool, StoreError> {
    const PLACE: &str =
        "select concat_ws(' ', pg_postmaster_start_time(), current_database(), current_schema()) as word";
    match (url, store.url()) {
        (DatabaseUrl::Sqlite(one), DatabaseUrl::Sqlite(other)) => {
            let file = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
            Ok(file(one).is_some_and(|one| Some(one) == file(other)))
        }
        (DatabaseUrl::Postgres(_), DatabaseUrl::Postgres(_)) => {
            let one: Word = diesel::sql_query(PLACE).get_result(source).map_err(|error| origin.cannot_read(error))?;
            let other: Word = store.read(|conn| Ok(diesel::sql_query(PLACE).get_result(conn)?))?;
            Ok(one.word == other.word)
        }
        _ => Ok(false),
    }
}
