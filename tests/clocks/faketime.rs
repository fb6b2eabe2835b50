//! Real nodes whose clocks faketime moves.

use std::fs;
use std::time::Duration;

use crate::commands::{create_client, create_user, login, migrated};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::http::Request;
use crate::support::process::Serving;
use crate::support::{eventually, heard};

const LIMIT: Duration = Duration::from_secs(20);

fn me(node: &Serving, key: &str) -> u16 {
    Request::new("GET", "/me").token(key).send(node.addr).status
}

fn clock(node: &Serving) -> String {
    Request::new("GET", "/readyz").send(node.addr).json()["clock"].as_str().unwrap().to_owned()
}

on_both! {
    fn a_revoked_key_stays_dead_when_the_clock_is_set_back_and_the_log_says_that_it_was(db) {
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
            // PostgreSQL's clock is not moved: which of both is told depends on what was looked at last.
            eventually(state, LIMIT, || {
                let clock = clock(&node);
                (clock.starts_with(state) || clock.ends_with("the database's")).then_some(())
            });
            assert_eq!(me(&node, &key), 401, "{offset}");
        }
        let told = |node: &Serving| node.stderr().matches("this node's clock is not to be believed").count();
        assert_eq!(told(&node), 1, "once a minute at most: {node:?}");
    }
}

#[test]
fn of_two_nodes_one_is_half_a_minute_behind_and_says_so() {
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
    heard(behind.addr);
    assert_eq!([me(&right, &key), me(&behind, &key)], [401; 2]);
    eventually("the difference", LIMIT, || clock(&behind).starts_with("30.").then_some(()));
    assert!(clock(&behind).ends_with(" s behind the database's") && clock(&right) == "ok");
    eventually("a word in the log", LIMIT, || behind.stderr().contains("s behind the database's").then_some(()));
}
