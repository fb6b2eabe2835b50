//! A database that is missing, outdated or another application's: which commands create, migrate or refuse it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::commands::{PASSWORD, create_user, done, jeton, login};
use crate::import::{everything, file_of, fixture, small};
use crate::on_both;
use crate::support::app::{Kind, SECRET_KEY, TestDatabase};
use crate::support::process::{Jeton, Output};

/// The commands that need a database and never create one.
const NEVER_CREATE: [&str; 18] = [
    "user list",
    "user show amy",
    "user create amy",
    "user create amy --no-password --superuser",
    "user deactivate amy",
    "user activate amy",
    "user set-password amy --password-stdin",
    "user delete amy --yes",
    "token create amy",
    "token create amy --name ci",
    "token list",
    "token explain",
    "token revoke 1",
    "client create billing",
    "client list",
    "client rotate billing",
    "client delete billing --yes",
    "audit",
];

/// The commands that create a database if there is none.
const MAY_CREATE: [&str; 4] = ["serve", "", "migrate", "import csv --from users.csv"];

/// The one line that a refused command prints, on standard error.
#[track_caller]
fn refusal(jeton: &Jeton, command: &str) -> String {
    let args: Vec<&str> = command.split(' ').filter(|arg| !arg.is_empty()).collect();
    let output: Output = jeton.run(&args);
    let lines: Vec<&str> = output.stderr.lines().collect();
    assert_eq!((output.status, output.stdout.as_str(), lines.len()), (1, "", 1), "{command}: {output:?}");
    assert!(lines[0].starts_with("error: "), "{command}: {output:?}");
    lines[0].to_owned()
}

/// The names and contents of all files in a folder.
fn folder(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// The content of a database: its files, or its rows.
fn content_of(database: &TestDatabase) -> (BTreeMap<String, Vec<u8>>, String) {
    match &database.folder {
        Some(place) => (folder(place.path()), String::new()),
        None => (BTreeMap::new(), everything(database)),
    }
}

/// A folder whose `.env` sets the database, and for PostgreSQL the secret key, and nothing else.
fn in_a_folder_of(database: &TestDatabase) -> Jeton {
    let jeton = Jeton::new();
    let key = if database.postgres.is_some() { format!("JETON_SECRET_KEY={SECRET_KEY}\n") } else { String::new() };
    fs::write(jeton.dir.path().join(".env"), format!("DATABASE_URL='{}'\n{key}", database.url)).unwrap();
    fs::write(jeton.dir.path().join("users.csv"), "username\namy\n").unwrap();
    jeton
}

on_both! {
    fn only_serve_migrate_and_import_create_a_database(db) {
        let database = TestDatabase::new(db);
        let jeton = in_a_folder_of(&database);
        let (before, beside) = (content_of(&database), folder(jeton.dir.path()));
        for command in NEVER_CREATE {
            let why = refusal(&jeton, command);
            assert!(why.contains("there is no database of jeton's at") && why.contains(&database.url), "{command}: {why}");
            assert!(why.contains("jeton migrate"), "{why}");
            assert!(content_of(&database) == before && folder(jeton.dir.path()) == beside, "{command} creates nothing");
        }
        if db == Kind::Sqlite {
            // An empty file is not a database either.
            fs::write(file_of(&database), "").unwrap();
            let before = content_of(&database);
            assert!(refusal(&jeton, "user list").contains("there is no database of jeton's at"));
            assert!(content_of(&database) == before);
        }
        done(&jeton, &["migrate"]);
        assert_eq!(done(&jeton, &["user", "list", "--json"]), "[]\n");
    }

    fn only_migrate_updates_the_database_of_an_older_jeton(db) {
        let database = TestDatabase::new(db);
        let jeton = in_a_folder_of(&database);
        done(&jeton, &["migrate"]);
        create_user(&jeton, "amy", &[]);
        database.sql("drop table console_forms; delete from __diesel_schema_migrations where version = '20261128020100'");
        let before = database.sql("select count(*) from __diesel_schema_migrations");
        for command in NEVER_CREATE.iter().chain(&["import csv --from users.csv --dry-run"]) {
            let why = refusal(&jeton, command);
            assert!(why.contains("made by an older jeton") && why.contains("jeton migrate"), "{command}: {why}");
            assert_eq!(database.sql("select count(*) from __diesel_schema_migrations"), before, "{command}");
        }
        done(&jeton, &["migrate"]);
        assert!(done(&jeton, &["user", "list"]).contains("amy"));
    }

    fn a_django_projects_database_is_refused_and_unchanged(db) {
        let database = fixture(db);
        let jeton = in_a_folder_of(&database);
        let source = small(db);
        let import = format!("import django --from {}", source.url);
        let dry = format!("{import} --dry-run");
        let (before, beside) = (content_of(&database), folder(jeton.dir.path()));
        for command in NEVER_CREATE.iter().chain(&MAY_CREATE).chain(&["import csv --from users.csv --dry-run", &import, &dry]) {
            let why = refusal(&jeton, command);
            assert!(why.contains("tables that are not jeton's (auth_group, ") && why.contains(" more)"), "{command}: {why}");
            match db {
                Kind::Sqlite => assert!(why.contains("DATABASE_URL=sqlite://jeton.db"), "{why}"),
                Kind::Postgres => {
                    assert!(why.contains("the schema public of "), "{why}");
                    assert!(why.contains("`create schema jeton`") && why.contains("?options=-csearch_path%3Djeton"), "{why}");
                }
            }
            assert!(content_of(&database) == before && folder(jeton.dir.path()) == beside, "{command} changes nothing");
        }
    }

    fn a_database_that_another_program_migrates_with_diesel_is_refused(db) {
        let database = TestDatabase::new(db);
        database.sql(
            "create table __diesel_schema_migrations (version varchar(50) primary key, run_on timestamp);
             insert into __diesel_schema_migrations (version) values ('20200101000000');
             create table meta (key text); create table posts (id int);",
        );
        let (jeton, before) = (in_a_folder_of(&database), content_of(&database));
        for command in NEVER_CREATE.iter().chain(&MAY_CREATE) {
            assert!(refusal(&jeton, command).contains("(__diesel_schema_migrations, meta, posts)"), "{command}");
        }
        assert!(content_of(&database) == before);
    }

    fn other_tables_beside_jetons_own_are_accepted(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        done(&jeton, &["migrate"]);
        database.sql("create table spatial_ref_sys (srid int); create view names as select username from users");
        create_user(&jeton, "amy", &[]);
        done(&jeton, &["migrate"]);
        login(&jeton.serve(), "amy");
    }

    fn a_database_with_only_views_counts_as_empty(db) {
        let database = TestDatabase::new(db);
        database.sql("create view monitoring as select 1 as one");
        done(&jeton(&database), &["migrate"]);
    }
}

#[test]
fn a_django_database_in_wal_mode_gets_no_new_files() {
    let database = fixture(Kind::Sqlite);
    database.sql("pragma journal_mode = wal");
    let (jeton, before) = (in_a_folder_of(&database), content_of(&database));
    assert_eq!(before.0.len(), 1);
    for command in NEVER_CREATE.iter().chain(&MAY_CREATE) {
        assert!(refusal(&jeton, command).contains("auth_group"), "{command}");
        assert!(content_of(&database) == before, "{command}");
    }
}

#[test]
fn a_file_that_is_not_a_database_is_refused_in_one_line() {
    let database = TestDatabase::new(Kind::Sqlite);
    fs::write(file_of(&database), "dear diary, ".repeat(100)).unwrap();
    let (jeton, before) = (in_a_folder_of(&database), content_of(&database));
    for command in NEVER_CREATE.iter().chain(&MAY_CREATE) {
        let why = refusal(&jeton, command);
        assert!(why.contains("file is not a database") && why.contains(file_of(&database)), "{command}: {why}");
    }
    assert!(content_of(&database) == before);
}

#[test]
fn tables_of_extensions_do_not_count_as_foreign() {
    let database = TestDatabase::new(Kind::Postgres);
    database.sql(
        "create extension pg_trgm; create table spatial_ref_sys (srid int); alter extension pg_trgm add table spatial_ref_sys",
    );
    done(&jeton(&database), &["migrate"]);
}

#[test]
fn jeton_works_beside_django_in_its_own_schema() {
    let database = fixture(Kind::Postgres);
    let public = "select string_agg(relname || reltuples || relkind::text, ' ' order by relname) from pg_class \
                  where relnamespace = 'public'::regnamespace";
    let before = database.sql(public);
    let jeton = jeton(&database).env("DATABASE_URL", format!("{}?options=-csearch_path%3Djeton", database.url));
    for command in ["migrate", "user list"] {
        assert!(refusal(&jeton, command).contains("`create schema jeton`"), "the schema does not exist yet");
    }
    database.sql("create schema jeton");
    assert!(refusal(&jeton, "user list").contains("there is no database of jeton's"));
    done(&jeton, &["migrate"]);
    create_user(&jeton, "amy", &["--superuser"]);
    login(&jeton.serve(), "amy");
    assert_eq!(database.sql("select username from jeton.users"), "amy");
    assert_eq!(database.sql(public), before);
    let words = done(&jeton, &["user", "list"]);
    assert!(words.contains("amy") && !words.contains(PASSWORD));
}

#[test]
fn a_permanent_refusal_by_postgresql_is_reported_at_once() {
    let database = TestDatabase::new(Kind::Postgres);
    let no_database = database.url.rsplit_once('/').unwrap().0.to_owned() + "/no_such_database";
    for (url, words) in [
        (database.url.replace("jeton@", "nobody_at_all@"), "\"nobody_at_all\" does not exist"),
        (no_database, "\"no_such_database\" does not exist"),
    ] {
        let jeton = jeton(&database).env("DATABASE_URL", url);
        for command in ["serve", "migrate", "user list"] {
            let why = refusal(&jeton, command);
            assert!(why.contains(words) && !why.contains("timed out"), "{command}: {why}");
        }
    }
}
