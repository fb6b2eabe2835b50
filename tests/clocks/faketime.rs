//! Real nodes whose clocks faketime moves.

use std::fs;
use std::time::Duration;

use crate::commands::{self, create_client, create_user, done, introspect, key_in, login, migrated};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::http::Request;
use crate::support::process::Serving;
use crate::support::{eventually, wait_until_synced};

const LIMIT: Duration = Duration::from_secs(20);

fn me(node: &Serving, key: &str) -> u16 {
    Request::new("GET", "/me").token(key).send(node.addr).status
}

fn clock(node: &Serving) -> String {
    Request::new("GET", "/readyz").send(node.addr).json()["clock"].as_str().unwrap().to_owned()
}

on_both! {
    fn a_revoked_key_stays_dead_when_the_clock_is_set_back_and_the_log_has_a_warning(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "alice", &[]);
        let client = create_client(&jeton, "billing");
        let time = jeton.dir.path().join("time");
        fs::write(&time, "+0").unwrap();
        let node = jeton.serve_at(&time);
        let key = login(&node, "alice");
        assert_eq!((me(&node, &key), clock(&node).as_str()), (200, "ok"));
        let revoke = Request::new("POST", "/revoke").basic(&client.0, &client.1).form(&[("token", &key)]);
        assert_eq!(revoke.send(node.addr).status, 200);
        for (offset, state) in [("-600", "set back by 600."), ("+86400", "set forward by 87000."), ("+0", "set back by 86400.")] {
            fs::write(&time, offset).unwrap();
            assert_eq!(me(&node, &key), 401, "{offset}");
            // faketime does not move PostgreSQL's clock. So `/readyz` says either how far this node's clock was set, or
            // how far it is from the database's, whichever the node checked last.
            eventually(state, LIMIT, || {
                let clock = clock(&node);
                (clock.starts_with(state) || clock.ends_with("the database's")).then_some(())
            });
            assert_eq!(me(&node, &key), 401, "{offset}");
        }
        let warnings = |node: &Serving| node.stderr().matches("this node's clock cannot be trusted").count();
        assert_eq!(warnings(&node), 1, "once a minute at most: {node:?}");
    }

    fn a_revoke_on_a_host_whose_clock_is_ahead_ends_tokens_that_are_live_by_other_clocks(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "root", &["--superuser"]);
        create_user(&jeton, "amy", &[]);
        let client = create_client(&jeton, "billing");
        let node = jeton.serve();
        let ahead = commands::jeton(&database).ahead(2 * 86_400);
        let id_of = |key: &str| introspect(&node, &client, key)["jti"].as_str().unwrap().to_owned();
        for way in ["--user amy --yes", "--since 2020-01-01 --yes", "--all --yes", "ID"] {
            let old = login(&node, "amy");
            let regenerate = Request::new("POST", "/admin/users/amy/regenerate?grace=1h").token(&login(&node, "root"));
            assert_eq!(regenerate.send(node.addr).status, 200);
            let one_day = key_in(&done(&jeton, &["token", "create", "amy", "--name", "ci", "--expires-in", "1d"]), "amy");
            wait_until_synced(node.addr);
            assert_eq!([me(&node, &old), me(&node, &one_day)], [200; 2], "{way}: a token in its grace, and a token for one day");
            let ids = [id_of(&old), id_of(&one_day)];
            let ways = if way == "ID" { ids.iter().map(String::as_str).collect() } else { vec![way] };
            for way in ways {
                let output = ahead.run(&["token", "revoke"].into_iter().chain(way.split(' ')).collect::<Vec<_>>());
                assert!(output.status == 0 && output.stderr.contains("revoked"), "{way}: {output:?}");
                assert!(!output.stderr.contains("revoked 0"), "{way}: {output:?}");
            }
            wait_until_synced(node.addr);
            assert_eq!([me(&node, &old), me(&node, &one_day)], [401; 2], "{way}");
            let audited = done(&jeton, &["audit", "--action", "token.revoke", "--target", "amy", "--limit", "2"]);
            assert!(ids.iter().all(|id| audited.contains(id)), "{way}: {audited}");
        }
        let again = ahead.run(&["token", "revoke", "--all"]);
        assert!(again.stderr.contains("cancelled: there is no terminal"), "the last round's new key is live, so the command asks first: {again:?}");
    }
}

#[test]
fn a_server_over_sqlite_that_starts_with_a_clock_far_ahead_purges_nothing_and_warns_once() {
    let database = TestDatabase::new(Kind::Sqlite);
    let jeton = migrated(&database);
    create_user(&jeton, "alice", &[]);
    let trusted_time = "select value from meta where key = 'believed_time'";
    let server = jeton.serve();
    eventually("the trusted time is stored", LIMIT, || (!database.sql(trusted_time).is_empty()).then_some(()));
    server.signal("TERM");
    server.wait(LIMIT);
    let before = database.sql(trusted_time);
    let time = jeton.dir.path().join("time");
    fs::write(&time, "+3456000").unwrap();
    let server = jeton.serve_at(&time);
    let words = "40.0 days after it was last trusted";
    eventually("the clock's state", LIMIT, || (clock(&server) == words).then_some(()));
    // A node that trusts its clock purges as it starts, so the old entry could be gone by the time of this login.
    login(&server, "alice");
    assert!(database.sql("select target from audit_log where action = 'user.create'").contains("alice"), "not purged");
    assert_eq!(server.stderr().matches(words).count(), 1, "{server:?}");
    assert_eq!(database.sql(trusted_time), before);
}

#[test]
fn a_node_half_a_minute_behind_the_database_reports_and_logs_it() {
    let database = TestDatabase::new(Kind::Postgres);
    let jeton = migrated(&database);
    create_user(&jeton, "alice", &[]);
    let client = create_client(&jeton, "billing");
    let time = jeton.dir.path().join("time");
    fs::write(&time, "-30").unwrap();
    let (right, behind) = (jeton.serve(), jeton.serve_at(&time));
    let key = login(&right, "alice");
    assert_eq!([me(&right, &key), me(&behind, &key)], [200; 2]);
    let revoke = Request::new("POST", "/revoke").basic(&client.0, &client.1).form(&[("token", &key)]);
    assert_eq!(revoke.send(right.addr).status, 200);
    wait_until_synced(behind.addr);
    assert_eq!([me(&right, &key), me(&behind, &key)], [401; 2]);
    eventually("the difference in `/readyz`", LIMIT, || clock(&behind).starts_with("30.").then_some(()));
    assert!(clock(&behind).ends_with(" s behind the database's") && clock(&right) == "ok");
    eventually("a warning in the log", LIMIT, || behind.stderr().contains("s behind the database's").then_some(()));
}
