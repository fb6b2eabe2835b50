//! `--update`: what changed at the source and not here follows, and nothing else.

use serde_json::{Value, json};

use super::{BEAS_KEY, add_drf_token, everything, import, imported, serve, small};
use crate::commands::{done, jeton, json_of};
use crate::serve::LIMIT;
use crate::support::app::TestDatabase;
use crate::support::console::Visit;
use crate::support::eventually;
use crate::{each_way, on_both};

const HASH: &str = "pbkdf2_sha256$1$s$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=";

/// Two hashes of one password, made by Django.
const OLD_PASSWORD: &str = "correct horse";
const OLD_HASH: &str = "pbkdf2_sha256$1000$oldsalt12chr$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0=";
const NEW_HASH: &str = "pbkdf2_sha1$1000$oldsalt12chr$eXsF8+KEXF0d2uaBenNie4n/vNA=";

fn user(target: &TestDatabase, name: &str) -> Value {
    json_of(&jeton(target).run(&["user", "show", name, "--json"]).stdout)
}

each_way! {
    fn what_changed_at_the_source_follows(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        imported(&source, &target, &[]);
        source.sql(&format!(
            "update auth_user set username = 'anna', email = 'anna@example.com', last_name = 'B' where id = 1;
             update auth_user set is_active = false, is_staff = false, password = '{HASH}' where id = 2;
             update auth_user_groups set group_id = 9 where group_id = 7"
        ));
        let before = everything(&target);
        let dry = imported(&source, &target, &["--update", "--dry-run"]);
        assert!(dry.contains("would follow the source: 2 users\n"), "{dry}");
        assert_eq!(everything(&target), before);
        // Without the flag rows stay; a renamed user does not stop the import.
        imported(&source, &target, &[]);
        assert_eq!(everything(&target), before);
        assert_eq!(imported(&source, &target, &["--update"]).lines().collect::<Vec<_>>(), [
            "imported: 0 users, 0 groups, 0 DRF tokens, 0 Knox tokens",
            "followed the source: 2 users",
            "skipped, because already here: 3 users, 3 groups, 1 DRF token, 1 Knox token",
        ]);
        let anna = user(&target, "anna");
        assert_eq!((&anna["id"], &anna["email"], &anna["last_name"]), (&json!(1), &json!("anna@example.com"), &json!("B")));
        assert_eq!(anna["groups"], json!(["empty", "ops"]));
        let bea = user(&target, "bea");
        assert_eq!((&bea["is_active"], &bea["is_staff"]), (&json!(false), &json!(false)));
        assert_eq!(target.sql("select password from users where id = 2"), HASH);
        let entries = "select action, target, details from audit_log where id > 3 order by id";
        assert_eq!(target.sql(entries).lines().collect::<Vec<_>>(), [
            r#"user.update|ann|{"username":"anna","email":"anna@example.com","last_name":"B","groups":["empty","ops"],"imported_from":"django"}"#,
            r#"user.update|anna|{"renamed_from":"ann"}"#,
            r#"user.update|bea|{"is_active":false,"is_staff":false,"imported_from":"django"}"#,
        ]);
        let before = everything(&target);
        let words = imported(&source, &target, &["--update"]);
        assert!(!words.contains("followed"), "{words}");
        assert_eq!(everything(&target), before);
        let app = serve(target, &[]);
        assert_eq!(app.explain(BEAS_KEY)["reason"], "user_inactive");
    }

    fn what_changed_here_stays(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        imported(&source, &target, &[]);
        target.sql("update users set email = 'here@example.com', first_name = 'Here' where id = 1");
        source.sql("update auth_user set email = 'there@example.com' where id = 1");
        for more in [&["--update", "--dry-run"][..], &["--update"], &["--update"]] {
            let words = imported(&source, &target, more);
            assert_eq!(words.lines().next(), Some("stays as it is here: user ann: email changed on both sides"));
            assert!(!words.contains("follow"), "{words}");
        }
        let ann = user(&target, "ann");
        assert_eq!((&ann["email"], &ann["first_name"]), (&json!("here@example.com"), &json!("Here")));
    }
}

on_both! {
    fn what_a_renamed_user_gets_is_recorded_under_the_new_name(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        imported(&source, &target, &[]);
        source.sql("update auth_user set username = 'anna' where id = 1");
        add_drf_token(&source, 1, &"1".repeat(40));
        let words = imported(&source, &target, &["--update"]);
        assert!(words.starts_with("imported: 0 users, 0 groups, 1 DRF token,"), "{words}");
        let entries = target.sql("select action, target, details from audit_log where id > 3 order by id");
        assert_eq!(entries.lines().collect::<Vec<_>>(), [
            r#"user.update|ann|{"username":"anna","imported_from":"django"}"#,
            r#"user.update|anna|{"renamed_from":"ann"}"#,
            r#"token.create|anna|{"imported_from":"django","tokens":1}"#,
        ]);
        // Somebody else may have the name by then.
        source.sql("insert into auth_user values (4, '!x', null, false, 'ann', '', '', '', false, true, '2026-01-01 00:00:00')");
        imported(&source, &target, &["--update"]);
        let app = serve(target, &[]);
        app.try_login("ann", "x");
        app.create_user("sam", "a ship that sails", &json!({"is_staff": true}));
        let mut visit = Visit::by(&app, ("sam", "a ship that sails"));
        let (anna, ann) = (visit.page("/console/users/@anna/activity"), visit.page("/console/users/@ann/activity"));
        assert_eq!([&anna, &ann].map(|page| page.matches("user created</span>").count()), [1, 1], "{ann}");
        assert_eq!([&anna, &ann].map(|page| page.matches("token made</span>").count()), [1, 0], "{ann}");
        assert_eq!([&anna, &ann].map(|page| page.contains("login refused</span>")), [false, true], "{anna}");
    }

    fn a_login_that_replaces_a_hash_does_not_change_the_password(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        source.sql(&format!("update auth_user set password = '{OLD_HASH}' where id = 1"));
        imported(&source, &target, &[]);
        let app = serve(target, &[]);
        app.login("ann", OLD_PASSWORD);
        let hash = || app.database.sql("select password from users where id = 1");
        eventually("the new hash", LIMIT, || hash().starts_with("$argon2id$").then_some(()));
        source.sql(&format!("update auth_user set password = '{NEW_HASH}' where id = 1"));
        let words = imported(&source, &app.database, &["--update"]);
        assert!(words.contains("followed the source: 1 user\n"), "{words}");
        assert_eq!(hash(), NEW_HASH);
        // A password that was set here is ours.
        let cli = jeton(&app.database);
        assert_eq!(cli.run_with_stdin(&["user", "set-password", "--password-stdin", "ann"], "a ship that sails").status, 0);
        source.sql(&format!("update auth_user set password = '{OLD_HASH}' where id = 1"));
        let words = imported(&source, &app.database, &["--update"]);
        assert_eq!(words.lines().next(), Some("stays as it is here: user ann: password changed on both sides"));
        assert_eq!(app.try_login("ann", "a ship that sails").status, 200);
    }

    fn users_of_an_import_that_remembered_nothing_stay(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        imported(&source, &target, &[]);
        target.sql("delete from imported_users");
        source.sql("update auth_user set email = 'there@example.com' where id = 1");
        let words = imported(&source, &target, &["--update"]);
        assert_eq!(words.lines().next(), Some("stays as it is here: user ann: email differs, and no import remembers why"));
        // From now on changes are known.
        source.sql("update auth_user set last_name = 'New' where id = 1");
        let words = imported(&source, &target, &["--update"]);
        assert!(words.contains("followed the source: 1 user\n"), "{words}");
        assert_eq!(user(&target, "ann")["last_name"], "New");
    }

    fn an_address_that_is_the_name_may_change(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        source.sql("update auth_user set email = username || '@example.com'");
        let flags = ["--username-column", "email"];
        imported(&source, &target, &flags);
        source.sql("update auth_user set email = 'anna@example.com' where id = 1");
        let words = imported(&source, &target, &flags);
        assert!(words.contains("already here: 3 users"), "{words}");
        assert_eq!(target.sql("select username from users where id = 1"), "ann@example.com");
        imported(&source, &target, &[&flags[..], &["--update"]].concat());
        assert_eq!(target.sql("select username from users where id = 1"), "anna@example.com");
    }

    fn the_last_superuser_stays_one(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        source.sql("update auth_user set is_active = true where id = 3");
        imported(&source, &target, &[]);
        source.sql("update auth_user set is_superuser = false where id = 3");
        // Of a rolled back transaction PostgreSQL keeps the counters.
        let state = || target.sql("select * from users order by id") + &target.sql("select count(*) from audit_log");
        let before = state();
        let output = import(&source, &target, &["--update"]);
        let words = "error: nothing was imported: with --update no active superuser would be left here\n";
        assert_eq!((output.status, output.stderr.as_str()), (1, words));
        assert_eq!(state(), before);
        done(&jeton(&target), &["user", "list"]);
    }

    fn a_name_that_somebody_else_has_clashes(db) {
        let (source, target) = (small(db), TestDatabase::new(db));
        imported(&source, &target, &[]);
        target.sql("update users set username = 'kim' where id = 3");
        source.sql("update auth_user set username = 'kim' where id = 1");
        let output = import(&source, &target, &["--update"]);
        assert!(output.status == 1 && output.stderr.contains("clash: user kim with id 1: the name kim has the id 3 here\n"), "{output:?}");
    }
}
