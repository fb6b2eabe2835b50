//! The secret key is replaced while nodes run: no login fails, and no token stays sealed under the old key.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{LIMIT, refuses_to_start};
use crate::commands::{
    PASSWORD, create_client, create_user, done, introspect, jeton as jeton_on, json_of, login, migrated,
};
use crate::on_both;
use crate::support::app::{Kind, SECRET_KEY, TestDatabase};
use crate::support::http::Request;
use crate::support::process::{Jeton, Serving};
use crate::support::{eventually, wait_until_synced};

const OLD: &str = SECRET_KEY;
const NEW: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
const NEWEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Nodes reseal every five seconds.
const BOUND: Duration = Duration::from_secs(30);

fn with_keys(database: &TestDatabase, key: &str, fallbacks: &str) -> Jeton {
    jeton_on(database)
        .env("JETON_SECRET_KEY", key)
        .env("JETON_SECRET_KEY_FALLBACKS", fallbacks)
        // The machine may be busy.
        .env("JETON_DATABASE_TIMEOUT", "20s")
        .env("JETON_LOGIN_LIMIT_ADDRESS", "none")
}

/// How many login tokens are sealed under each key, and how many under none of them.
fn sealed(jeton: &Jeton) -> (Vec<u64>, u64) {
    let report = json_of(&done(jeton, &["doctor", "--json"]));
    let keys = report["secret_keys"].as_array().unwrap().iter().map(|key| key["sealed"].as_u64().unwrap());
    (keys.collect(), report["sealed_under_none"].as_u64().unwrap())
}

fn stop(server: &Serving) {
    server.signal("TERM");
    assert_eq!(server.wait(LIMIT).code(), Some(0), "{server:?}");
}

/// Three nodes, and users who log in at all of them, again and again.
struct Fleet<'a> {
    database: &'a TestDatabase,
    nodes: Mutex<Vec<Option<(SocketAddr, Serving)>>>,
    done: AtomicBool,
    logins: AtomicU32,
}

const USERS: [&str; 4] = ["amy", "bob", "cid", "dan"];

impl Fleet<'_> {
    fn address(&self, number: u32) -> Option<SocketAddr> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes[number as usize % nodes.len()].as_ref().map(|(addr, _)| *addr)
    }

    /// Users log in until the test stops them. Each login of a user must return the same key, at every node.
    fn log_in(&self) {
        let mut keys = BTreeMap::<&str, String>::new();
        while !self.done.load(Ordering::Acquire) {
            let number = self.logins.fetch_add(1, Ordering::AcqRel);
            let Some(addr) = self.address(number / 4) else { continue };
            let user = USERS[number as usize % USERS.len()];
            let request = Request::new("POST", "/api-token-auth/");
            // `roll` may remove the node meanwhile. Like a load balancer, it does so before the node stops.
            let Ok(answer) =
                std::panic::catch_unwind(|| request.json(&json!({"username": user, "password": PASSWORD})).send(addr))
            else {
                assert_ne!(self.address(number / 4), Some(addr), "a node that serves answers");
                continue;
            };
            assert_eq!(answer.status, 200, "{user}: {answer:?}");
            let key = answer.json()["token"].as_str().unwrap().to_owned();
            assert_eq!(*keys.entry(user).or_insert_with(|| key.clone()), key, "{user}");
        }
    }

    /// Restarts one node after the other with these keys.
    fn roll(&self, key: &str, fallbacks: &str) {
        for at in 0..3 {
            let old = self.nodes.lock().unwrap_or_else(PoisonError::into_inner)[at].take();
            if let Some((_, server)) = old {
                stop(&server);
            }
            let server = with_keys(self.database, key, fallbacks).serve();
            self.nodes.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some((server.addr, server));
            self.wait_for_logins();
        }
    }

    /// Waits for so many logins that each user has probably logged in at each node.
    fn wait_for_logins(&self) {
        let before = self.logins.load(Ordering::Acquire);
        eventually("logins", Duration::from_mins(1), || {
            (self.logins.load(Ordering::Acquire) > before + 24 || self.done.load(Ordering::Acquire)).then_some(())
        });
    }
}

on_both! {
    fn no_login_fails_while_the_key_is_replaced_node_by_node(db) {
        let database = TestDatabase::new(db);
        let first = migrated(&database);
        for user in USERS {
            create_user(&first, user, &[]);
        }
        // A user who does not log in meanwhile.
        create_user(&first, "eve", &[]);
        let eves = done(&first, &["token", "create", "eve"]);
        let nodes = [(); 3].map(|()| {
            let server = with_keys(&database, OLD, "").serve();
            Some((server.addr, server))
        });
        let fleet = Fleet {
            database: &database,
            nodes: Mutex::new(nodes.into()),
            done: AtomicBool::new(false),
            logins: AtomicU32::new(0),
        };
        thread::scope(|scope| {
            let users: Vec<_> = (0..2).map(|_| scope.spawn(|| fleet.log_in())).collect();
            let rolled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                fleet.wait_for_logins();
                fleet.roll(OLD, NEW);
                fleet.roll(NEW, OLD);
                let jeton = with_keys(&database, NEW, OLD);
                eventually("no seal under the old key", BOUND, || (sealed(&jeton) == (vec![5, 0], 0)).then_some(()));
                fleet.roll(NEW, "");
            }));
            fleet.done.store(true, Ordering::Release);
            for user in users {
                user.join().unwrap();
            }
            rolled.unwrap();
        });
        println!("{db:?}: {} logins", fleet.logins.load(Ordering::Acquire));
        let jeton = with_keys(&database, NEW, "");
        assert_eq!(done(&jeton, &["token", "create", "eve"]), eves, "resealed without a login");
        assert_eq!(database.sql("select count(*) from tokens"), "5", "no other token was created");
    }

    fn nodes_with_different_current_keys_do_not_undo_each_others_resealing(db) {
        let database = TestDatabase::new(db);
        create_user(&migrated(&database), "amy", &[]);
        let (behind, ahead) = (with_keys(&database, OLD, NEW), with_keys(&database, NEW, OLD));
        let old = behind.serve();
        let key = login(&old, "amy");
        let new = ahead.serve();
        eventually("a seal under the new key", BOUND, || (sealed(&ahead) == (vec![1, 0], 0)).then_some(()));
        // The old node still works, also after a restart, and reseals nothing under the old key.
        assert_eq!([login(&old, "amy"), login(&new, "amy")], [key.clone(), key.clone()]);
        stop(&old);
        let old = behind.serve();
        assert_eq!(login(&old, "amy"), key);
        assert_eq!(sealed(&ahead), (vec![1, 0], 0));
        // The new node reseals a seal of the old node at the user's next login at the new node.
        create_user(&ahead, "bob", &[]);
        let bobs = login(&old, "bob");
        assert_eq!(login(&new, "bob"), bobs);
        assert_eq!(sealed(&ahead), (vec![2, 0], 0));
        let report = json_of(&done(&behind, &["doctor", "--json"]));
        let is_current = |key: &Value| key["is_current"] == true;
        let keys = report["secret_keys"].as_array().unwrap();
        assert_eq!(keys.iter().map(is_current).collect::<Vec<_>>(), [false, true], "{report}");
    }

    fn a_node_without_the_new_key_fails_no_login_and_changes_no_seal(db) {
        let database = TestDatabase::new(db);
        create_user(&migrated(&database), "amy", &[]);
        let without_new_key = with_keys(&database, OLD, "").serve();
        let key = login(&without_new_key, "amy");
        let ahead = with_keys(&database, NEW, OLD);
        let client = create_client(&ahead, "billing");
        let with_new_key = ahead.serve();
        eventually("a seal under the new key", BOUND, || (sealed(&ahead) == (vec![1, 0], 0)).then_some(()));
        let beside = [login(&without_new_key, "amy"), login(&without_new_key, "amy")];
        assert!(beside.iter().all(|other| *other != key), "this node cannot open the seal");
        assert!(without_new_key.stderr().contains("a secret key that this node does not have"), "{}", without_new_key.stderr());
        assert_eq!(login(&with_new_key, "amy"), key, "the other node still returns the sealed key");
        for key in beside.iter().chain([&key]) {
            assert_eq!(introspect(&with_new_key, &client, key)["active"], true);
        }
        assert_eq!(sealed(&ahead), (vec![1, 0], 0));
        done(&ahead, &["token", "create", "-r", "amy"]);
        for key in beside.iter().chain([&key]) {
            assert_eq!(introspect(&with_new_key, &client, key)["active"], false, "one regenerate revokes all of them");
        }
    }

    fn a_start_needs_the_databases_current_key_as_its_own_or_as_a_fallback(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        done(&jeton, &["token", "create", "amy"]);
        let refused = |key: &str, fallbacks: &str| refuses_to_start(&with_keys(&database, key, fallbacks));
        let starts = |key: &str, fallbacks: &str| drop(with_keys(&database, key, fallbacks).serve());
        assert!(refused(NEW, "").contains("is not the database's current secret key; set that one"));
        assert!(refused(NEW, NEWEST).contains("is not the database's current secret key; set that one"));
        starts(OLD, NEW);
        assert!(refused(NEW, "").contains("is not the database's"), "a key that is only a fallback of other nodes");
        starts(NEW, &format!("{NEWEST}, {OLD}"));
        let why = refused(OLD, "");
        assert!(why.contains("was replaced by a newer key") && !why.contains(&OLD[..8]), "{why}");
        starts(NEW, "");
        starts(OLD, NEW);
        let why = refused(NEWEST, "");
        assert!(why.contains("current secret key") && !why.contains("first"), "the first key was replaced: {why}");
        starts(NEWEST, NEW);
        for (key, fallbacks) in [(OLD, ""), (NEW, OLD), (OLD, NEW)] {
            assert!(refused(key, fallbacks).contains("was replaced by a newer key"));
        }
        starts(NEW, &format!("{OLD},{NEWEST}"));
        starts(NEWEST, "");
    }

    fn keys_in_files_are_replaced_without_a_restart(db) {
        let database = TestDatabase::new(db);
        create_user(&migrated(&database), "amy", &[]);
        let jeton = Jeton::new();
        let write = |name: &str, text: &str| fs::write(jeton.dir.path().join(name), text).unwrap();
        write("key", OLD);
        write("fallbacks", "");
        let jeton = jeton
            .env("DATABASE_URL", &database.url)
            .env("JETON_SECRET_KEY_FILE", "key")
            .env("JETON_SECRET_KEY_FALLBACKS_FILE", "fallbacks")
            .env("JETON_ARGON2_MEMORY_KIB", "64")
            .env("JETON_ARGON2_ITERATIONS", "1");
        let write = |name: &str, text: &str| fs::write(jeton.dir.path().join(name), text).unwrap();
        let server = jeton.serve();
        let key = login(&server, "amy");
        let reload = |times: usize| {
            server.signal("HUP");
            eventually("the keys", LIMIT, || {
                let count = server.stderr().lines().filter(|line| line.ends_with("JETON_SECRET_KEY was reloaded")).count();
                (count == times).then_some(())
            });
        };
        write("fallbacks", NEW);
        reload(1);
        write("key", &format!("{NEW}\n"));
        write("fallbacks", &format!("{OLD}\n"));
        reload(2);
        assert_eq!(login(&server, "amy"), key);
        eventually("no seal under the old key", BOUND, || (sealed(&jeton) == (vec![1, 0], 0)).then_some(()));
        write("fallbacks", "");
        reload(3);
        assert_eq!(login(&server, "amy"), key);
        // A key that does not fit is refused, and the old one stays in use.
        write("key", NEWEST);
        server.signal("HUP");
        eventually("an error", LIMIT, || server.stderr().contains("JETON_SECRET_KEY cannot be reloaded and stays as it was: ").then_some(()));
        assert_eq!(login(&server, "amy"), key);
        wait_until_synced(server.addr);
    }

    fn doctor_counts_the_tokens_sealed_under_each_key_and_changes_nothing(db) {
        let database = TestDatabase::new(db);
        let old = migrated(&database);
        for user in ["amy", "bob"] {
            create_user(&old, user, &[]);
            done(&old, &["token", "create", user]);
        }
        let everything = "select key, value from meta where key like '%secret%'";
        let before = database.sql(everything);
        assert_eq!(sealed(&old), (vec![2], 0));
        let rotated = with_keys(&database, NEW, OLD);
        assert_eq!(sealed(&rotated), (vec![0, 2], 0));
        assert_eq!(sealed(&with_keys(&database, NEW, "")), (vec![0], 2));
        let printed = done(&rotated, &["doctor"]);
        let lines: Vec<&str> = printed.lines().collect();
        assert!(lines[0].starts_with("the database ") && lines[0].ends_with(" answers, and its schema fits this version"), "{printed}");
        assert_eq!(lines[1..], [
            "SECRET KEY                    SEALED LOGIN TOKENS  CURRENT",
            "JETON_SECRET_KEY              0",
            "JETON_SECRET_KEY_FALLBACKS 1  2                    yes",
            "none of these                 0",
        ]);
        for key in [OLD, NEW] {
            assert!(!printed.contains(&key[..8]), "{printed}");
        }
        assert_eq!(database.sql(everything), before);
    }
}

/// Without the setting, the key of an SQLite database is generated in a file beside it.
#[test]
fn the_generated_key_of_an_sqlite_database_can_be_replaced_too() {
    let database = TestDatabase::new(Kind::Sqlite);
    let bare = || super::bare().env("DATABASE_URL", &database.url).env("JETON_LOGIN_LIMIT_ADDRESS", "none");
    let server = bare().serve();
    create_user(&bare(), "amy", &[]);
    let key = login(&server, "amy");
    stop(&server);
    let own = fs::read_to_string(database.folder.as_ref().unwrap().path().join("jeton.db.key")).unwrap();
    let rotated = bare().env("JETON_SECRET_KEY", NEW).env("JETON_SECRET_KEY_FALLBACKS", own.trim());
    let server = rotated.serve();
    assert_eq!(login(&server, "amy"), key);
    eventually("no seal under the old key", BOUND, || (sealed(&rotated).0[1] == 0).then_some(()));
    stop(&server);
    assert_eq!(login(&bare().env("JETON_SECRET_KEY", NEW).serve(), "amy"), key);
}
