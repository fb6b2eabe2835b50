//! A database that is not there, not up to date, or somebody else's: what makes one, and what only looks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::commands::{PASSWORD, create_user, done, jeton, login};
use crate::import::{everything, file_of, fixture, small};
use crate::on_both;
use crate::support::app::{Kind, SECRET_KEY, TestDatabase};
use crate::support::process::{Jeton, Output};

/// Every command that needs a database and makes none.
const LOOKERS: [&str; 18] = [
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

/// And those that do.
const MAKERS: [&str; 4] = ["serve", "", "migrate", "import csv --from users.csv"];

/// Its one line on standard error; there is nothing else to read.
#[track_caller]
fn refusal(jeton: &Jeton, command: &str) -> String {
    let args: Vec<&str> = command.split(' ').filter(|arg| !arg.is_empty()).collect();
    let output: Output = jeton.run(&args);
    let lines: Vec<&str> = output.stderr.lines().collect();
    assert_eq!((output.status, output.stdout.as_str(), lines.len()), (1, "", 1), "{command}: {output:?}");
    assert!(lines[0].starts_with("error: "), "{command}: {output:?}");
    lines[0].to_owned()
}

/// Everything in a folder, to the byte.
fn folder(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// As a database is now: its files, or its rows.
fn whole(database: &TestDatabase) -> (BTreeMap<String, Vec<u8>>, String) {
    match &database.folder {
        Some(place) => (folder(place.path()), String::new()),
        None => (BTreeMap::new(), everything(database)),
    }
}

/// No setting but where the database is, in `.env`, as a project's folder has it.
fn in_a_folder_of(database: &TestDatabase) -> Jeton {
    let jeton = Jeton::new();
    let key = if database.postgres.is_some() { format!("JETON_SECRET_KEY={SECRET_KEY}\n") } else { String::new() };
    fs::write(jeton.dir.path().join(".env"), format!("DATABASE_URL='{}'\n{key}", database.url)).unwrap();
    fs::write(jeton.dir.path().join("users.csv"), "username\namy\n").unwrap();
    jeton
}

on_both! {
    fn only_serve_migrate_and_import_make_a_database(db) {
        let database = TestDatabase::new(db);
        let jeton = in_a_folder_of(&database);
        let (before, beside) = (whole(&database), folder(jeton.dir.path()));
        for command in LOOKERS {
            let why = refusal(&jeton, command);
            assert!(why.contains("there is no database of jeton's at") && why.contains(&database.url), "{command}: {why}");
            assert!(why.contains("jeton migrate"), "{why}");
            assert!(whole(&database) == before && folder(jeton.dir.path()) == beside, "{command} makes nothing");
        }
        if db == Kind::Sqlite {
            // An empty file is none either.
            fs::write(file_of(&database), "").unwrap();
            let before = whole(&database);
            assert!(refusal(&jeton, "user list").contains("there is no database of jeton's at"));
            assert!(whole(&database) == before);
        }
        done(&jeton, &["migrate"]);
        assert_eq!(done(&jeton, &["user", "list", "--json"]), "[]\n");
    }

    fn an_older_database_is_brought_up_to_date_by_migrate_alone(db) {
        let database = TestDatabase::new(db);
        let jeton = in_a_folder_of(&database);
        done(&jeton, &["migrate"]);
        create_user(&jeton, "amy", &[]);
        database.sql("drop table console_forms; delete from __diesel_schema_migrations where version = '20261128020100'");
        let before = database.sql("select count(*) from __diesel_schema_migrations");
        for command in LOOKERS.iter().chain(&["import csv --from users.csv --dry-run"]) {
            let why = refusal(&jeton, command);
            assert!(why.contains("made by an older jeton") && why.contains("jeton migrate"), "{command}: {why}");
            assert_eq!(database.sql("select count(*) from __diesel_schema_migrations"), before, "{command}");
        }
        done(&jeton, &["migrate"]);
        assert!(done(&jeton, &["user", "list"]).contains("amy"));
    }

    fn a_django_projects_database_is_left_as_it_is(db) {
        let database = fixture(db);
        let jeton = in_a_folder_of(&database);
        let source = small(db);
        let import = format!("import django --from {}", source.url);
        let dry = format!("{import} --dry-run");
        let (before, beside) = (whole(&database), folder(jeton.dir.path()));
        for command in LOOKERS.iter().chain(&MAKERS).chain(&["import csv --from users.csv --dry-run", &import, &dry]) {
            let why = refusal(&jeton, command);
            assert!(why.contains("tables that are not jeton's (auth_group, ") && why.contains(" more)"), "{command}: {why}");
            match db {
                Kind::Sqlite => assert!(why.contains("DATABASE_URL=sqlite://jeton.db"), "{why}"),
                Kind::Postgres => {
                    assert!(why.contains("the schema public of "), "{why}");
                    assert!(why.contains("`create schema jeton`") && why.contains("?options=-csearch_path%3Djeton"), "{why}");
                }
            }
            assert!(whole(&database) == before && folder(jeton.dir.path()) == beside, "{command} changes nothing");
        }
    }

    fn another_program_that_diesel_migrates_is_somebody_else(db) {
        let database = TestDatabase::new(db);
        database.sql(
            "create table __diesel_schema_migrations (version varchar(50) primary key, run_on timestamp);
             insert into __diesel_schema_migrations (version) values ('20200101000000');
             create table meta (key text); create table posts (id int);",
        );
        let (jeton, before) = (in_a_folder_of(&database), whole(&database));
        for command in LOOKERS.iter().chain(&MAKERS) {
            assert!(refusal(&jeton, command).contains("(__diesel_schema_migrations, meta, posts)"), "{command}");
        }
        assert!(whole(&database) == before);
    }

    fn what_others_put_beside_jetons_tables_is_no_fault(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database);
        done(&jeton, &["migrate"]);
        database.sql("create table spatial_ref_sys (srid int); create view names as select username from users");
        create_user(&jeton, "amy", &[]);
        done(&jeton, &["migrate"]);
        login(&jeton.serve(), "amy");
    }

    fn views_are_nobodys_tables(db) {
        let database = TestDatabase::new(db);
        database.sql("create view monitoring as select 1 as one");
        done(&jeton(&database), &["migrate"]);
    }
}

#[test]
fn a_django_database_with_a_log_gets_no_company() {
    let database = fixture(Kind::Sqlite);
    database.sql("pragma journal_mode = wal");
    let (jeton, before) = (in_a_folder_of(&database), whole(&database));
    assert_eq!(before.0.len(), 1);
    for command in LOOKERS.iter().chain(&MAKERS) {
        assert!(refusal(&jeton, command).contains("auth_group"), "{command}");
        assert!(whole(&database) == before, "{command}");
    }
}

#[test]
fn a_file_that_is_no_database_is_one_line() {
    let database = TestDatabase::new(Kind::Sqlite);
    fs::write(file_of(&database), "dear diary, ".repeat(100)).unwrap();
    let (jeton, before) = (in_a_folder_of(&database), whole(&database));
    for command in LOOKERS.iter().chain(&MAKERS) {
        let why = refusal(&jeton, command);
        assert!(why.contains("file is not a database") && why.contains(file_of(&database)), "{command}: {why}");
    }
    assert!(whole(&database) == before);
}

#[test]
fn what_extensions_bring_is_nobodys() {
    let database = TestDatabase::new(Kind::Postgres);
    database.sql(
        "create extension pg_trgm; create table spatial_ref_sys (srid int); alter extension pg_trgm add table spatial_ref_sys",
    );
    done(&jeton(&database), &["migrate"]);
}

#[test]
fn jeton_lives_beside_django_in_a_schema_of_its_own() {
    let database = fixture(Kind::Postgres);
    let public = "select string_agg(relname || reltuples || relkind::text, ' ' order by relname) from pg_class \
                  where relnamespace = 'public'::regnamespace";
    let before = database.sql(public);
    let jeton = jeton(&database).env("DATABASE_URL", format!("{}?options=-csearch_path%3Djeton", database.url));
    for command in ["migrate", "user list"] {
        assert!(refusal(&jeton, command).contains("`create schema jeton`"), "the schema is still to be made");
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
fn what_postgresql_refuses_for_good_is_told_at_once() {
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
