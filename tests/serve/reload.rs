//! A running server reloads certificates, secrets in files, and `DATABASE_URL_FILE`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::listen::{certify, curl, with_certificate};
use super::{LIMIT, bare};
use crate::commands::{create_user, done, jeton, login, migrated, try_login};
use crate::on_both;
use crate::support::app::{SECRET_KEY, TestDatabase};
use crate::support::calls::PASSWORD;
use crate::support::http::Request;
use crate::support::postgres::{Cluster, private};
use crate::support::process::{Jeton, Serving};
use crate::support::{eventually, wait_until_synced};

/// A node without a database connection reloads `DATABASE_URL_FILE` every two seconds.
const AUTOMATIC_RELOAD: Duration = Duration::from_secs(20);

#[track_caller]
fn wait_for_log(server: &Serving, words: &str) {
    eventually(words, LIMIT, || server.stderr().contains(words).then_some(()));
}

#[test]
fn a_new_certificate_is_used_after_a_reload_and_a_broken_one_is_refused() {
    let (jeton, cert) = with_certificate(bare());
    let old = format!("{cert}.old");
    fs::copy(&cert, &old).unwrap();
    let server = jeton.serve();
    let url = format!("https://localhost:{}/healthz", server.addr.port());
    let trusts = |authority: &str| curl(&["--cacert", authority, &url]).0 == 0;
    assert!(trusts(&old));
    let (_, key) = certify(&jeton);
    assert!(trusts(&old), "the old certificate is in use until the signal");
    server.signal("HUP");
    wait_for_log(&server, "the certificate was reloaded");
    assert!(trusts(&cert) && !trusts(&old));
    let good = fs::read(&key).unwrap();
    for broken in [Some("no key"), None] {
        let before = server.stderr().len();
        match broken {
            Some(text) => fs::write(&key, text).unwrap(),
            None => fs::remove_file(&key).unwrap(),
        }
        server.signal("HUP");
        let words = eventually("an error", LIMIT, || {
            let log = server.stderr();
            log[before..].lines().find(|line| line.contains("ERROR")).map(str::to_owned)
        });
        assert!(words.contains("JETON_TLS_KEY") && words.contains("stays as it was"), "{words}");
        assert!(trusts(&cert), "the old certificate stays in use");
    }
    fs::write(&key, good).unwrap();
    server.signal("HUP");
    eventually("the good certificate in use", LIMIT, || {
        (server.stderr().matches("the certificate was reloaded\n").count() == 2).then_some(())
    });
    assert!(trusts(&cert));
}

/// A PostgreSQL where roles need passwords, and a jeton with such a role, whose database URL is in a file.
struct Locked {
    cluster: Cluster,
    database: TestDatabase,
    jeton: Jeton,
}

impl Locked {
    /// `url` returns the file's text. It gets the URL without a password, and the folder that jeton runs in.
    fn new(url: impl Fn(&str, &Path) -> String) -> Self {
        let cluster = private();
        let database = TestDatabase::of(&cluster);
        let rules = "local all jeton trust\nlocal replication all trust\nlocal all all scram-sha-256\n";
        fs::write(cluster.data().join("pg_hba.conf"), rules).unwrap();
        cluster.sql("create role app login password 'one'; select pg_reload_conf()");
        database.sql("grant all on schema public to app");
        let jeton = Jeton::new();
        let plain = database.url.replace("jeton@", "app@");
        fs::write(jeton.dir.path().join("url"), url(&plain, jeton.dir.path())).unwrap();
        let jeton = jeton
            .env("DATABASE_URL_FILE", "url")
            .env("JETON_SECRET_KEY", SECRET_KEY)
            .env("JETON_WORKERS", "1")
            .env("JETON_ARGON2_MEMORY_KIB", "64")
            .env("JETON_ARGON2_ITERATIONS", "1");
        eventually("the cluster with its rules for passwords", LIMIT, || {
            (jeton.run(&["migrate"]).status == 0).then_some(())
        });
        create_user(&jeton, "amy", &[]);
        Self { cluster, database, jeton }
    }

    fn with_password() -> Self {
        Self::new(|url, _| with_password_in(url, "one"))
    }

    fn url_file(&self) -> PathBuf {
        self.jeton.dir.path().join("url")
    }

    fn url(&self) -> String {
        self.database.url.replace("jeton@", "app@")
    }

    fn write_url(&self, password: &str) {
        fs::write(self.url_file(), with_password_in(&self.url(), password) + "\n").unwrap();
    }

    /// Ends all connections that jeton has open, as a restart of the server does.
    fn end_connections(&self) {
        self.cluster.sql("select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where usename = 'app'");
    }
}

fn with_password_in(url: &str, password: &str) -> String {
    url.replace("app@", &format!("app:{password}@"))
}

#[test]
fn a_changed_database_password_is_reloaded_at_sighup() {
    let locked = Locked::with_password();
    let server = locked.jeton.serve();
    let key = login(&server, "amy");
    locked.cluster.sql("alter role app password 'two'");
    locked.write_url("two");
    server.signal("HUP");
    wait_for_log(&server, "DATABASE_URL was reloaded");
    locked.end_connections();
    assert_eq!(login(&server, "amy"), key, "no login fails");
    wait_until_synced(server.addr);
    assert!(!server.stderr().contains(":two@"), "{}", server.stderr());
}

#[test]
fn a_refused_database_password_is_reloaded_without_a_signal() {
    let locked = Locked::with_password();
    let server = locked.jeton.serve();
    let key = login(&server, "amy");
    locked.cluster.sql("alter role app password 'two'");
    locked.end_connections();
    eventually("a refusal", LIMIT, || (try_login(&server, "amy", PASSWORD).status == 503).then_some(()));
    // A wrong password in the file changes nothing, and is logged once.
    locked.write_url("three");
    wait_for_log(&server, "DATABASE_URL cannot be reloaded and stays as it was: ");
    locked.write_url("two");
    eventually("a login", AUTOMATIC_RELOAD, || (try_login(&server, "amy", PASSWORD).status == 200).then_some(()));
    assert_eq!(login(&server, "amy"), key);
    wait_until_synced(server.addr);
    let log = server.stderr();
    assert!(log.contains("DATABASE_URL was reloaded, because the database gave no connection"), "{log}");
    assert_eq!(log.matches("stays as it was").count(), 1, "{log}");
    for secret in [":one", ":two", ":three"] {
        assert!(!log.contains(&format!("{secret}@")), "{log}");
    }
}

#[test]
fn a_password_file_of_libpq_is_read_at_each_connection() {
    let passfile = |dir: &Path| dir.join("pgpass");
    let write = |path: &Path, password: &str| {
        use std::os::unix::fs::PermissionsExt;
        fs::write(path, format!("*:*:*:app:{password}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let locked = Locked::new(|url, dir| {
        write(&passfile(dir), "one");
        format!("{url}?passfile={}", passfile(dir).display())
    });
    let server = locked.jeton.serve();
    let key = login(&server, "amy");
    locked.cluster.sql("alter role app password 'two'");
    write(&passfile(locked.jeton.dir.path()), "two");
    locked.end_connections();
    eventually("a login", AUTOMATIC_RELOAD, || (try_login(&server, "amy", PASSWORD).status == 200).then_some(()));
    assert_eq!(login(&server, "amy"), key);
    wait_until_synced(server.addr);
}

#[test]
fn an_unusable_url_is_refused_and_the_old_one_stays() {
    let locked = Locked::with_password();
    let other = TestDatabase::of(&locked.cluster);
    other.sql("grant all on schema public to app");
    done(&jeton(&other), &["migrate"]);
    other.sql("grant all on all tables in schema public to app");
    let server = locked.jeton.serve();
    let key = login(&server, "amy");
    let texts = [
        ("nonsense".to_owned(), "its scheme must be"),
        ("sqlite://x.db".to_owned(), "requires a restart"),
        (with_password_in(&locked.url(), "wrong"), "the database is not available"),
        (with_password_in(&other.url.replace("jeton@", "app@"), "one"), "is another database"),
        (with_password_in(&locked.url(), "one").replace("/t_", "/none_"), "the database is not available"),
    ];
    for (text, why) in texts {
        let before = server.stderr().len();
        fs::write(locked.url_file(), &text).unwrap();
        server.signal("HUP");
        let words = eventually("an error", LIMIT, || {
            let log = server.stderr();
            log[before..].lines().find(|line| line.contains(" ERROR ")).map(str::to_owned)
        });
        assert!(words.contains("DATABASE_URL") && words.contains(why) && !words.contains(":one@"), "{text}: {words}");
        assert_eq!(login(&server, "amy"), key);
    }
    fs::remove_file(locked.url_file()).unwrap();
    server.signal("HUP");
    wait_for_log(&server, "DATABASE_URL_FILE: cannot read");
    assert_eq!(login(&server, "amy"), key);
}

#[test]
fn after_a_reload_every_connection_uses_the_new_url() {
    let locked = Locked::with_password();
    let server = locked.jeton.serve();
    login(&server, "amy");
    let named = |name: &str| -> u32 {
        let count = format!(
            "select count(*) from pg_stat_activity where usename = 'app' and split_part(application_name, '/', 1) = '{name}'"
        );
        locked.cluster.sql(&count).parse().unwrap()
    };
    assert!(named("jeton") >= 3, "the pool's and the listener's two");
    fs::write(locked.url_file(), with_password_in(&locked.url(), "one") + "?application_name=moved").unwrap();
    server.signal("HUP");
    eventually("all connections at the new URL", LIMIT, || (named("jeton") == 0 && named("moved") >= 3).then_some(()));
    wait_until_synced(server.addr);
    // Changes are read over the new connections.
    let client = crate::commands::create_client(&locked.jeton, "billing");
    let key = login(&server, "amy");
    assert_eq!(crate::commands::introspect(&server, &client, &key)["active"], true);
    done(&locked.jeton, &["user", "deactivate", "amy"]);
    assert_eq!(crate::commands::introspect(&server, &client, &key)["active"], false);
}

on_both! {
    fn a_missing_file_does_not_prevent_the_reload_of_other_files(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let path = |name: &str| jeton.dir.path().join(name).to_str().unwrap().to_owned();
        let (password, fallbacks) = (path("password"), path("fallbacks"));
        fs::write(&password, PASSWORD).unwrap();
        fs::write(&fallbacks, "").unwrap();
        let jeton = jeton
            .env("JETON_BOOTSTRAP_ADMIN", "root")
            .env("JETON_BOOTSTRAP_ADMIN_PASSWORD_FILE", &password)
            .env("JETON_SECRET_KEY_FALLBACKS_FILE", &fallbacks);
        let server = jeton.serve();
        // A file that is read only at start may be removed.
        fs::remove_file(&password).unwrap();
        fs::write(&fallbacks, "ab".repeat(32)).unwrap();
        server.signal("HUP");
        wait_for_log(&server, "JETON_SECRET_KEY was reloaded");
        assert!(!server.stderr().contains("ERROR"), "{}", server.stderr());
        fs::write(&fallbacks, "abab").unwrap();
        server.signal("HUP");
        wait_for_log(&server, "JETON_SECRET_KEY cannot be reloaded and stays as it was: JETON_SECRET_KEY_FALLBACKS: ");
        assert!(!server.stderr().contains("abab"));
        assert_eq!(Request::new("GET", "/readyz").send(server.addr).status, 200);
    }

    fn a_missing_secret_key_is_logged_and_the_old_one_stays(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let file = jeton.dir.path().join("key");
        fs::write(&file, SECRET_KEY).unwrap();
        let jeton = without_key(&database, &file);
        let server = jeton.serve();
        let key = login(&server, "amy");
        fs::write(&file, "").unwrap();
        server.signal("HUP");
        // With SQLite the key could also be in a file beside the database, but there is no such file.
        wait_for_log(&server, "JETON_SECRET_KEY cannot be reloaded and stays as it was: it is empty or not set any more");
        assert_eq!(login(&server, "amy"), key);
        fs::write(&file, SECRET_KEY).unwrap();
        server.signal("HUP");
        eventually("a second reload", LIMIT, || (server.stderr().matches("reloading files").count() == 2).then_some(()));
        assert_eq!((login(&server, "amy"), server.stderr().matches("ERROR").count()), (key, 1));
    }
}

fn without_key(database: &TestDatabase, file: &Path) -> Jeton {
    Jeton::new()
        .env("DATABASE_URL", &database.url)
        .env("JETON_SECRET_KEY_FILE", file.to_str().unwrap())
        .env("JETON_WORKERS", "1")
        .env("JETON_ARGON2_MEMORY_KIB", "64")
        .env("JETON_ARGON2_ITERATIONS", "1")
}

#[test]
fn fallbacks_are_reloaded_where_the_key_is_beside_the_database() {
    let jeton = bare().env("JETON_SECRET_KEY_FALLBACKS_FILE", "fallbacks");
    let (fallbacks, key) = (jeton.dir.path().join("fallbacks"), jeton.dir.path().join("jeton.db.key"));
    fs::write(&fallbacks, "").unwrap();
    let server = jeton.serve();
    let good = fs::read_to_string(&key).unwrap();
    fs::write(&fallbacks, "ab".repeat(32)).unwrap();
    server.signal("HUP");
    wait_for_log(&server, "JETON_SECRET_KEY was reloaded\n");
    for (text, why) in [(Some("no key"), "jeton.db.key"), (None, "it is empty or not set any more")] {
        match text {
            Some(text) => fs::write(&key, text).unwrap(),
            None => fs::remove_file(&key).unwrap(),
        }
        let before = server.stderr().len();
        server.signal("HUP");
        let line = eventually("an error", LIMIT, || {
            server.stderr()[before..].lines().find(|line| line.contains("ERROR")).map(str::to_owned)
        });
        assert!(
            line.contains("JETON_SECRET_KEY cannot be reloaded and stays as it was: ") && line.contains(why),
            "{line}"
        );
    }
    // A new key, with the old one as a fallback.
    fs::write(&fallbacks, good.trim()).unwrap();
    fs::write(&key, "cd".repeat(32)).unwrap();
    server.signal("HUP");
    wait_for_log(&server, "the secret key was replaced");
    assert_eq!(Request::new("GET", "/readyz").send(server.addr).status, 200);
}
