//! docs/operating.md, "Back up and restore", PostgreSQL: the test runs every block of commands as it is written there.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::{PASSWORD, create_user, done, jeton, try_login};
use crate::documents::blocks::blocks;
use crate::support::app::{SECRET_KEY, TestDatabase};
use crate::support::postgres::{Cluster, private, program};
use crate::support::process::{BINARY, Jeton};

/// The commands that dump the database, remove its tables, and restore the dump.
struct Document {
    dump: String,
    empty: String,
    restore: String,
}

fn document() -> Document {
    let mut blocks = blocks("docs/operating.md", "PostgreSQL").into_iter().map(|block| block.text);
    let mut block = || blocks.next().expect("a block");
    let (dump, empty, restore) = (block(), block(), block());
    assert!(blocks.next().is_none(), "a block that this test does not run");
    Document { dump: dump.replace("$(date +%F)", "2026-11-27"), empty, restore }
}

/// Runs what an operator would paste.
#[track_caller]
fn paste(jeton: &Jeton, url: &str, text: &str) {
    let programs = program("psql").parent().unwrap().display().to_string();
    let here = jeton.dir.path().display();
    let mut shell = Command::new("sh");
    shell.args(["-euc", text]).current_dir(&jeton.dir).env("DATABASE_URL", url).env("JETON_SECRET_KEY", SECRET_KEY);
    shell.env("PATH", format!("{here}:{programs}:{}", std::env::var("PATH").unwrap()));
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{text}: {output:?}");
}

/// A database, and its URL for a role that owns it and is not a superuser.
fn owned(cluster: &Cluster) -> (TestDatabase, String) {
    let database = TestDatabase::of(cluster);
    let name = database.url.rsplit('/').next().unwrap();
    cluster.sql(&format!("create role of_{name} login; alter database {name} owner to of_{name}"));
    let url = database.url.replace("jeton@", &format!("of_{name}@"));
    (database, url)
}

fn at(url: &str) -> Jeton {
    let jeton = jeton(&TestDatabase { url: url.to_owned(), folder: None, postgres: None });
    symlink(BINARY, jeton.dir.path().join("jeton")).unwrap();
    jeton
}

/// Follows the document. amy is in the dump, and bob is created after it.
#[track_caller]
fn assert_restores(url: &str, dump: &str) {
    let (jeton, document) = (at(url), document());
    done(&jeton, &["migrate"]);
    create_user(&jeton, "amy", &[]);
    paste(&jeton, url, dump);
    create_user(&jeton, "bob", &[]);
    paste(&jeton, url, &document.empty);
    paste(&jeton, url, &document.restore);
    let users = done(&jeton, &["user", "list"]);
    assert!(users.contains("amy") && !users.contains("bob"), "{users}");
    assert_eq!(try_login(&jeton.serve(), "amy", PASSWORD).status, 200);
}

const SEARCH_INDEX_COUNT: &str = "select count(*) from pg_indexes where indexname = 'users_search'";

#[test]
fn a_dump_is_restored_where_another_role_owns_the_extension() {
    let cluster = private();
    let (database, url) = owned(&cluster);
    database.sql("create extension pg_trgm");
    assert_restores(&url, &document().dump);
    assert_eq!(database.sql(SEARCH_INDEX_COUNT), "1");
}

#[test]
fn a_dump_of_one_schema_is_restored_there_and_in_a_new_database() {
    let cluster = private();
    let (database, url) = owned(&cluster);
    let role = url.split("//").nth(1).unwrap().split('@').next().unwrap().to_owned();
    let schema = format!("create schema jeton authorization {role}");
    database.sql(&schema);
    let in_schema = |url: &str| format!("{url}?options=-csearch_path%3Djeton");
    let dump = document().dump.replace("pg_dump ", "pg_dump --schema=jeton ");
    let url = in_schema(&url);
    assert_restores(&url, &dump);
    assert_eq!(database.sql(SEARCH_INDEX_COUNT), "1");
    assert_eq!(
        database.sql(
            "select nspname from pg_extension join pg_namespace n on n.oid = extnamespace \
                             where extname = 'pg_trgm'"
        ),
        "jeton",
        "in the schema that was dumped"
    );

    let (other, elsewhere) = owned(&cluster);
    let its_role = elsewhere.split("//").nth(1).unwrap().split('@').next().unwrap();
    other.sql(&schema.replace(&role, its_role));
    let elsewhere = in_schema(&elsewhere);
    let jeton = at(&elsewhere);
    paste(&jeton, &url, &dump);
    paste(&jeton, &elsewhere, &document().restore);
    assert!(done(&jeton, &["user", "list"]).contains("amy"));
}

/// Tables that a newer jeton has added refer to tables that are in the dump.
#[test]
fn a_dump_of_an_older_jeton_is_restored_over_the_tables_of_a_newer_one() {
    let cluster = private();
    let (database, url) = owned(&cluster);
    let mine = TestDatabase { url: url.clone(), ..database };
    let owner = url.split("//").nth(1).unwrap().split('@').next().unwrap();
    mine.sql(include_str!("../fixtures/first/postgres.sql"));
    mine.sql(&format!(
        "do $$ declare one record; begin for one in select oid::regclass as it from pg_class where relkind = 'r' and \
         relnamespace = 'public'::regnamespace loop execute format('alter table %s owner to {owner}', one.it); \
         end loop; for one in select oid::regprocedure as it from pg_proc where proname like 'jeton%' loop execute \
         format('alter function %s owner to {owner}', one.it); end loop; end $$"
    ));
    let (jeton, document) = (at(&url), document());
    paste(&jeton, &url, &document.dump);
    done(&jeton, &["migrate"]);
    create_user(&jeton, "bob", &[]);
    paste(&jeton, &url, &document.empty);
    paste(&jeton, &url, &document.restore);
    let users = done(&jeton, &["user", "list"]);
    assert!(users.contains("admin") && !users.contains("bob"), "{users}");
    assert_eq!(mine.sql("select count(*) from login_networks"), "0", "the newer jeton's table is there again");
}
