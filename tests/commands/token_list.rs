//! `jeton token list`: whose tokens, which end soon, which nobody uses.

use serde_json::{Value, json};

use super::{create_user, done, json_of, key_in, migrated};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::process::Jeton;

fn names(jeton: &Jeton, args: &[&str]) -> Vec<String> {
    let printed = json_of(&done(jeton, &[&["token", "list", "--json"], args].concat()));
    let name = |token: &Value| token["name"].as_str().unwrap_or("login").to_owned();
    printed.as_array().unwrap().iter().map(name).collect()
}

fn named(jeton: &Jeton, name: &str, more: &[&str]) {
    key_in(&done(jeton, &[&["token", "create", "amy", "--name", name], more].concat()), "amy");
}

on_both! {
    fn the_objects_say_whose_they_are(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        for name in ["amy", "bob"] {
            create_user(&jeton, name, &[]);
            done(&jeton, &["token", "create", name]);
        }
        let tokens = json_of(&done(&jeton, &["token", "list", "--json"]));
        let owners: Vec<&Value> = tokens.as_array().unwrap().iter().map(|token| &token["username"]).collect();
        assert_eq!(owners, ["amy", "bob"]);
        assert_eq!(json_of(&done(&jeton, &["token", "list", "bob", "--json"])), json!([tokens[1]]));
    }

    fn tokens_that_end_soon_are_found(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        create_user(&jeton, "bob", &[]);
        named(&jeton, "never", &[]);
        named(&jeton, "in a year", &["--expires-in", "365d"]);
        named(&jeton, "in a week", &["--expires-in", "7d"]);
        named(&jeton, "in a second", &["--expires-in", "1d"]);
        database.sql("update tokens set expires_at = '2026-01-01 00:00:00' where name = 'in a second'");
        done(&jeton, &["token", "create", "bob"]);
        assert_eq!(names(&jeton, &["--expiring", "14d"]), ["in a week"], "what has ended is no token that will end");
        assert_eq!(names(&jeton, &["--expiring", "6d"]), [""; 0]);
        assert_eq!(names(&jeton, &["--expiring", "366d"]), ["in a year", "in a week"]);
        assert_eq!(names(&jeton, &["bob", "--expiring", "366d"]), [""; 0]);
        done(&jeton, &["token", "create", "bob", "-r", "--grace", "2h"]);
        assert_eq!(names(&jeton, &["bob", "--expiring", "3h"]), ["login"], "the old one ends with its grace period");
        assert_eq!(names(&jeton, &["bob", "--expiring", "1h"]), [""; 0]);
        let table = done(&jeton, &["token", "list", "--expiring", "14d"]);
        assert!(table.lines().count() == 3 && table.contains("in a week"), "{table}");
    }

    fn tokens_of_inactive_users_are_marked(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        for name in ["amy", "bob"] {
            create_user(&jeton, name, &[]);
            done(&jeton, &["token", "create", name, "--name", "ci", "--expires-in", "1d"]);
        }
        done(&jeton, &["user", "deactivate", "bob"]);
        let table = done(&jeton, &["token", "list", "--expiring", "14d"]);
        assert!(table.contains("bob (inactive)") && !table.contains("amy (inactive)"), "{table}");
    }

    fn tokens_that_nobody_uses_are_found(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        for name in ["new", "old", "used lately", "used long ago", "unused and ending"] {
            named(&jeton, name, if name == "unused and ending" { &["--expires-in", "7d"] } else { &[] });
        }
        let (now, day) = if database.postgres.is_some() {
            ("now()", "now() - interval '1 day' * ")
        } else {
            ("strftime('%Y-%m-%d %H:%M:%f', 'now')", "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || {} || ' days')")
        };
        let ago = |days: &str| if day.contains("{}") { day.replace("{}", days) } else { format!("{day}{days}") };
        database.sql(&format!("update tokens set created_at = {} where name != 'new'", ago("200")));
        database.sql(&format!("update tokens set last_used_at = {now} where name = 'used lately'"));
        database.sql(&format!("update tokens set last_used_at = {} where name = 'used long ago'", ago("100")));
        assert_eq!(names(&jeton, &["--unused", "90d"]), ["old", "used long ago", "unused and ending"]);
        assert_eq!(names(&jeton, &["--unused", "150d"]), ["old", "unused and ending"]);
        assert_eq!(names(&jeton, &["--unused", "90d", "--expiring", "14d"]), ["unused and ending"], "both must hold");
        assert_eq!(names(&jeton, &["--unused", "0"]).len(), 5);
    }
}
