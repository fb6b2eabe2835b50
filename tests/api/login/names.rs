//! What the name of a login may be (`JETON_LOGIN_BY`), and whether its case counts (`JETON_USERNAME_CASE`).

use jeton::domain::time::{Clock, Timestamp};
use serde_json::{Value, json};

use super::{PASSWORD, WRONG, assert_answer, with_alice};
use crate::on_both;
use crate::support::app::{ADMIN, App, Kind, TestDatabase};
use crate::support::console::Visit;
use crate::support::http::{Request, base64};
use crate::support::postgres;
use crate::support::process::Jeton;

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

/// Which names of other scripts count as one, whatever database decides which letters are lower case.
#[track_caller]
fn assert_folded(app: &App) {
    let key = app.admin_token();
    for name in ["Οδυσσευς", "Straße", "İzmir", "ilkin", "Люда"] {
        let answer = app.post("/admin/users/", &key, &json!({"username": name, "password": PASSWORD}));
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let equal =
        ["ΟΔΥΣΣΕΥΣ", "οδυσσευς", "οδυσσευσ", "οδυςςευς", "STRAẞE", "straße", "İZMIR", "ILKIN", "IlKin", "ЛЮДА", "люда"];
    assert_eq!(admitted(app, &equal), equal);
    let other = ["izmir", "IZMIR", "ızmır", "i\u{307}zmir", "strasse", "STRASSE", "ılkın", "İLKİN", "лёда", "ΟΔΥΣΣΕΥ"];
    assert_eq!(admitted(app, &other), [""; 0]);
    for taken in ["ΟΔΥΣΣΕΥΣ", "οδυσσευσ", "STRAẞE", "ILKIN", "ЛЮДА"] {
        let answer = app.post("/admin/users/", &key, &json!({"username": taken, "password": PASSWORD}));
        assert_eq!(answer.status, 400, "{taken}: {answer:?}");
    }
    app.sql("update users set email = username || '@example.com' where username not in ('admin', 'alice')");
    let by_email = app.node(&[EMAIL, IGNORE]);
    let addresses = ["ΟΔΥΣΣΕΥΣ@EXAMPLE.com", "οδυσσευς@example.com", "STRAẞE@example.com", "ILKIN@example.com"];
    assert_eq!(admitted(&by_email, &addresses), addresses);
    app.sql(
        "insert into users (id, username, password, date_joined) values (1999999999, 'οδυσσευσ', '!', '2026-01-01 00:00:00')",
    );
    assert_eq!(app.try_login("ΟΔΥΣΣΕΥΣ", PASSWORD).status, 400, "an ambiguous name is nobody's");
    let jeton = app.binary().env("JETON_USERNAME_CASE", "ignore").env("JETON_LISTEN", "127.0.0.1:0");
    let output = jeton.run(&["serve"]);
    assert!(output.stderr.contains("`Οδυσσευς` and `οδυσσευσ`"), "{output:?}");
}

#[test]
fn postgresql_finds_the_same_names_whatever_its_locale() {
    let cluster = postgres::shared();
    for database in cluster.create_with_other_locales() {
        let migrate = Jeton::new().env("DATABASE_URL", &database.url).run(&["migrate"]);
        assert_eq!(migrate.status, 0, "{migrate:?}");
        let clock = Clock::fixed(Timestamp::from_micros(1_750_000_000_123_456));
        let app = App::on(TestDatabase::from(database).into(), clock, &[IGNORE]);
        app.sql("update users set email = 'admin@example.com' where username = 'admin'");
        assert_folded(&app);
    }
}

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

    fn letters_count_as_one_as_in_unicode(db) {
        assert_folded(&people(db, &[IGNORE]));
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

    fn a_network_known_of_a_name_is_not_known_of_the_same_text_as_an_address(db) {
        let limits = [("JETON_LOGIN_LIMIT_ACCOUNT", "2/hour"), ("JETON_TRUSTED_PROXIES", "127.0.0.1")];
        let app = people(db, &[EITHER, limits[0], limits[1]]);
        // bob's name is carol's address.
        app.sql("update users set username = 'carol@example.com', email = '' where username = 'bob'");
        app.sql("update users set email = 'carol@example.com' where username = 'carol'");
        let from = |address: &str, field: &str, password: &str| {
            let mut body = json!({ "password": password });
            body[field] = json!("carol@example.com");
            app.send(Request::new("POST", "/api-token-auth/").json(&body).header("X-Forwarded-For", address)).status
        };
        let (of_bob, of_carol) = ("192.0.2.8", "192.0.2.9");
        assert_eq!([from(of_bob, "username", PASSWORD), from(of_carol, "email", PASSWORD)], [200; 2]);
        assert_eq!([from("192.0.2.1", "username", "wrong"), from("192.0.2.1", "email", "wrong")], [400; 2]);
        let statuses = |address| ["username", "email"].map(|field| from(address, field, PASSWORD));
        assert_eq!((statuses(of_bob), statuses(of_carol)), ([200, 429], [429, 200]));
        // What was looked up is remembered for a minute: the same in the other order, and without that memory.
        app.clock.advance(std::time::Duration::from_mins(2));
        let statuses = |address| ["email", "username"].map(|field| from(address, field, PASSWORD));
        assert_eq!((statuses(of_bob), statuses(of_carol)), ([429, 200], [200, 429]));
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
