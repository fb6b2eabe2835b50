//! A role that owns the tables, for `jeton migrate`, and one that reads and writes rows, for `jeton serve`.

use std::time::Duration;

use super::{LIMIT, refuses_to_start};
use crate::commands::{PASSWORD, create_client, create_user, done, introspect, jeton, json_of, login};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::postgres;
use crate::support::process::Jeton;

const GRANTS: &str = "grant usage on schema public to app; \
    grant select, insert, update, delete on all tables in schema public to app";

/// A database as its owner, and the same database as the role of the application.
fn database_with_roles(cluster: &postgres::Cluster) -> (TestDatabase, TestDatabase) {
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
fn a_role_with_rights_on_rows_only_can_serve() {
    let cluster = postgres::private();
    let (owner, app) = database_with_roles(&cluster);
    done(&jeton(&owner), &["migrate"]);
    owner.sql(GRANTS);
    let quiet = cluster.log_text().len();
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
    let words = cluster.log_text();
    assert!(!words[quiet..].contains("ERROR"), "{}", &words[quiet..]);
}

#[test]
fn a_role_that_may_not_migrate_is_refused_with_a_hint_to_migrate_as_the_owner() {
    let cluster = postgres::private();
    let (owner, app) = database_with_roles(&cluster);
    owner.sql(include_str!("../fixtures/first/postgres.sql"));
    owner.sql(GRANTS);
    let words = refuses_to_start(&jeton(&app));
    assert!(words.contains("this role may not create and change the tables of postgres://app@"), "{words}");
    assert!(words.contains("run `jeton migrate` as their owner") && words.contains("JETON_MIGRATE=false"), "{words}");
}

#[test]
fn a_role_without_rights_on_the_tables_is_refused_with_the_grants_to_run() {
    let cluster = postgres::private();
    let (owner, app) = database_with_roles(&cluster);
    done(&jeton(&owner), &["migrate"]);
    let granted = "grant select, insert, update, delete on all tables in schema public to app";
    let words = refuses_to_start(&jeton(&app));
    assert!(words.contains("the role app may not read") && words.contains("tokens"), "{words}");
    assert!(words.contains("grant usage on schema public to app") && words.contains(granted), "{words}");
    owner.sql(GRANTS);
    owner.sql("revoke insert on audit_log from app");
    let output = jeton(&app).run_with_stdin(&["user", "create", "amy", "--password-stdin"], PASSWORD);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("audit_log") && output.stderr.contains("grant select, insert"), "{output:?}");
    cluster.sql_in(owner.url.rsplit('/').next().unwrap(), "revoke usage on schema public from app, public");
    let words = refuses_to_start(&jeton(&app));
    assert!(words.contains("grant usage on schema") && words.contains("to app"), "{words}");
}

#[test]
fn a_node_whose_role_may_no_longer_read_is_not_ready_and_gives_the_reason() {
    let cluster = postgres::private();
    let (owner, app) = database_with_roles(&cluster);
    done(&jeton(&owner), &["migrate"]);
    owner.sql(GRANTS);
    let node = jeton(&app).serve();
    let part = |part: &str| {
        let text = Request::new("GET", "/metrics").send(node.addr).text();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("jeton_ready{{part=\"{part}\"}} ")));
        value.expect("`/readyz` has each part").to_owned()
    };
    for (statement, status, database, gauge) in [
        ("revoke select on tokens from app", 503, "forbidden", "0"),
        ("grant select on tokens to app", 200, "ok", "1"),
        ("revoke usage on schema public from app, public", 503, "forbidden", "0"),
    ] {
        cluster.sql_in(owner.url.rsplit('/').next().unwrap(), statement);
        let answer = eventually(statement, LIMIT, || {
            let answer = Request::new("GET", "/readyz").send(node.addr);
            (answer.status == status).then_some(answer)
        });
        assert_eq!(answer.json()["database"], database, "{answer:?}");
        assert_eq!(answer.json()["detail"].as_str().is_some_and(|words| words.contains("grants")), status == 503);
        assert_eq!((part("node").as_str(), part("database").as_str()), (gauge, gauge), "{statement}");
        assert_eq!((part("disk").as_str(), part("clock").as_str()), ("1", "1"), "{statement}");
    }
    assert!(node.stderr().contains("the role app may not read tokens; let the owner"), "{}", node.stderr());
}

on_both! {
    fn without_migrations_serve_creates_no_database(db) {
        let database = TestDatabase::new(db);
        let jeton: Jeton = jeton(&database).env("JETON_MIGRATE", "false");
        let words = refuses_to_start(&jeton);
        assert!(words.contains("there is no database of jeton's at"), "{words}");
        done(&jeton, &["migrate"]);
        let node = jeton.serve();
        assert_eq!(Request::new("GET", "/readyz").send(node.addr).status, 200);
    }
}

#[test]
fn an_ordinary_role_sees_the_versions_and_addresses_of_nodes() {
    let cluster = postgres::private();
    let (owner, app) = database_with_roles(&cluster);
    done(&jeton(&owner), &["migrate"]);
    owner.sql(GRANTS);
    let jeton = jeton(&app);
    let nodes = [(); 2].map(|()| jeton.serve());
    let listed = eventually("both nodes", LIMIT, || {
        let report = json_of(&done(&jeton, &["doctor", "--json"]));
        let listed = report["nodes"].as_array().unwrap().clone();
        (listed.len() == 2).then_some(listed)
    });
    for node in &nodes {
        let one = listed.iter().find(|one| one["process"] == node.pid()).unwrap_or_else(|| panic!("{listed:?}"));
        assert_eq!(
            (one["version"].as_str(), one["is_older"].as_bool()),
            (Some(env!("CARGO_PKG_VERSION")), Some(false))
        );
        assert!(one["connected_since"].is_string() && one["silent_seconds"].is_null(), "{one}");
    }
    let printed = done(&jeton, &["doctor"]);
    let (_, table) = printed.split_once("\n\n").unwrap();
    assert!(table.starts_with("NODE") && table.lines().count() == 3, "{printed}");
    // A node that hangs is still connected, but no longer heard.
    nodes[1].signal("STOP");
    eventually("a silent node", LIMIT + Duration::from_secs(10), || {
        let report = json_of(&done(&jeton, &["doctor", "--json"]));
        let silent = report["nodes"].as_array().unwrap().iter().find(|one| one["silent_seconds"].is_u64()).cloned()?;
        assert_eq!(silent["process"], nodes[1].pid(), "{silent}");
        Some(())
    });
    assert!(done(&jeton, &["doctor"]).contains(" not heard for 1"));
    nodes[1].signal("CONT");
}
