//! `jeton import django`: the real binary, from both databases into both.

mod again;
mod broken;
mod clashes;
mod custom;
mod dry;
mod dumps;
mod ends;
mod fixture;
mod flags;
mod ids;
mod local_times;
mod logins;
mod names;
mod own_tables;
mod project;
mod projects;
mod readonly;
mod sealed;
mod terminal;
mod types;
mod update;

use std::path::Path;
use std::process::Command;

use jeton::domain::time::{Clock, Timestamp};
use serde_json::Value;

use crate::commands::jeton;
use crate::support::app::{App, Kind, TestDatabase};
use crate::support::process::Output;

/// Turns each `fn name(from, to) { .. }` into four tests, one for each pair of databases.
#[macro_export]
macro_rules! each_way {
    ($($(#[$attribute:meta])* fn $name:ident($from:ident, $to:ident) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;
            use $crate::support::app::Kind::{Postgres, Sqlite};
            fn run($from: $crate::support::app::Kind, $to: $crate::support::app::Kind) $body
            #[test]
            fn sqlite_to_sqlite() { run(Sqlite, Sqlite) }
            #[test]
            fn sqlite_to_postgres() { run(Sqlite, Postgres) }
            #[test]
            fn postgres_to_postgres() { run(Postgres, Postgres) }
            #[test]
            fn postgres_to_sqlite() { run(Postgres, Sqlite) }
        }
    )*};
}

/// The database of a real Django project.
pub fn fixture(kind: Kind) -> TestDatabase {
    let database = TestDatabase::new(kind);
    match &database.postgres {
        None => std::fs::write(file_of(&database), unzipped("db.sqlite3.gz")).unwrap(),
        Some(postgres) => {
            postgres.sql(&String::from_utf8(unzipped("postgres.sql.gz")).unwrap());
        }
    }
    database
}

pub fn manifest() -> Value {
    let text = std::fs::read_to_string(fixtures().join("manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/django")
}

fn unzipped(name: &str) -> Vec<u8> {
    let output = Command::new("gzip").arg("-dc").arg(fixtures().join(name)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

pub fn file_of(database: &TestDatabase) -> &str {
    database.url.strip_prefix("sqlite://").unwrap()
}

/// Django's tables without their constraints, and three users: `ann` in two groups, `bea` with a DRF token, `cis` with
/// Knox's.
pub fn small(kind: Kind) -> TestDatabase {
    small_in(TestDatabase::new(kind))
}

/// The same, beside the tables that the database has already.
pub fn small_in(database: TestDatabase) -> TestDatabase {
    let moment = if database.postgres.is_none() { "datetime" } else { "timestamptz" };
    database.sql(
        &"create table auth_user (id integer primary key, password varchar(128), last_login MOMENT, is_superuser boolean,
            username varchar(150), first_name varchar(150), last_name varchar(150), email varchar(254), is_staff boolean,
            is_active boolean, date_joined MOMENT);
          create table auth_group (id integer primary key, name varchar(150));
          create table auth_user_groups (id integer primary key, user_id integer, group_id integer);
          create table authtoken_token (key varchar(40) primary key, created MOMENT, user_id integer);
          create table knox_authtoken (digest varchar(128) primary key, created MOMENT, user_id integer, expiry MOMENT,
            token_key varchar(25));
          insert into auth_user values
            (1, 'pbkdf2_sha256$1$s$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=', null, false, 'ann', 'Ann', 'A', 'ann@example.com', false, true, '2026-01-01 00:00:00'),
            (2, '!x', '2026-01-02 03:04:05', false, 'bea', '', '', '', true, true, '2026-01-01 00:00:00.25'),
            (3, '!x', null, true, 'cis', '', '', '', true, false, '2026-01-01 00:00:00');
          insert into auth_group values (7, 'zoo'), (8, 'ops'), (9, 'empty');
          insert into auth_user_groups values (1, 1, 7), (2, 1, 8);"
            .replace("MOMENT", moment),
    );
    add_drf_token(&database, 2, BEAS_KEY);
    add_knox_token(&database, 3, KNOX_KEY, "null");
    database
}

pub const BEAS_KEY: &str = "00112233445566778899aabbccddeeff00112233";
pub const KNOX_KEY: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

pub fn add_drf_token(source: &TestDatabase, user_id: i64, key: &str) {
    source.sql(&format!("insert into authtoken_token values ('{key}', '2026-01-03 00:00:00', {user_id})"));
}

pub fn add_knox_token(source: &TestDatabase, user_id: i64, key: &str, expiry: &str) {
    use sha2::{Digest, Sha512};
    let digest: String = Sha512::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    source.sql(&format!(
        "insert into knox_authtoken values ('{digest}', '2026-01-03 00:00:00', {user_id}, {expiry}, '{}')",
        &key[..15]
    ));
}

/// A key of a Knox before 5.0, which stored the digest of the bytes that the key's hex digits stand for.
pub const OLD_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub fn add_old_knox_token(source: &TestDatabase, user_id: i64, key: &str) {
    use sha2::{Digest, Sha512};
    let bytes: Vec<u8> =
        (0..key.len()).step_by(2).map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap()).collect();
    let digest: String = Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    source.sql(&format!(
        "insert into knox_authtoken values ('{digest}', '2026-01-03 00:00:00', {user_id}, null, '{}')",
        &key[..8]
    ));
}

/// `jeton import django --from <source>` into `target`.
pub fn import(source: &TestDatabase, target: &TestDatabase, more: &[&str]) -> Output {
    jeton(target)
        .env("USER", "olga")
        .env("JETON_LOG", "warn")
        .run(&[&["import", "django", "--from", &source.url], more].concat())
}

/// The same, which must succeed. Returns its messages.
#[track_caller]
pub fn imported(source: &TestDatabase, target: &TestDatabase, more: &[&str]) -> String {
    let output = import(source, target, more);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
    output.stderr
}

/// A server on the database, after every token of the manifest that expires this century's first half has expired.
pub fn serve(database: TestDatabase, settings: &[(&str, &str)]) -> App {
    let now = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
    App::on(database.into(), Clock::fixed(now), settings)
}

/// The whole content of a database, to compare before and after.
pub fn everything(database: &TestDatabase) -> String {
    let dump = match &database.postgres {
        None => database.sql(".dump"),
        Some(postgres) => String::from_utf8(postgres.dump()).unwrap(),
    };
    // Each dump by pg_dump has a random word, and the first command that needs the secret key stores its mark.
    let is_ours = |line: &&str| !line.contains("restrict ") && !line.contains("secret_key_check");
    dump.lines().filter(is_ours).collect::<Vec<_>>().join("\n")
}

/// How many users, groups, memberships and tokens there are.
pub fn counts(database: &TestDatabase) -> String {
    database.sql(
        "select (select count(*) from users), (select count(*) from groups), (select count(*) from user_groups), \
         (select count(*) from tokens)",
    )
}
