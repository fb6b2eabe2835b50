//! `POST /api-token-auth/`: who gets a token, and the messages about each field.

mod accept;
mod accounts;
mod bodies;
mod costs;
mod django;
mod expiry;
mod formats;
mod limit;
mod limits;
mod modes;
mod names;
mod prefix;
mod refusals;
mod rehash;
mod single;
pub mod sliding;
mod sliding_unwritten;

use serde_json::json;

use crate::on_both;
use crate::support::app::App;
use crate::support::http::{Answer, Request};

pub use crate::support::calls::PASSWORD;
pub const WRONG: &str = r#"{"non_field_errors":["Unable to log in with provided credentials."]}"#;
pub const BOTH_MISSING: &str = r#"{"username":["This field is required."],"password":["This field is required."]}"#;
const USERNAME_BLANK: &str = r#"{"username":["This field may not be blank."]}"#;

/// A jeton with one user, `alice`.
pub fn with_alice(db: crate::support::app::Kind, settings: &[(&str, &str)]) -> App {
    let app = App::with(db, settings);
    app.create_user("alice", PASSWORD, &json!({}));
    app
}

pub fn post(content_type: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", "/api-token-auth/").body(content_type, body)
}

pub fn post_json(body: impl Into<Vec<u8>>) -> Request {
    post("application/json", body)
}

/// Checks status, body and headers; only an answer with a token has `no-store`.
#[track_caller]
pub fn assert_answer(answer: &Answer, status: u16, body: &str, about: &str) {
    assert_eq!((answer.status, answer.text().as_str()), (status, body), "{about}");
    assert_eq!(answer.headers_named("Content-Type"), ["application/json"], "{about}");
    assert_eq!(answer.headers_named("Allow"), ["POST, OPTIONS"], "{about}");
    assert_eq!(answer.header("WWW-Authenticate"), None, "{about}");
    if body.contains("\"token\":") && answer.status == 200 && !body.contains("read_only") {
        assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"), "{about}");
    }
}

/// The body of a login's answer with this key.
pub fn holding(key: &str) -> String {
    assert!(key.len() == 40 && key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{key}");
    format!("{{\"token\":\"{key}\"}}")
}

on_both! {
    fn every_kind_of_body_logs_in(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        let form = "username=alice&password=a+quiet+harbour+at+noon";
        let part = |name: &str, value: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let multipart = part("username", "alice") + &part("password", PASSWORD) + &part("more", "1") + "--x--\r\n";
        let object = format!("{{\"username\":\"alice\",\"password\":\"{PASSWORD}\"}}");
        for (content_type, body) in [
            ("application/json", object.clone()),
            ("application/json; charset=utf-8", object.clone()),
            ("APPLICATION/JSON;x=y", object.clone()),
            ("application/json", object.replace('{', "{\"more\":[{}],\"token\":null,")),
            ("application/x-www-form-urlencoded", form.to_owned()),
            ("application/x-www-form-urlencoded; charset=utf-8", form.to_owned()),
            ("application/x-www-form-urlencoded", format!("more=1&&{form}&more")),
            ("multipart/form-data; boundary=x", multipart.clone()),
            ("multipart/form-data; boundary=\"x\"; charset=utf-8", multipart),
        ] {
            assert_answer(&app.send(post(content_type, body)), 200, &holding(&key), content_type);
        }
    }

    fn the_path_works_without_its_slash_and_ignores_the_query(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        let body = json!({"username": "alice", "password": PASSWORD});
        for path in ["", "/", "?format=xml", "/?format=json", "/?username=bob&password=x&indent=4"] {
            let answer = app.send(Request::new("POST", &format!("/api-token-auth{path}")).json(&body));
            assert_answer(&answer, 200, &holding(&key), path);
        }
    }

    fn a_stale_authorization_header_is_ignored(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        for header in ["Token", "Token x", "Token a b", "Basic zzz", "Bearer x"] {
            let request = post_json(json!({"username": "alice", "password": PASSWORD}).to_string());
            assert_answer(&app.send(request.header("Authorization", header)), 200, &holding(&key), header);
        }
    }

    fn every_wrong_name_or_password_gets_the_same_answer(db) {
        let app = with_alice(db, &[]);
        app.create_user("ina", PASSWORD, &json!({"is_active": false}));
        for (name, stored) in [
            ("unusable", "!kJ8xRYNgFkd3yr5SqWtsGHSJnjNPMPzxjIhzyUBq"),
            ("empty", ""),
            ("unknown", "rot13$x$y"),
            ("corrupt", "pbkdf2_sha256$1$s"),
            ("half", "$argon2id$v=19$m=64,t=1"),
        ] {
            app.create_user(name, PASSWORD, &json!({}));
            app.database.sql(&format!("update users set password = '{stored}' where username = '{name}'"));
        }
        let long = "x".repeat(30_000);
        for (username, password) in [
            ("alice", "wrong"),
            ("alice", "a quiet harbour at noon "),
            ("alice", " a quiet harbour at noon"),
            ("alice", "Correct horse battery"),
            ("ALICE", PASSWORD),
            ("nobody", PASSWORD),
            ("ina", PASSWORD),
            ("unusable", PASSWORD),
            ("unusable", "!kJ8xRYNgFkd3yr5SqWtsGHSJnjNPMPzxjIhzyUBq"),
            ("empty", PASSWORD),
            ("unknown", "y"),
            ("corrupt", PASSWORD),
            ("half", PASSWORD),
            ("alice", "   "),
            (long.as_str(), PASSWORD),
            ("alice", long.as_str()),
        ] {
            let about = &format!("{username:.20} {password:.40}");
            assert_answer(&app.try_login(username, password), 400, WRONG, about);
        }
        assert_eq!(app.try_login("alice", PASSWORD).status, 200);
    }

    fn every_fault_of_a_field_has_drf_s_message(db) {
        let app = with_alice(db, &[]);
        let both = |sentence: &str| format!("{{\"username\":[\"{sentence}\"],\"password\":[\"{sentence}\"]}}");
        let null_and_surrogate =
            r#"["Null characters are not allowed.","Surrogate characters are not allowed: U+D800."]"#;
        for (body, answer) in [
            ("{}", BOTH_MISSING.to_owned()),
            (r#"{"password":"x"}"#, r#"{"username":["This field is required."]}"#.to_owned()),
            (r#"{"username":"alice"}"#, r#"{"password":["This field is required."]}"#.to_owned()),
            (r#"{"username":"","password":""}"#, both("This field may not be blank.")),
            (r#"{"username":" \t\n","password":"   "}"#, USERNAME_BLANK.to_owned()),
            (r#"{"username":null,"password":null}"#, both("This field may not be null.")),
            (r#"{"username":true,"password":false}"#, both("Not a valid string.")),
            (r#"{"username":["alice"],"password":{"a":1}}"#, both("Not a valid string.")),
            (r#"{"username":"a\u0000b","password":"\u0000"}"#, both("Null characters are not allowed.")),
            (r#"{"username":"\ud800","password":"a\ud800"}"#, both("Surrogate characters are not allowed: U+D800.")),
            (r#"{"username":"\udfff\ud800","password":"x"}"#,
                r#"{"username":["Surrogate characters are not allowed: U+DFFF."]}"#.to_owned()),
            (r#"{"username":"\ud800\u0000","password":"\u0000\ud800"}"#,
                format!("{{\"username\":{null_and_surrogate},\"password\":{null_and_surrogate}}}")),
            (r#"{"username":"\ud83d\ude00","password":"x"}"#, WRONG.to_owned()),
        ] {
            assert_answer(&app.send(post_json(body)), 400, &answer, body);
        }
        for (body, answer) in [
            ("", BOTH_MISSING),
            ("&", BOTH_MISSING),
            ("username=&password=", &both("This field may not be blank.")),
            ("username&password=+", USERNAME_BLANK),
            ("username=%00&password=%00", &both("Null characters are not allowed.")),
            ("username=null&password=true", WRONG),
        ] {
            assert_answer(&app.send(post("application/x-www-form-urlencoded", body)), 400, answer, body);
        }
    }

    fn a_json_body_that_is_not_an_object_is_refused(db) {
        let app = App::start(db);
        for (body, kind) in [
            ("[]", "list"),
            ("[{\"username\":\"a\"}]", "list"),
            ("\"alice\"", "str"),
            ("12", "int"),
            ("-0", "int"),
            ("1.5", "float"),
            ("1e5", "float"),
            ("true", "bool"),
            ("false", "bool"),
        ] {
            let sentence = format!("{{\"non_field_errors\":[\"Invalid data. Expected a dictionary, but got {kind}.\"]}}");
            assert_answer(&app.send(post_json(body)), 400, &sentence, body);
        }
        assert_answer(&app.send(post_json("null")), 400, r#"{"non_field_errors":["No data provided"]}"#, "null");
    }

    fn white_space_around_the_username_is_stripped_as_in_python(db) {
        let app = with_alice(db, &[]);
        let login = |username: &str| app.try_login(username, PASSWORD).status;
        for blank in "\t\n\u{b}\u{c}\r \u{1c}\u{1d}\u{1e}\u{1f}\u{85}\u{a0}\u{1680}\u{2003}\u{2028}\u{2029}\u{202f}\u{3000}".chars() {
            assert_eq!(login(&format!("{blank}alice{blank}{blank}")), 200, "{blank:?}");
            assert_answer(&app.try_login(&blank.to_string(), PASSWORD), 400, USERNAME_BLANK, &format!("{blank:?}"));
        }
        for other in "\u{1b}\u{7f}\u{200b}\u{180e}\u{2060}\u{feff}".chars() {
            assert_answer(&app.try_login(&format!("{other}alice"), PASSWORD), 400, WRONG, &format!("{other:?}"));
        }
    }

    fn a_password_is_not_trimmed_or_normalised(db) {
        let app = App::start(db);
        let passwords = ["  padded pass  ", "päss wörd € 😀", "tab\there\r\n+%41&=", "e\u{301}tude opus ten"];
        for (number, password) in passwords.iter().enumerate() {
            let username = format!("user-{number}");
            app.create_user(&username, password, &json!({}));
            let key = app.login(&username, password);
            let form = Request::new("POST", "/api-token-auth/").form(&[("username", &username), ("password", password)]);
            assert_answer(&app.send(form), 200, &holding(&key), password);
        }
        assert_answer(&app.try_login("user-0", "padded pass"), 400, WRONG, "trimmed");
        assert_answer(&app.try_login("user-3", "\u{e9}tude opus ten"), 400, WRONG, "composed");
    }

    fn a_username_is_normalised_at_creation_and_not_at_login(db) {
        let app = App::start(db);
        assert_eq!(app.create_user("\u{fb01}sh", PASSWORD, &json!({}))["username"], "fish");
        assert_eq!(app.try_login("fish", PASSWORD).status, 200);
        assert_answer(&app.try_login("\u{fb01}sh", PASSWORD), 400, WRONG, "ligature");
        app.create_user("\u{e9}mile", PASSWORD, &json!({}));
        assert_eq!(app.try_login("\u{e9}mile", PASSWORD).status, 200);
        assert_answer(&app.try_login("e\u{301}mile", PASSWORD), 400, WRONG, "decomposed");
    }

    fn numbers_log_in_as_python_writes_them(db) {
        let app = App::start(db);
        let whole = "12345678901234567890123456789012345678901234567890";
        for (username, numbers) in [
            ("123", &["123"][..]),
            ("123.0", &["123.0", "1.23e2", "123.00"]),
            ("0", &["0", "-0"]),
            ("-0.0", &["-0.0", "-0e5"]),
            ("-7", &["-7"]),
            ("1e+22", &["1e22", "1E22", "10000000000000000000000.0"]),
            ("1e-05", &["0.00001", "1e-5"]),
            ("inf", &["1e999"]),
            ("-inf", &["-1e999"]),
            (whole, &[whole]),
        ] {
            app.create_user(username, PASSWORD, &json!({}));
            for number in numbers {
                let answer = app.send(post_json(format!("{{\"username\":{number},\"password\":\"{PASSWORD}\"}}")));
                assert_eq!(answer.status, 200, "{number}: {}", answer.text());
            }
        }
        app.create_user("carol", "-1.25e-70", &json!({}));
        let key = app.login("carol", "-1.25e-70");
        let answer = app.send(post_json(r#"{"username":"carol","password":-12.5e-71}"#));
        assert_answer(&answer, 200, &holding(&key), "a number for a password");
    }

    fn the_last_value_of_a_repeated_field_counts(db) {
        let app = with_alice(db, &[]);
        let form = "application/x-www-form-urlencoded";
        let good = "\"username\":\"alice\",\"password\":\"a quiet harbour at noon\"";
        for (content_type, body, status) in [
            ("application/json", format!("{{\"username\":\"bob\",{good}}}"), 200),
            ("application/json", format!("{{\"username\":null,\"password\":[],{good}}}"), 200),
            ("application/json", format!("{{{good},\"\\u0075sername\":\"bob\"}}"), 400),
            (form, "username=bob&username=alice&password=x&password=a+quiet+harbour+at+noon".to_owned(), 200),
            (form, "username=alice&password=a+quiet+harbour+at+noon&username=bob".to_owned(), 400),
        ] {
            assert_eq!(app.send(post(content_type, body.clone())).status, status, "{body}");
        }
    }
}
