//! What the name of a login may be (`JETON_LOGIN_BY`), and whether its case counts (`JETON_USERNAME_CASE`).

use serde_json::{Value, json};

use super::{PASSWORD, WRONG, assert_answer, with_alice};
use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::console::Visit;
use crate::support::http::{Request, base64};

const EMAIL: (&str, &str) = ("JETON_LOGIN_BY", "email");
const EITHER: (&str, &str) = ("JETON_LOGIN_BY", "username,email");
const IGNORE: (&str, &str) = ("JETON_USERNAME_CASE", "ignore");
const PER_USER: (&str, &str) = ("JETON_LOGIN_LIMIT_USER", "3/min");

/// alice, bob and carol; the last two have the same e-mail address, and dave has none. The admin has one, too, so that
/// they can log in.
fn people(db: Kind, settings: &[(&str, &str)]) -> App {
    let app = with_alice(db, &[]);
    for (name, email) in [("bob", "both@example.com"), ("carol", "both@example.com"), ("dave", "")] {
        app.create_user(name, PASSWORD, &json!({ "email": email }));
    }
    app.sql("update users set email = 'Alice@example.com' where username = 'alice'");
    app.sql("update users set email = 'admin@example.com' where username = 'admin'");
    app.node(settings)
}

/// The first of these that log in with the right password.
fn admitted<'a>(app: &App, names: &[&'a str]) -> Vec<&'a str> {
    names.iter().copied().filter(|name| app.try_login(name, PASSWORD).status == 200).collect()
}

/// Actor, target and reason of the newest entries about logins of anybody but the admin.
fn logins(app: &App) -> Vec<(String, String, String)> {
    let rows = app.sql(
        "select actor, target, details from audit_log where action like 'login%' and actor not like 'admin%' order by id",
    );
    let text = |row: &str, column: usize| row.split('|').nth(column).unwrap_or_default().to_owned();
    let reason =
        |details: &str| serde_json::from_str::<Value>(details).unwrap()["reason"].as_str().unwrap_or("-").into();
    rows.lines().map(|row| (text(row, 0), text(row, 1), reason(&text(row, 2)))).collect()
}

const NAMES: [&str; 6] = ["alice", "ALICE", "Alice@example.com", "alice@EXAMPLE.com", "both@example.com", "bob"];

on_both! {
    fn users_log_in_by_what_the_setting_says(db) {
        let app = people(db, &[]);
        assert_eq!(admitted(&app, &NAMES), ["alice", "bob"]);
        assert_eq!(admitted(&app.node(&[IGNORE]), &NAMES), ["alice", "ALICE", "bob"]);
        assert_eq!(admitted(&app.node(&[EMAIL]), &NAMES), ["Alice@example.com"]);
        assert_eq!(admitted(&app.node(&[EMAIL, IGNORE]), &NAMES), ["Alice@example.com", "alice@EXAMPLE.com"]);
        assert_eq!(admitted(&app.node(&[EITHER]), &NAMES), ["alice", "Alice@example.com", "bob"]);
        let all = ["alice", "ALICE", "Alice@example.com", "alice@EXAMPLE.com", "bob"];
        assert_eq!(admitted(&app.node(&[EITHER, IGNORE]), &NAMES), all);
    }

    fn letters_of_other_scripts_have_case_too(db) {
        let app = people(db, &[IGNORE]);
        for name in ["jürgen", "Иван", "alıce"] {
            app.create_user(name, PASSWORD, &json!({}));
        }
        assert_eq!(admitted(&app, &["JÜRGEN", "jürgen", "ИВАН", "иван", "jurgen", "ALICE"]), ["JÜRGEN", "jürgen", "ИВАН", "иван", "ALICE"]);
        assert_eq!(app.try_login("alice", PASSWORD).status, 200, "a dotless i is another letter");
        assert_eq!(admitted(&app.node(&[]), &["JÜRGEN", "jürgen", "ИВАН"]), ["jürgen"]);
    }

    fn an_address_in_the_field_email_is_taken_where_users_log_in_by_it(db) {
        let by_username = people(db, &[]);
        let body = json!({"email": "Alice@example.com", "password": PASSWORD});
        let post = || Request::new("POST", "/api-token-auth/").json(&body);
        assert_answer(&by_username.send(post()), 400, r#"{"username":["This field is required."]}"#, "not a field");
        for by in [EMAIL, EITHER] {
            assert_eq!(by_username.node(&[by]).send(post()).status, 200, "{by:?}");
        }
    }

    fn a_username_counts_before_an_address_and_no_address_is_nobodys(db) {
        let app = people(db, &[EITHER, ("JETON_LOGIN_FORMAT", "knox")]);
        app.sql("update users set username = 'Alice@example.com' where username = 'dave'");
        let answer = app.try_login("Alice@example.com", PASSWORD);
        assert_eq!(answer.status, 200, "{answer:?}");
        let last = app.sql("select actor from audit_log where action = 'login' order by id desc limit 1");
        assert_eq!(last, "Alice@example.com");
        let key = answer.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(app.introspect(&key)["email"], "", "it is the one with the name, and not alice");
        // Now nobody but this user has no address.
        assert_eq!(app.sql("select count(*) from users where email = ''"), "1");
        for credentials in [format!(":{PASSWORD}"), format!("\0:{PASSWORD}")] {
            let basic = format!("Basic {}", base64(credentials.as_bytes()));
            let answer = app.send(Request::new("POST", "/api-token-auth/").header("Authorization", basic));
            assert_eq!(answer.status, 401, "{answer:?}");
        }
    }

    fn the_audit_log_names_the_user_whatever_they_log_in_by(db) {
        let app = people(db, &[EITHER, IGNORE]);
        app.sql("delete from audit_log");
        for (name, password) in [
            ("Alice@EXAMPLE.com", PASSWORD),
            ("ALICE", PASSWORD),
            ("alice@example.com", "wrong"),
            ("Nobody@example.com", "wrong"),
            ("both@example.com", PASSWORD),
        ] {
            app.try_login(name, password);
        }
        let entry = |who: &str, reason: &str| (who.to_owned(), who.to_owned(), reason.to_owned());
        assert_eq!(logins(&app), [
            entry("alice", "-"),
            entry("alice", "-"),
            entry("alice", "wrong_password"),
            entry("Nobody@example.com", "unknown_user"),
            entry("both@example.com", "unknown_user"),
        ]);
    }

    fn limits_of_a_name_hold_whatever_its_case(db) {
        let app = people(db, &[EITHER, IGNORE, PER_USER]);
        for names in [["alice", "ALICE", "aLice"], ["alice@example.com", "ALICE@example.com", "alice@Example.com"]] {
            for name in names {
                assert_answer(&app.try_login(name, "wrong"), 400, WRONG, name);
            }
            assert_eq!(app.try_login(&names[0].replace('a', "A"), PASSWORD).status, 429, "{names:?}");
        }
        let exact = people(db, &[PER_USER]);
        for name in ["alice", "ALICE", "aLice"] {
            exact.try_login(name, "wrong");
        }
        assert_eq!(exact.try_login("alice", PASSWORD).status, 200);
    }

    fn a_known_network_counts_for_the_user_whatever_they_log_in_by(db) {
        let app = people(db, &[EITHER, IGNORE, ("JETON_LOGIN_LIMIT_ACCOUNT", "2/hour"), ("JETON_TRUSTED_PROXIES", "127.0.0.1")]);
        let from = |address: &str, name: &str, password: &str| {
            let body = json!({"username": name, "password": password});
            app.send(Request::new("POST", "/api-token-auth/").json(&body).header("X-Forwarded-For", address)).status
        };
        assert_eq!(from("192.0.2.9", "alice", PASSWORD), 200);
        for name in ["ALICE@example.com", "alice@example.com"] {
            assert_eq!(from("192.0.2.1", name, "wrong"), 400);
        }
        assert_eq!(from("192.0.2.1", "Alice@example.com", PASSWORD), 429);
        assert_eq!(from("192.0.2.9", "Alice@example.com", PASSWORD), 200);
    }

    fn a_password_confirms_changes_whatever_users_log_in_by(db) {
        let app = people(db, &[EMAIL]);
        let key = app.login("Alice@example.com", PASSWORD);
        let wrong = app.post("/tokens/", &key, &json!({"name": "backup", "password": "wrong"}));
        assert_eq!(wrong.status, 400, "{wrong:?}");
        app.name_token(&key, &json!({"name": "backup"}));
        let body = json!({"old_password": PASSWORD, "new_password": "three grey herons"});
        let answer = app.post("/me/password", &key, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        app.login("Alice@example.com", "three grey herons");
    }

    fn staff_sign_in_to_the_console_by_either(db) {
        let app = people(db, &[EMAIL, IGNORE]);
        for name in ["admin", "ADMIN", "Admin@example.com"] {
            Visit::by(&app, (name, ADMIN.1));
        }
        let names = "select distinct actor || ' ' || target from audit_log where details like '%console%'";
        assert_eq!(app.sql(names), "admin admin");
        let exact = app.node(&[]);
        let mut visit = Visit::new(&exact);
        assert_eq!(visit.sign_in("Admin@example.com", ADMIN.1).status, 400);
    }

    fn no_two_names_may_differ_by_case_only(db) {
        let app = people(db, &[IGNORE]);
        let key = app.login("ADMIN", ADMIN.1);
        let taken = json!({"username": ["A user with that username already exists."]});
        let create = app.post("/admin/users/", &key, &json!({"username": "Alice", "password": PASSWORD}));
        assert_eq!((create.status, create.json()), (400, taken.clone()));
        let rename = |from: &str, to: &str| {
            let body = json!({ "username": to });
            app.send(Request::new("PATCH", &format!("/admin/users/{from}/")).token(&key).json(&body))
        };
        assert_eq!((rename("bob", "aLICE").status, rename("bob", "aLICE").json()), (400, taken));
        assert_eq!(rename("bob", "BOB").status, 200, "one's own name in another case");
        let csv = app.binary().env("JETON_USERNAME_CASE", "ignore");
        std::fs::write(csv.dir.path().join("users.csv"), "username\nErin\nCAROL\n").unwrap();
        let output = csv.run(&["import", "csv", "--from", "users.csv"]);
        assert_eq!(output.status, 1, "{output:?}");
        assert!(output.stderr.contains("`CAROL` and `carol`"), "{output:?}");
        assert_eq!(app.sql("select count(*) from users"), "5", "nothing was imported");
        let exact = app.node(&[]);
        exact.create_user("Alice", PASSWORD, &json!({}));
        assert_eq!(admitted(&app, &["alice", "Alice", "ALICE"]), ["alice", "Alice"], "an ambiguous name is nobody's");
    }

    fn a_start_is_refused_while_two_names_differ_by_case_only(db) {
        let app = people(db, &[]);
        app.create_user("Alice", PASSWORD, &json!({}));
        app.create_user("ÉLISE", PASSWORD, &json!({}));
        app.create_user("élise", PASSWORD, &json!({}));
        let jeton = app.binary().env("JETON_USERNAME_CASE", "ignore").env("JETON_LISTEN", "127.0.0.1:0");
        let output = jeton.run(&["serve"]);
        assert_eq!(output.status, 1, "{output:?}");
        let why = output.stderr.lines().next_back().unwrap();
        assert!(why.contains("`Alice` and `alice`") && why.contains("`ÉLISE` and `élise`"), "{why}");
        assert!(why.contains("JETON_USERNAME_CASE=exact"), "{why}");
        app.sql("delete from users where username in ('Alice', 'ÉLISE')");
        drop(jeton.serve());
    }
}
