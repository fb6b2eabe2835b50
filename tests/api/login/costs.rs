//! A login under a name without a password hash costs as much as the check of a user's hash, so that the cost does not
//! reveal which names exist. The tests measure the memory that argon2 takes, which is the same each time, unlike the
//! duration.

use std::fs;
use std::time::Duration;

use jeton::domain::password::{HashCosts, NameKey, PasswordHash};
use serde_json::Value;

use super::{WRONG, assert_answer};
use crate::commands::{jeton, try_login};
use crate::on_both;
use crate::support::app::{App, TestDatabase};
use crate::support::calls::PASSWORD;
use crate::support::eventually;
use crate::support::process::Serving;
use crate::support::watched::Watched;

const PBKDF2: &str = "pbkdf2_sha256$1000$oldsalt12chr$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0=";
const BCRYPT: &str = "bcrypt$$2b$04$kC4VbMcr87cjGABBqFhaq.7GBpDQTpqzD1RO3R2MwDZRnhaf6/af.";
const NAMES: u32 = 10_000;
const LIMIT: Duration = Duration::from_mins(2);

/// A hash whose check takes 128 MiB.
const COSTLY: &str =
    "$argon2id$v=19$m=131072,t=1,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$pRk44MNhke1+LoxnI9ruj6nVyYg2lz1VTXR/w/3JazE";

/// Users with hashes that jeton refuses without a check, so that the check of the dummy hash is the only cost.
const UNCHECKED: [(&str, &str); 4] = [
    ("bare", "!x"),
    ("legacy", "md5$oldsalt12chr$c6ec64b8b3957e377403f92be3ec3f10"),
    ("broken", "rot13$x$correct horse"),
    ("endless", "pbkdf2_sha256$4000000000$salt$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0="),
];

fn csv<'a>(users: impl IntoIterator<Item = (String, &'a str)>) -> String {
    let rows: Vec<String> =
        users.into_iter().map(|(name, hash)| format!("{name},{name}@example.com,\"{hash}\"\n")).collect();
    format!("username,email,password\n{}", rows.concat())
}

/// The counted costs with their numbers of users; empty before the first count.
fn counted(database: &TestDatabase) -> Vec<(String, u32)> {
    let text = database.sql("select value from meta where key = 'hash_costs'");
    if text.is_empty() {
        return Vec::new();
    }
    let count: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let costs = count["costs"].as_object().unwrap().iter();
    costs.map(|(dummy, users)| (dummy.clone(), u32::try_from(users.as_u64().unwrap()).unwrap())).collect()
}

/// By how many MiB the server's memory grew at most during a refused login.
fn memory_of_a_login(server: &Serving, name: &str) -> u64 {
    let proc = |file: &str| format!("/proc/{}/{file}", server.pid());
    let kib = |what: &str| -> u64 {
        let status = fs::read_to_string(proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    fs::write(proc("clear_refs"), "5").unwrap();
    let before = kib("VmRSS:");
    assert_answer(&try_login(server, name, "wrong"), 400, WRONG, name);
    kib("VmHWM:").saturating_sub(before) / 1024
}

fn insert(database: &TestDatabase, users: &[(&str, &str)]) {
    for (number, (name, hash)) in users.iter().enumerate() {
        database.sql(&format!(
            "insert into users (id, username, password, date_joined) \
             values ({}, '{name}', '{hash}', '2020-01-01 00:00:00')",
            number + 1
        ));
    }
}

on_both! {
    fn after_an_import_dummy_hashes_have_the_users_costs_in_the_same_proportions(db) {
        let app = App::start(db);
        let hashes = (0..100).map(|number| match number {
            0..60 => PBKDF2,
            60..90 => BCRYPT,
            _ => "",
        });
        let binary = app.binary();
        fs::write(binary.dir.path().join("users.csv"), csv(hashes.enumerate().map(|(number, hash)| (format!("u{number}"), hash)))).unwrap();
        assert_eq!(binary.run(&["import", "csv", "--from", "users.csv"]).status, 0);

        let costs = counted(&app.database);
        let users: Vec<(&str, u32)> = costs.iter().map(|(dummy, users)| (dummy.split_at(13).0, *users)).collect();
        assert_eq!(users, [("$argon2id$v=1", 1), ("bcrypt$$2b$04", 30), ("pbkdf2_sha256", 60)], "the admin's hash is one that jeton makes");
        let key = NameKey::from_hex(&app.database.sql("select value from meta where key = 'name_key'")).unwrap();
        let today = PasswordHash::from_stored(costs[0].0.clone());
        let chosen = || {
            let counted = HashCosts::of(costs.clone());
            (0..NAMES).map(|number| counted.dummy_for(&format!("name{number}"), &today, &key)).collect::<Vec<_>>()
        };
        let names = chosen();
        assert!(names == chosen(), "the same name always costs the same");
        for (dummy, users) in &costs {
            let found = u32::try_from(names.iter().filter(|chosen| chosen.as_str() == dummy).count()).unwrap();
            let expected = NAMES * users / 91;
            // Five standard deviations, each of 50 at most.
            assert!(found.abs_diff(expected) < 250, "{dummy}: {found}, not {expected}");
        }
        // Another node uses the same counts.
        let node = app.node(&[]);
        node.try_login("nobody", "wrong");
        assert_eq!(counted(&app.database), costs);
    }

    fn a_name_without_a_hash_costs_as_much_as_a_users_hash(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database).env("JETON_LOGIN_LIMIT_ADDRESS", "none");
        assert_eq!(jeton.run(&["migrate"]).status, 0);
        insert(&database, &[&[("carol", COSTLY)], &UNCHECKED[..]].concat());
        let server = jeton.serve();
        for name in ["carol", "nobody", "somebody", "x"].into_iter().chain(UNCHECKED.map(|(name, _)| name)) {
            let taken = memory_of_a_login(&server, name);
            assert!(taken >= 110, "{name}: {taken} MiB");
        }
        database.sql("update users set is_active = false");
        let taken = memory_of_a_login(&server, "carol");
        assert!(taken >= 110, "inactive: {taken} MiB");
    }

    fn a_running_server_notices_an_import(db) {
        let database = TestDatabase::new(db);
        let jeton = jeton(&database).env("JETON_LOGIN_LIMIT_ADDRESS", "none").env("JETON_LOGIN_LIMIT_USER", "none");
        let server = jeton.serve();
        let taken = memory_of_a_login(&server, "nobody");
        assert!(taken < 60, "no user has a costly hash: {taken} MiB");
        fs::write(jeton.dir.path().join("users.csv"), csv((0..50).map(|number| (format!("u{number}"), COSTLY)))).unwrap();
        let imported = jeton.run(&["import", "csv", "--from", "users.csv"]);
        assert_eq!(imported.status, 0, "{imported:?}");
        // Each login has another name, because a few names cost only as much as the admin's cheap hash.
        let mut names = (0..).map(|number| format!("nobody{number}"));
        let mut taken = || memory_of_a_login(&server, &names.next().unwrap());
        eventually("a costly dummy hash", LIMIT, || (taken() >= 110).then_some(()));
    }

    fn an_old_or_broken_count_is_replaced(db) {
        let app = App::start(db);
        let wait_for_costs = |number| {
            eventually("a count", LIMIT, || (counted(&app.database).len() == number).then_some(()));
        };
        wait_for_costs(1);
        insert(&app.database, &[("bob", PBKDF2)]);
        app.clock.advance(Duration::from_mins(11));
        wait_for_costs(2);
        app.sql("update meta set value = '{}' where key = 'hash_costs'");
        eventually("a count", LIMIT, || {
            let text = app.database.sql("select value from meta where key = 'hash_costs'");
            text.contains("pbkdf2_sha256$1000$").then_some(())
        });
    }
}

#[test]
fn a_refused_login_runs_the_same_queries_for_any_name() {
    let watched = Watched::start(&[]);
    let app = &watched.app;
    app.create_user("alice", PASSWORD, &serde_json::json!({}));
    app.create_user("ina", PASSWORD, &serde_json::json!({"is_active": false}));
    app.create_user("bare", PASSWORD, &serde_json::json!({}));
    app.sql("update users set password = '!x' where username = 'bare'");
    let queries_of = |name: &str| {
        watched.statements(&["\"users\"", "\"user_groups\"", "\"audit_log\""], |app| {
            assert_answer(&app.try_login(name, "wrong"), 400, WRONG, name);
        })
    };
    let of_alice = queries_of("alice");
    assert_eq!(of_alice.len(), 3, "the user, their groups, the audit log: {of_alice:#?}");
    for name in ["nobody", "ina", "bare"] {
        assert_eq!(queries_of(name), of_alice, "{name}");
    }
}
