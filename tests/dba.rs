//! Details that administrators of PostgreSQL servers expect: collations, triggers, indexes, vacuum.

use std::time::Duration;

use serde_json::json;

use crate::commands::{create_client, create_user, done, introspect, jeton, login, migrated};
use crate::gateways::gateway::free_address;
use crate::on_both;
use crate::support::app::{ADMIN, App, Kind, TestDatabase};
use crate::support::console::Visit;
use crate::support::http::Request;
use crate::support::{eventually, postgres};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn name_columns_have_collation_c_whatever_the_databases_collation() {
    let database = TestDatabase::new(Kind::Postgres);
    let names = "select string_agg(attrelid::regclass || '.' || attname, ' ' order by attrelid::regclass::text, attname) \
                 from pg_attribute join pg_collation on pg_collation.oid = attcollation where collname = 'C' \
                 and attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r')";
    migrated(&database);
    let found = database.sql(names);
    assert_eq!(
        found,
        "client_usage.client_id clients.client_id groups.name login_networks.network meta.key tokens.client users.external_id users.username"
    );
}

#[test]
fn a_database_with_an_icu_collation_gives_the_same_lists_and_searches() {
    let cluster = postgres::private();
    cluster.sql("create database words template template0 locale_provider icu icu_locale 'de-DE'");
    let url = format!("postgres://jeton@{}/words", cluster.host());
    let jeton = jeton(&TestDatabase::new(Kind::Sqlite)).env("DATABASE_URL", url);
    done(&jeton, &["migrate"]);
    for name in ["Zoe", "ÄNNE", "anna", "Bob"] {
        create_user(&jeton, name, &[]);
    }
    create_user(&jeton, "root", &["--superuser"]);
    let server = jeton.serve();
    let key = login(&server, "root");
    let names = |query: &str| {
        let answer = Request::new("GET", &format!("/admin/users/?{query}")).token(&key).send(server.addr);
        let users = answer.json()["results"].as_array().unwrap().clone();
        users.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("ordering=username"), ["Bob", "Zoe", "anna", "root", "ÄNNE"], "as SQLite orders them");
    assert_eq!(names("search=%C3%A4nne"), ["ÄNNE"], "a search ignores the case of all letters");
    assert_eq!(names("search=BOB"), ["Bob"]);
}

#[test]
fn changes_in_a_session_with_replica_role_invalidate_cached_answers() {
    let app = App::start(Kind::Postgres);
    let key = app.alice();
    app.wait_until_synced();
    for (change, active) in [("is_active = false", false), ("is_active = true", true)] {
        assert_eq!(app.introspect(&key)["active"], !active, "the old answer is cached");
        app.sql(&format!("set session_replication_role = replica; update users set {change} where username = 'alice'"));
        assert_eq!(app.introspect(&key)["active"], active, "{change}");
    }
    app.sql("set session_replication_role = replica; delete from tokens");
    assert_eq!(app.introspect(&key), json!({"active": false}));
    let disabled = "select count(*) from pg_trigger where not tgisinternal and tgenabled <> 'A'";
    assert_eq!(app.sql(disabled), "0");
}

#[test]
fn tables_with_many_updates_are_vacuumed_early() {
    let database = TestDatabase::new(Kind::Postgres);
    migrated(&database);
    let tuned = "select string_agg(relname, ' ' order by relname) from pg_class \
                     where array_to_string(reloptions, ' ') like '%autovacuum_vacuum_scale_factor=0%'";
    assert_eq!(database.sql(tuned), "audit_log login_networks meta sessions tokens users");
}

#[test]
fn the_audit_log_is_filtered_by_small_indexes() {
    let app = App::start(Kind::Postgres);
    app.database.sql(
        "insert into audit_log (at, actor, action, target) \
         select now(), 'u' || n % 500, 'login', 'u' || n % 500 from generate_series(1, 20000) n; vacuum analyze audit_log",
    );
    let key = app.admin_token();
    let count = |query: &str| app.get(&format!("/admin/audit/?{query}"), &key).json()["count"].as_i64().unwrap();
    for (query, found, index) in [
        ("actor=u7", 40, "audit_log_target"),
        ("actor=system", 2, "audit_log_others"),
        ("action=client.create", 1, "audit_log_changes"),
    ] {
        assert_eq!(count(query), found, "{query}");
        eventually(index, LIMIT, || {
            count(query);
            let looks = format!("select idx_scan from pg_stat_user_indexes where indexrelname = '{index}'");
            (app.database.sql(&looks) != "0").then_some(())
        });
    }
    let large = "select count(*) from pg_index where indrelid = 'audit_log'::regclass and indpred is null";
    assert_eq!(app.database.sql(large), "3");
}

on_both! {
    fn the_console_does_not_count_a_long_audit_log(db) {
        let app = App::start(db);
        let series = if db == Kind::Postgres {
            "generate_series(1, 10100) as n"
        } else {
            "(with recursive c(n) as (values(1) union all select n + 1 from c where n < 10100) select n from c) as c"
        };
        app.database.sql(&format!(
            "insert into audit_log (at, actor, action, target) select '2025-06-15 00:00:00', 'x', 'login', 'many' from {series}"
        ));
        let mut visit = Visit::by(&app, ADMIN);
        let first = visit.page("/console/audit?target=many");
        assert!(first.contains("1–25 of more than 10000") && first.contains("page=2"), "{first}");
        let last = visit.page("/console/audit?target=many&page=404");
        assert!(last.contains("10076–10100 of more than 10000") && last.contains("page=403"), "{last}");
        assert_eq!(visit.get("/console/audit?target=many&page=405").status, 404);
        assert_eq!(app.get("/admin/audit/?target=many", &app.admin_token()).json()["count"], 10_100, "the API counts");
        let printed = app.command(&["audit", "--target", "many", "--limit", "10050"]);
        assert_eq!(printed.lines().count(), 10_051);
    }
}

#[test]
fn a_role_that_may_not_create_the_extension_is_warned_with_the_statement_to_run() {
    let cluster = postgres::private();
    let database = TestDatabase::of(&cluster);
    database.sql("create role app login; create schema app authorization app");
    let url = format!("{}?options=-csearch_path%3Dapp", database.url.replace("jeton@", "app@"));
    let jeton = jeton(&database).env("DATABASE_URL", &url);
    let migrates = || {
        let output = jeton.run(&["migrate"]);
        assert_eq!(output.status, 0, "{output:?}");
        output.stderr
    };
    let printed = migrates();
    assert!(
        printed.contains("searches among many users will be slow") && printed.contains("create extension pg_trgm"),
        "{printed}"
    );
    let server = jeton.serve();
    let words = "searches among many users will be slow";
    eventually("the warning in the log", LIMIT, || server.stderr().contains(words).then_some(()));
    assert_eq!(server.stderr().matches(words).count(), 1);
    database.sql("create extension pg_trgm");
    assert!(!migrates().contains("warning"));
    assert_eq!(database.sql("select indisvalid from pg_index where indexrelid = 'app.users_search'::regclass"), "t");
}

#[test]
fn an_invalid_index_of_searches_is_rebuilt_while_a_node_serves() {
    let database = TestDatabase::new(Kind::Postgres);
    let jeton = migrated(&database);
    // A node that ends while it builds the index leaves an invalid index.
    database.sql(
        "drop index users_search; insert into users (id, username, password, date_joined) \
        select n, 'u' || n % 2, '!', now() from generate_series(1, 1) n; \
        create index users_search on users (email); \
        update pg_index set indisvalid = false where indexrelid = 'users_search'::regclass",
    );
    let _server = jeton.serve();
    eventually("the index", LIMIT, || {
        let built = "select count(*) from pg_indexes join pg_index on indexrelid = to_regclass(indexname) \
                     where indexname = 'users_search' and indexdef like '%gin%' and indisvalid";
        (database.sql(built) == "1").then_some(())
    });
}

/// A stopped node reads nothing from its connection, and the server waits for it with an open transaction.
#[test]
fn a_stopped_node_does_not_hold_back_vacuum() {
    let host = free_address().ip();
    let cluster = postgres::private_with(&[&format!("listen_addresses={host}")]);
    let database = TestDatabase::of(&cluster);
    let by_tcp = database.url.replace(&cluster.host(), &host.to_string());
    let jeton = jeton(&database).env("DATABASE_URL", by_tcp);
    done(&jeton, &["migrate"]);
    create_user(&jeton, "amy", &[]);
    let client = create_client(&jeton, "billing");
    let server = jeton.serve();
    let key = login(&server, "amy");
    assert_eq!(introspect(&server, &client, &key)["active"], true);

    server.signal("STOP");
    let waiting = "select count(*) from pg_stat_activity where application_name = 'jeton' and backend_xmin is not null";
    eventually("a transaction that waits for the node", LIMIT, || {
        database.sql(
            "select count(pg_notify('jeton_changes', repeat('x', 7000) || n || now())) from generate_series(1, 100) n",
        );
        (database.sql(&format!("{waiting} and wait_event = 'ClientWrite'")) != "0").then_some(())
    });
    eventually("the end of that transaction", Duration::from_mins(2), || (database.sql(waiting) == "0").then_some(()));
    server.signal("CONT");
    eventually("a node that serves again", LIMIT, || {
        (Request::new("GET", "/readyz").send(server.addr).status == 200).then_some(())
    });
    assert_eq!(introspect(&server, &client, &key)["active"], true);
}
