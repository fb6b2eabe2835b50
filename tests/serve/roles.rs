//! A role that owns the tables, for `jeton migrate`, and one that reads and writes rows, for `jeton serve`.

use super::refuses_to_start;
use crate::commands::{PASSWORD, create_client, create_user, done, introspect, jeton, login};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::http::Request;
use crate::support::postgres;
use crate::support::process::Jeton;

const GRANTS: &str = "grant usage on schema public to app; \
    grant select, insert, update, delete on all tables in schema public to app";

/// A database of the owner's, and how the app reaches it.
fn apart(cluster: &postgres::Cluster) -> (TestDatabase, TestDatabase) {
    let database = TestDatabase::of(cluster);
    database.sql(
        "create role owner login; create role app login; revoke create on schema public from public; \
         grant create, usage on schema public to owner",
    );
    let as_role = |role: &str| database.url.replace("jeton@", &format!("{role}@"));
    let (owner, app) = (as_role("owner"), as_role("app"));
    let of_app = TestDatabase { url: app, folder: None, postgres: None };
    (TestDatabase { url: owner, ..database }, of_app)
}

#[test]
fn a_role_that_may_only_read_and_write_rows_serves() {
    let cluster = postgres::private();
    let (owner, app) = apart(&cluster);
    done(&jeton(&owner), &["migrate"]);
    owner.sql(GRANTS);
    let quiet = cluster.words().len();
    for migrate in ["false", "true"] {
        let jeton: Jeton = jeton(&app).env("JETON_MIGRATE", migrate);
        let name = format!("u{migrate}");
        create_user(&jeton, &name, &[]);
        let client = create_client(&jeton, &name);
        let node = jeton.serve();
        let key = login(&node, &name);
        assert_eq!(introspect(&node, &client, &key)["active"], true);
        for _ in 0..3 {
            assert_eq!(Request::new("GET", "/readyz").send(node.addr).status, 200);
        }
        assert_eq!(jeton.run_with_stdin(&["user", "set-password", &name, "--password-stdin"], PASSWORD).status, 0);
    }
    let words = cluster.words();
    assert!(!words[quiet..].contains("ERROR"), "{}", &words[quiet..]);
}

#[test]
fn a_role_that_may_not_migrate_is_told_who_may() {
    let cluster = postgres::private();
    let (owner, app) = apart(&cluster);
    owner.sql(include_str!("../fixtures/first/postgres.sql"));
    owner.sql(GRANTS);
    let words = refuses_to_start(&jeton(&app));
    assert!(words.contains("this role may not make and change the tables of postgres://app@"), "{words}");
    assert!(words.contains("run `jeton migrate` as their owner") && words.contains("JETON_MIGRATE=false"), "{words}");
}

on_both! {
    fn with_migrations_left_to_others_serve_makes_nothing(db) {
        let database = TestDatabase::new(db);
        let jeton: Jeton = jeton(&database).env("JETON_MIGRATE", "false");
        let words = refuses_to_start(&jeton);
        assert!(words.contains("there is no database of jeton's at"), "{words}");
        done(&jeton, &["migrate"]);
        let node = jeton.serve();
        assert_eq!(Request::new("GET", "/readyz").send(node.addr).status, 200);
    }
}
