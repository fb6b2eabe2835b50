//! A jeton server in this process, with its own database and port.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use jeton::config::{Config, RawSettings};
use jeton::domain::time::{Clock, Timestamp};
use jeton::server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::calls::ALICE;
use super::http::{Answer, Request};
use super::postgres::{self, Database};
use super::wait_until_synced;

/// Which database a test runs on; `on_both!` runs it on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// Turns each `fn name(db) { .. }` into two tests: `name::sqlite` and `name::postgres`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$attribute:meta])* fn $name:ident($db:ident) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;
            fn run($db: $crate::support::app::Kind) $body
            #[test]
            fn sqlite() { run($crate::support::app::Kind::Sqlite) }
            #[test]
            fn postgres() { run($crate::support::app::Kind::Postgres) }
        }
    )*};
}

/// A test's own database, which is dropped with this value.
pub struct TestDatabase {
    pub url: String,
    /// The folder of an SQLite file.
    pub folder: Option<TempDir>,
    /// A database of the shared PostgreSQL cluster.
    pub postgres: Option<Database>,
}

impl TestDatabase {
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                let folder = TempDir::new().unwrap();
                let url = format!("sqlite://{}", folder.path().join("jeton.db").display());
                Self { url, folder: Some(folder), postgres: None }
            }
            Kind::Postgres => Self::of(postgres::shared()),
        }
    }

    /// A database with jeton's schema, for tests that are not about migrations.
    pub fn migrated(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::new(kind),
            Kind::Postgres => Self::from(postgres::shared().create_migrated()),
        }
    }

    /// A database in a cluster of the test's own.
    pub fn of(cluster: &postgres::Cluster) -> Self {
        Self::from(cluster.create_database())
    }

    pub fn from(database: Database) -> Self {
        Self { url: database.url.clone(), folder: None, postgres: Some(database) }
    }

    /// The settings of a server on this database: the tests' defaults, overridden by `settings`.
    pub fn config(&self, settings: &[(&str, &str)]) -> Config {
        let url = [("DATABASE_URL", self.url.as_str())];
        let flags: Vec<(String, String)> = DEFAULTS
            .iter()
            .filter(|(name, _)| !settings.iter().any(|(given, _)| given == name))
            .chain(settings)
            .chain(&url)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        RawSettings::gather(&flags, &[], Path::new("/nonexistent/.env")).check().unwrap()
    }

    /// Runs SQL directly, as an operator would: by `psql`, or `sqlite3`. Returns its output, unaligned.
    #[track_caller]
    pub fn sql(&self, text: &str) -> String {
        self.try_sql(text).unwrap_or_else(|error| panic!("{error}in: {text}"))
    }

    /// The same, or the database's error.
    pub fn try_sql(&self, text: &str) -> Result<String, String> {
        if let Some(database) = &self.postgres {
            return database.try_sql(text);
        }
        let path = self.url.strip_prefix("sqlite://").unwrap();
        // Like jeton, `sqlite3` waits while another process writes.
        let output =
            std::process::Command::new("sqlite3").args(["-cmd", ".timeout 10000", path, text]).output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
    }
}

pub const ADMIN: (&str, &str) = ("admin", "tall ships sail at dawn");
pub const CLIENT: (&str, &str) = ("demo", "client-secret-of-the-tests-0123456789");
pub const SECRET_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Settings of every test: cheap hashes, no limits on failures, some scopes for users, an admin and a client.
const DEFAULTS: &[(&str, &str)] = &[
    ("JETON_LISTEN", "127.0.0.1:0"),
    ("JETON_SECRET_KEY", SECRET_KEY),
    ("JETON_WORKERS", "2"),
    ("JETON_ARGON2_MEMORY_KIB", "64"),
    ("JETON_ARGON2_ITERATIONS", "1"),
    ("JETON_LOGIN_LIMIT_ADDRESS", "none"),
    ("JETON_LOGIN_LIMIT_USER", "none"),
    ("JETON_USER_SCOPES", "a b c a:b reports:read reports:write"),
    ("JETON_LOGIN_LIMIT_ACCOUNT", "none"),
    ("JETON_CLIENT_LIMIT_ADDRESS", "none"),
    ("JETON_BOOTSTRAP_ADMIN", ADMIN.0),
    ("JETON_BOOTSTRAP_ADMIN_PASSWORD", ADMIN.1),
    ("JETON_BOOTSTRAP_CLIENT_ID", CLIENT.0),
    ("JETON_BOOTSTRAP_CLIENT_SECRET", CLIENT.1),
];

/// A running jeton; stopped when dropped.
pub struct App {
    pub addr: SocketAddr,
    pub clock: Clock,
    pub database: Arc<TestDatabase>,
    /// Passwords by the login key that they returned: creating a named token needs the user's password.
    passwords: Arc<Mutex<HashMap<String, String>>>,
    stop: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl App {
    /// A jeton on a new database.
    pub fn start(kind: Kind) -> Self {
        Self::with(kind, &[])
    }

    /// A jeton on a new database, with settings that override the tests' defaults. An empty value removes a default.
    pub fn with(kind: Kind, settings: &[(&str, &str)]) -> Self {
        let start = Timestamp::from_micros(1_750_000_000_123_456);
        Self::on(TestDatabase::migrated(kind).into(), Clock::fixed(start), settings)
    }

    /// Another node on the same database, with the same clock.
    pub fn node(&self, settings: &[(&str, &str)]) -> Self {
        let mut node = Self::on(self.database.clone(), self.clock.clone(), settings);
        node.passwords = self.passwords.clone();
        node
    }

    /// Another node on the same database, on a machine whose clock is this many seconds ahead, or behind if negative.
    pub fn node_ahead(&self, seconds: i64, settings: &[(&str, &str)]) -> Self {
        let clock = self.clock.another();
        clock.set_ahead(seconds);
        let mut node = Self::on(self.database.clone(), clock, settings);
        node.passwords = self.passwords.clone();
        node
    }

    /// A jeton on this database, with this clock.
    pub fn on(database: Arc<TestDatabase>, clock: Clock, settings: &[(&str, &str)]) -> Self {
        let config = database.config(settings);
        let (sender, receiver) = mpsc::channel();
        let server_clock = clock.clone();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async {
                let server = Server::start(&config, server_clock, std::future::pending()).await.expect("jeton starts");
                let server = server.expect("no signal stops it");
                sender.send((server.addresses[0], server.handle())).unwrap();
                server.run().await.unwrap();
            });
        });
        let (addr, stop) = receiver.recv_timeout(Duration::from_secs(20)).expect("jeton listens");
        Self { addr, clock, database, passwords: Arc::default(), stop, thread: Some(thread) }
    }

    /// Runs SQL directly, as an operator would, and waits until this node has received the change.
    #[track_caller]
    pub fn sql(&self, text: &str) -> String {
        let printed = self.database.sql(text);
        self.wait_until_synced();
        printed
    }

    /// Waits until this node has received all changes of others.
    #[track_caller]
    pub fn wait_until_synced(&self) {
        wait_until_synced(self.addr);
    }

    /// A counter of `/metrics`; 0 before anything was counted.
    pub fn count(&self, name: &str) -> u64 {
        let text = self.send(Request::new("GET", "/metrics")).text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    pub fn send(&self, request: Request) -> Answer {
        request.send(self.addr)
    }

    /// Logs in by JSON and returns the key.
    pub fn login(&self, username: &str, password: &str) -> String {
        let answer = self.try_login(username, password);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let key = answer.json()["token"].as_str().unwrap().to_owned();
        self.passwords.lock().unwrap().insert(key.clone(), password.to_owned());
        key
    }

    /// The password of the login that returned this key; alice's password for other keys.
    pub fn password_of(&self, key: &str) -> String {
        self.passwords.lock().unwrap().get(key).map_or(ALICE.1, String::as_str).to_owned()
    }

    pub fn try_login(&self, username: &str, password: &str) -> Answer {
        self.send(Request::new("POST", "/api-token-auth/").json(&json!({"username": username, "password": password})))
    }

    pub fn admin_token(&self) -> String {
        self.login(ADMIN.0, ADMIN.1)
    }

    /// Creates a user through the admin API, with `fields` beside the name and the password.
    pub fn create_user(&self, username: &str, password: &str, fields: &Value) -> Value {
        let mut body = json!({"username": username, "password": password});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = self.send(Request::new("POST", "/admin/users/").token(&self.admin_token()).json(&body));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// Introspects as the tests' client.
    pub fn introspect(&self, token: &str) -> Value {
        let answer = self.send(Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", token)]));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub fn regenerate(&self, username: &str) -> String {
        let path = format!("/admin/users/{username}/regenerate");
        let answer = self.send(Request::new("POST", &path).token(&self.admin_token()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        actix_rt::System::new().block_on(self.stop.stop(false));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("jeton's thread panicked");
        }
    }
}
