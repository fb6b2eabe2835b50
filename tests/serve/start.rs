//! The conditions that a start requires of the database and of the secret key.
#![allow(clippy::disallowed_methods, reason = "it measures how long a real process takes")]

use std::fs;
use std::time::Instant;

use super::{bare, refuses_to_start};
use crate::commands::{create_user, done, jeton, login, migrated};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};

const OTHER_KEY: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

on_both! {
    fn a_wrong_secret_key_is_refused_at_start(db) {
        let database = TestDatabase::new(db);
        let right = migrated(&database);
        create_user(&right, "amy", &[]);
        done(&right, &["token", "create", "amy"]);
        let wrong = jeton(&database).env("JETON_SECRET_KEY", OTHER_KEY);
        let why = refuses_to_start(&wrong);
        assert!(why.contains("JETON_SECRET_KEY") && !why.contains(&OTHER_KEY[..8]), "{why}");
        assert_eq!(wrong.run(&["token", "create", "amy"]).status, 1, "a command would seal a token under the wrong key");
        login(&right.serve(), "amy");
    }

    fn a_database_newer_than_the_binary_is_refused(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        done(&jeton, &["migrate"]);
        database.sql("insert into __diesel_schema_migrations (version, run_on) values ('29990101000000', '2999-01-01 00:00:00')");
        // A newer schema may still be usable by this version. This one is not.
        database.sql("update meta set value = '29990101000000' where key = 'schema_usable_from'");
        let why = refuses_to_start(&jeton);
        assert!(why.contains("29990101000000") && why.contains("newer jeton"), "{why}");
        for args in [&["migrate"][..], &["user", "list"]] {
            let output = jeton.run(args);
            assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
            assert!(output.stderr.contains("29990101000000"), "{output:?}");
        }
    }

    fn migrate_prints_each_migration_that_it_runs_and_runs_it_once(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        let count = "select count(*) from __diesel_schema_migrations";
        let first = jeton.run(&["migrate"]);
        assert_eq!((first.status, first.stdout.as_str()), (0, ""), "{first:?}");
        let ran = first.stderr.lines().filter(|line| line.starts_with("ran the migration ")).count();
        assert_eq!(database.sql(count), ran.to_string(), "{first:?}");
        let second = jeton.run(&["migrate"]);
        assert_eq!((second.status, second.stderr.as_str()), (0, "the database is up to date\n"));
        assert_eq!(database.sql(count), ran.to_string());
    }

    fn a_cache_larger_than_the_memory_is_refused_with_the_settings_name(db) {
        let database = TestDatabase::new(db);
        let why = refuses_to_start(&jeton(&database).env("JETON_CACHE_BYTES", "1000000000GiB"));
        assert!(why.contains("JETON_CACHE_BYTES") && !why.contains("panicked"), "{why}");
    }

    fn each_start_without_an_active_superuser_warns(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        let warned = || jeton.serve().stderr().contains("there is no active superuser");
        if db == Kind::Sqlite {
            assert!(!warned(), "the first start creates a superuser");
            database.sql("update users set is_active = false");
        }
        assert!(warned() && warned(), "each start warns");
        create_user(&jeton, "amy", &["--staff"]);
        assert!(jeton.serve().stderr().contains("jeton user create --superuser NAME"));
        create_user(&jeton, "root", &["--superuser"]);
        assert!(!warned());
    }

    /// Prints how long a start takes; machines differ too much for an assertion.
    fn a_start_on_an_existing_database_is_quick(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        done(&jeton, &["migrate"]);
        let started = Instant::now();
        let server = jeton.serve();
        println!("{db:?}: listens after {:?}", started.elapsed());
        assert_eq!(crate::support::http::Request::new("GET", "/readyz").send(server.addr).status, 200);
    }
}

#[test]
fn postgresql_needs_the_secret_key_only_in_single_mode() {
    let database = TestDatabase::new(Kind::Postgres);
    let jeton = || bare().env("DATABASE_URL", &database.url);
    let why = refuses_to_start(&jeton());
    assert!(why.contains("JETON_SECRET_KEY must be set"), "{why}");
    let empty = jeton();
    assert_eq!(empty.run(&["serve"]).status, 1);
    assert_eq!(fs::read_dir(&empty.dir).unwrap().count(), 0, "no key is created");
    jeton().env("JETON_TOKEN_MODE", "multiple").serve();
}

#[test]
fn an_unreachable_postgresql_is_one_error_line_without_the_password() {
    for (url, args) in [
        ("postgres://amy:hunter22@127.0.0.1:1/jeton", &["serve"][..]),
        ("postgres://amy:hunter22@/jeton?host=/nonexistent", &["migrate"]),
        ("postgres://amy@127.0.0.1:1/jeton?password=hunter22", &["user", "list"]),
    ] {
        let jeton = bare().env("DATABASE_URL", url).env("JETON_SECRET_KEY", OTHER_KEY).env("JETON_LOG", "trace");
        let output = jeton.run(args);
        assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
        assert!(output.stderr.contains("error: the database is not available"), "{output:?}");
        assert!(!output.stderr.contains("hunter22"), "{output:?}");
        assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0);
    }
}
