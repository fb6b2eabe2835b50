//! The tests' own PostgreSQL: throw-away clusters, reached only by Unix socket, without fsync.
//! They end with the test process, however that ends.

mod database;
mod directories;
mod programs;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

pub use self::database::Database;
pub use self::directories::fresh_directory;
use self::directories::{end, halt, processes};
pub use self::programs::{as_owner, program};
use self::programs::{client, output, spawn_for_life};
use super::process::{Jeton, lock, signal};
use super::within;

const LIMIT: Duration = Duration::from_secs(30);
const SETTINGS: [&str; 6] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "listen_addresses=",
    "max_connections=300",
    "dynamic_shared_memory_type=mmap", // files in the data directory, removed with it
];

/// For tests that need only a database: one cluster per process, started when it is first needed.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(private)
}

/// For tests that stop, freeze or restart the server.
pub fn private() -> Cluster {
    private_with(&[])
}

/// The same with settings that override those of all tests.
pub fn private_with(settings: &[&str]) -> Cluster {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    let template = TEMPLATE.get_or_init(initdb);
    let dir = fresh_directory();
    // A copy takes a tenth of initdb's time.
    output(as_owner("cp").arg("-a").arg(template).arg(&dir)).unwrap();
    let settings = settings.iter().map(ToString::to_string).collect();
    let cluster = Cluster { dir, settings, postmaster: Mutex::default(), migrated: OnceLock::new() };
    cluster.start();
    cluster
}

fn initdb() -> PathBuf {
    let data = fresh_directory().join("data");
    let mut initdb = as_owner(program("initdb"));
    // Small WAL segments: there is less to write and to copy.
    initdb.args(["-N", "-U", "jeton", "--auth=trust", "--wal-segsize=1"]);
    initdb.args(["--encoding=UTF8", "--locale=C.UTF-8", "-D"]);
    output(initdb.arg(&data)).unwrap_or_else(|error| panic!("initdb: {error}"));
    data
}

pub struct Cluster {
    dir: PathBuf,
    settings: Vec<String>,
    postmaster: Mutex<Option<Child>>,
    migrated: OnceLock<Database>,
}

impl Cluster {
    pub fn start(&self) {
        let mut postmaster = lock(&self.postmaster);
        assert!(postmaster.is_none(), "the cluster runs already");
        let log = File::options().create(true).append(true).open(self.log());
        let log = log.unwrap();
        let mut server = as_owner(program("postgres"));
        server.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        server.args(self.settings.iter().flat_map(|setting| ["-c", setting]));
        server.args(["-p", "5432", "-D"]).arg(self.data());
        server.arg("-k").arg(&self.dir).stdin(Stdio::null());
        server.stdout(log.try_clone().unwrap()).stderr(log);
        let child = postmaster.insert(spawn_for_life(server));
        let ready = within(LIMIT, || {
            if child.try_wait().unwrap().is_some() {
                self.fail("does not start");
            }
            let mut is_ready = client("pg_isready");
            is_ready.args(["-U", "jeton", "-d", "postgres", "-t", "2", "-h"]);
            output(is_ready.arg(&self.dir)).ok()
        });
        ready.unwrap_or_else(|| self.fail("takes no connections"));
    }

    /// Cuts all connections and stops cleanly.
    pub fn stop_fast(&self) {
        let mut child = lock(&self.postmaster).take().expect("a cluster that runs");
        signal("INT", &[child.id()]);
        let ended = within(LIMIT, || child.try_wait().unwrap());
        ended.unwrap_or_else(|| self.fail("does not stop"));
    }

    pub fn restart(&self) {
        self.stop_fast();
        self.start();
    }

    /// Freezes the server, as if the network were dead: connections stay open, new ones are accepted, nothing answers.
    pub fn freeze(&self) {
        let postmaster = lock(&self.postmaster).as_ref().map(Child::id);
        // The postmaster is frozen first, or it could start another process meanwhile.
        halt(&[postmaster.expect("a cluster that runs")]);
        halt(&processes(&self.data()));
    }

    pub fn thaw(&self) {
        signal("CONT", &processes(&self.data()));
    }

    /// A standby of this cluster, with its current content.
    pub fn standby(&self) -> Self {
        let dir = fresh_directory();
        let mut copy = as_owner(program("pg_basebackup"));
        copy.args(["-U", "jeton", "-c", "fast", "-X", "stream", "-R", "-h"]).arg(&self.dir);
        output(copy.arg("-D").arg(dir.join("data"))).unwrap_or_else(|error| panic!("pg_basebackup: {error}"));
        let settings = self.settings.clone();
        let standby = Self { dir, settings, postmaster: Mutex::default(), migrated: OnceLock::new() };
        standby.start();
        standby
    }

    /// Waits until a standby has replayed everything that is in `primary` now.
    pub fn follow(&self, primary: &Self) {
        let lsn = primary.sql("select pg_current_wal_insert_lsn()");
        let has_replayed = format!("select pg_last_wal_replay_lsn() >= '{lsn}'");
        within(LIMIT, || (self.sql(&has_replayed) == "t").then_some(()))
            .unwrap_or_else(|| self.fail("does not follow"));
    }

    /// Runs SQL in the database `postgres`.
    pub fn sql(&self, text: &str) -> String {
        database::psql(&format!("postgres://jeton@{}/postgres", self.host()), text)
            .unwrap_or_else(|error| panic!("{error}in: {text}"))
            .trim_end()
            .to_owned()
    }

    /// Runs SQL in the database of this name.
    pub fn sql_in(&self, database: &str, text: &str) -> String {
        let rows = database::psql(&format!("postgres://jeton@{}/{database}", self.host()), text);
        rows.unwrap_or_else(|error| panic!("{error}in: {text}")).trim_end().to_owned()
    }

    /// The socket's directory, encoded for a URL.
    pub fn host(&self) -> String {
        self.dir.to_str().unwrap().replace('/', "%2F")
    }

    pub fn create_database(&self) -> Database {
        Database::create(&self.dir)
    }

    /// Databases with locales that lower letters otherwise than the tests' own: not those of other scripts, by the place
    /// in the word, and the Turkish way. Before version 15 only the system's locales can be a database's.
    pub fn create_with_other_locales(&self) -> Vec<Database> {
        let icu = ["und", "tr"].map(|locale| format!("locale 'C' locale_provider icu icu_locale '{locale}'"));
        let icu = icu.into_iter().filter(|_| programs::version() >= 15);
        let locales = std::iter::once("locale 'C'".to_owned()).chain(icu);
        locales.map(|locale| Database::with_locale(&self.dir, &locale)).collect()
    }

    /// A database with jeton's schema. It is a copy, which takes a fraction of the time of the migrations.
    pub fn create_migrated(&self) -> Database {
        let migrated = self.migrated.get_or_init(|| {
            let database = self.create_database();
            let output = Jeton::new().env("DATABASE_URL", &database.url).run(&["migrate"]);
            assert_eq!(output.status, 0, "{output:?}");
            database
        });
        Database::copy(&self.dir, migrated.name())
    }

    /// The server's log.
    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log()).unwrap()).into_owned()
    }

    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    fn fail(&self, what: &str) -> ! {
        let log = fs::read(self.log()).unwrap_or_default();
        let tail = &log[log.len().saturating_sub(2000)..];
        panic!("PostgreSQL {what}; its log ends:\n{}", String::from_utf8_lossy(tail))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        end(&self.data());
        lock(&self.postmaster).take().map(|mut child| child.wait());
        fs::remove_dir_all(&self.dir).ok();
    }
}
