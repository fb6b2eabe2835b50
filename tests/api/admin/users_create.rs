//! `POST /admin/users/`: users that are created or refused, and their ids.

use std::thread;

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::App;
use crate::support::calls::PASSWORD;
use crate::support::http::{Answer, Request};

const REQUIRED: &str = "This field is required.";
const BLANK: &str = "This field may not be blank.";
const NULL: &str = "This field may not be null.";
const NOT_A_STRING: &str = "Not a valid string.";
const BOOLEAN: &str = "Must be a valid boolean.";
const USERNAME: &str =
    "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";

fn post(app: &App, token: &str, body: &Value) -> Answer {
    app.send(Request::new("POST", "/admin/users/").token(token).json(body))
}

/// A valid body, in which these fields replace the usual values.
fn body_with(fields: &Value) -> Value {
    let mut body = json!({"username": "zoe", "password": PASSWORD});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

on_both! {
    fn faults_are_reported_by_field_with_django_s_messages(db) {
        let app = App::start(db);
        app.create_user("taken", PASSWORD, &json!({}));
        let admin = app.admin_token();
        let taken = "A user with that username already exists.";
        let long = |n: usize| "x".repeat(n);
        let at_most = |n: usize| format!("Ensure this field has no more than {n} characters.");
        for (fields, faults) in [
            (json!({"username": "taken"}), json!({"username": [taken]})),
            (json!({"username": " taken "}), json!({"username": [taken]})),
            (json!({"username": "ｔａｋｅｎ"}), json!({"username": [taken]})),
            (json!({"username": ""}), json!({"username": [BLANK]})),
            (json!({"username": " \u{3000}"}), json!({"username": [BLANK]})),
            (json!({"username": null}), json!({"username": [NULL]})),
            (json!({"username": ["a"]}), json!({"username": [NOT_A_STRING]})),
            (json!({"username": true}), json!({"username": [NOT_A_STRING]})),
            (json!({"username": "a b"}), json!({"username": [USERNAME]})),
            (json!({"username": "a/b"}), json!({"username": [USERNAME]})),
            (json!({"username": "a\nb"}), json!({"username": [USERNAME]})),
            (json!({"username": "<b>"}), json!({"username": [USERNAME]})),
            (json!({"username": "😀"}), json!({"username": [USERNAME]})),
            (json!({"username": "a\0b"}), json!({"username": ["Null characters are not allowed."]})),
            (json!({"username": long(151)}), json!({"username": [at_most(150)]})),
            (json!({"email": "nope"}), json!({"email": ["Enter a valid email address."]})),
            (json!({"email": "a@b"}), json!({"email": ["Enter a valid email address."]})),
            (json!({"email": "a@b.c\nBcc: x@y.zz"}), json!({"email": ["Enter a valid email address."]})),
            (json!({"email": null}), json!({"email": [NULL]})),
            (json!({"email": []}), json!({"email": [NOT_A_STRING]})),
            (json!({"first_name": long(151)}), json!({"first_name": [at_most(150)]})),
            (json!({"last_name": long(151)}), json!({"last_name": [at_most(150)]})),
            (json!({"is_active": "maybe"}), json!({"is_active": [BOOLEAN]})),
            (json!({"is_staff": 2}), json!({"is_staff": [BOOLEAN]})),
            (json!({"is_superuser": []}), json!({"is_superuser": [BOOLEAN]})),
            (json!({"is_superuser": null}), json!({"is_superuser": [NULL]})),
            (json!({"groups": "ops"}), json!({"groups": ["Expected a list of items but got type \"str\"."]})),
            (json!({"groups": {}}), json!({"groups": ["Expected a list of items but got type \"dict\"."]})),
            (json!({"groups": 1}), json!({"groups": ["Expected a list of items but got type \"int\"."]})),
            (json!({"groups": null}), json!({"groups": [NULL]})),
            (json!({"groups": [""]}), json!({"groups": [BLANK]})),
            (json!({"groups": [["a"]]}), json!({"groups": [NOT_A_STRING]})),
            (json!({"groups": [long(151)]}), json!({"groups": [at_most(150)]})),
            (json!({"password": null}), json!({"password": [NULL]})),
            (json!({"password": null, "email": "x", "username": "a b"}),
             json!({"username": [USERNAME], "password": [NULL], "email": ["Enter a valid email address."]})),
        ] {
            let answer = post(&app, &admin, &body_with(&fields));
            assert_eq!((answer.status, answer.json()), (400, faults), "{fields}");
        }
        for (body, faults) in [
            (json!({}), json!({"username": [REQUIRED], "password": [REQUIRED]})),
            (json!([]), json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})),
            (json!(null), json!({"non_field_errors": ["No data provided"]})),
        ] {
            let answer = post(&app, &admin, &body);
            assert_eq!((answer.status, answer.json()), (400, faults), "{body}");
        }
        assert_eq!(app.database.sql("select count(*) from users"), "2", "nothing was created");
        assert_eq!(app.database.sql("select count(*) from groups"), "0");
    }

    fn faults_of_all_fields_are_reported_at_once(db) {
        let app = App::start(db);
        let key = app.admin_token();
        let body = json!({"username": "admin", "password": "1", "email": "x", "is_staff": "maybe", "groups": 5, "first_name": null});
        let faults = json!({
            "username": ["A user with that username already exists."],
            "password": ["This password is too short. It must contain at least 8 characters.", "This password is too common.",
                "This password is entirely numeric."],
            "email": ["Enter a valid email address."],
            "first_name": ["This field may not be null."],
            "is_staff": ["Must be a valid boolean."],
            "groups": ["Expected a list of items but got type \"int\"."],
        });
        let answer = app.post("/admin/users/", &key, &body);
        assert_eq!((answer.status, answer.json()), (400, faults));
        let answer = app.post("/admin/users/", &key, &json!({"email": "x"}));
        let required = json!(["This field is required."]);
        let faults = json!({"username": required, "password": required, "email": ["Enter a valid email address."]});
        assert_eq!((answer.status, answer.json()), (400, faults));
        let body = json!({"username": "", "email": "x", "is_active": null});
        let answer = app.send(Request::new("PATCH", "/admin/users/admin/").token(&key).json(&body));
        let faults = json!({"username": ["This field may not be blank."], "email": ["Enter a valid email address."],
            "is_active": ["This field may not be null."]});
        assert_eq!((answer.status, answer.json()), (400, faults));
    }

    fn booleans_have_drfs_spellings(db) {
        let app = App::start(db);
        let key = app.admin_token();
        app.create_user("bob", PASSWORD, &json!({}));
        let set = |value: Value| {
            let request = Request::new("PATCH", "/admin/users/bob/").token(&key).json(&json!({"is_staff": value}));
            let answer = app.send(request);
            match answer.status {
                200 => answer.json()["is_staff"].as_bool(),
                status => {
                    assert_eq!((status, answer.json()), (400, json!({"is_staff": [BOOLEAN]})), "{value}");
                    None
                }
            }
        };
        for yes in [json!(true), json!("true"), json!("tRUE"), json!("Y"), json!("oN"), json!("1"), json!(1), json!(1.0)] {
            assert_eq!((set(json!(false)), set(yes.clone())), (Some(false), Some(true)), "{yes}");
        }
        for no in [json!("False"), json!("fALSE"), json!("n"), json!("OFF"), json!("0"), json!(0), json!(0.0), json!(-0.0)] {
            assert_eq!((set(json!(true)), set(no.clone())), (Some(true), Some(false)), "{no}");
        }
        for other in ["1.0", "0.0", "-0.0", " true", "0\n", "", "2", "ja"].map(|text| json!(text)) {
            assert_eq!(set(other), None);
        }
        for other in [json!(2), json!(0.5), json!([true]), json!({})] {
            assert_eq!(set(other), None);
        }
        let query = |word: &str| app.send(Request::new("GET", &format!("/admin/users/?is_staff={word}")).token(&key)).status;
        assert_eq!(["TrUe", "0", "1.0", "-0.0"].map(query), [200, 200, 400, 400]);
    }

    fn a_user_is_created_without_a_password_if_that_is_said(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let both = "Send either password or no_password, not both.";
        for (body, faults) in [
            (json!({"username": "zoe"}), json!({"password": [REQUIRED]})),
            (json!({"username": "zoe", "no_password": false}), json!({"password": [REQUIRED]})),
            (json!({"username": "zoe", "no_password": "x"}), json!({"password": [REQUIRED], "no_password": [BOOLEAN]})),
            (json!({"username": "zoe", "no_password": true, "password": PASSWORD}), json!({"no_password": [both]})),
        ] {
            let answer = post(&app, &admin, &body);
            assert_eq!((answer.status, answer.json()), (400, faults), "{body}");
        }
        let answer = post(&app, &admin, &json!({"username": "zoe", "no_password": true}));
        assert_eq!((answer.status, &answer.json()["is_active"]), (201, &json!(true)), "{answer:?}");
        let form = Request::new("POST", "/admin/users/").token(&admin).form(&[("username", "bob"), ("no_password", "true")]);
        assert_eq!(app.send(form).status, 201);
        for name in ["zoe", "bob"] {
            assert_eq!(app.try_login(name, "").status, 400);
            assert_eq!(app.try_login(name, PASSWORD).status, 400);
            assert_eq!(app.post(&format!("/admin/users/{name}/password-link"), &admin, &json!({})).status, 200);
        }
    }

    fn new_names_do_not_change_the_direction_of_writing(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let direction = "Characters that change the direction of writing are not allowed.";
        for character in ['\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}'] {
            let text = format!("a{character}b");
            for (field, value, message) in [
                ("username", json!(text), USERNAME),
                ("first_name", json!(text), direction),
                ("last_name", json!(text), direction),
                ("groups", json!([text]), direction),
                ("email", json!(format!("a@{text}.com")), "Enter a valid email address."),
            ] {
                let answer = post(&app, &admin, &body_with(&json!({field: value})));
                assert_eq!((answer.status, answer.json()), (400, json!({field: [message]})), "{field} {value}");
            }
        }
        // Marks of direction and joiners belong to words of some languages.
        let name = "\u{200e}علی\u{200c}رضا\u{200f}";
        let answer = post(&app, &admin, &body_with(&json!({"first_name": name})));
        assert_eq!((answer.status, &answer.json()["first_name"]), (201, &json!(name)));
        // An imported name stays as long as nobody changes it.
        app.sql("update users set first_name = 'a\u{202e}b' where username = 'zoe'");
        let patch = |fields: &Value| app.patch("/admin/users/zoe", &admin, fields);
        assert_eq!(patch(&json!({"first_name": "a\u{202e}b", "last_name": "c"})).status, 200);
        assert_eq!(patch(&json!({"first_name": "a\u{202e}c"})).status, 400);
        let token = app.post("/admin/users/zoe/tokens/", &admin, &json!({"name": "a\u{202e}b"}));
        assert_eq!((token.status, token.json()), (400, json!({"name": [direction]})));
        let client = app.post("/admin/clients/", &admin, &json!({"client_id": "c", "note": "a\u{202e}b"}));
        assert_eq!((client.status, client.json()), (400, json!({"note": [direction]})));
        let output = app.binary().run(&["user", "create", "amy", "--no-password", "--group", "a\u{2067}b"]);
        assert!(output.status == 1 && output.stderr.contains(direction), "{output:?}");
    }

    fn a_password_must_not_be_similar_to_the_normalised_name(db) {
        let app = App::start(db);
        let body = json!({"username": "ｈｅｒｏｎｌｏｖｅｒ", "password": "heronlover1"});
        let answer = app.post("/admin/users/", &app.admin_token(), &body);
        let faults = json!({"password": ["The password is too similar to the username."]});
        assert_eq!((answer.status, answer.json()), (400, faults));
    }

    fn all_faults_of_a_password_are_reported_at_once_in_django_s_order(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let similar = |to: &str| format!("The password is too similar to the {to}.");
        let short = "This password is too short. It must contain at least 8 characters.";
        let common = "This password is too common.";
        let numeric = "This password is entirely numeric.";
        for (fields, messages) in [
            (json!({"username": "12345", "password": "12345"}), vec![similar("username").as_str(), short, common, numeric]),
            (json!({"password": "1234567"}), vec![short, common, numeric]),
            (json!({"password": "12345678"}), vec![common, numeric]),
            (json!({"password": "password"}), vec![common]),
            (json!({"password": "PassWord"}), vec![common]),
            (json!({"username": "heron.lover", "password": "heron.lover1"}), vec![&similar("username")]),
            (json!({"first_name": "Bartholomew", "password": "bartholomew"}), vec![&similar("first name")]),
            (json!({"last_name": "Featherstone", "password": "featherston"}), vec![&similar("last name")]),
            (json!({"email": "blue.whales@example.com", "password": "blue.whales"}), vec![&similar("email address")]),
            (json!({"password": "x".repeat(4097)}), vec!["This password is too long. It must contain at most 4096 bytes."]),
            (json!({"password": "a\0aaaaaaaaa"}), vec!["Null characters are not allowed."]),
            (json!({"password": ""}), vec![BLANK]),
        ] {
            let answer = post(&app, &admin, &body_with(&fields));
            assert_eq!((answer.status, answer.json()), (400, json!({"password": messages})), "{fields}");
        }
        let longest = "é".repeat(2048);
        assert_eq!(post(&app, &admin, &body_with(&json!({"password": longest}))).status, 201);
        assert_eq!(app.try_login("zoe", &longest).status, 200);
    }

    fn the_created_user_has_the_given_fields(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let answer = post(&app, &admin, &json!({
            "username": "  ﬁsh ", "password": "  pass with blanks  ", "email": "F@Example.com", "first_name": " Fi ",
            "groups": ["ops", " dev ", "ops"], "id": 7, "last_login": "x", "date_joined": 1,
        }));
        assert_eq!(answer.status, 201, "{answer:?}");
        let user = answer.json();
        assert_eq!((&user["username"], &user["first_name"], &user["groups"], &user["id"]),
            (&json!("fish"), &json!("Fi"), &json!(["dev", "ops"]), &json!(1)));
        assert_eq!(app.try_login("fish", "  pass with blanks  ").status, 200);
        assert_eq!(app.try_login("fish", "pass with blanks").status, 400);
        assert_eq!(app.try_login("ﬁsh", "  pass with blanks  ").status, 400, "names are not normalised at login");
        // A number is accepted as text.
        assert_eq!(post(&app, &admin, &json!({"username": 123, "password": PASSWORD})).json()["username"], "123");
        assert_eq!(app.try_login("123", PASSWORD).status, 200);
        let form = [("username", "eve"), ("password", PASSWORD), ("groups", "ops"), ("groups", "qa"), ("is_active", "off"), ("is_staff", "on")];
        let answer = app.send(Request::new("POST", "/admin/users").token(&admin).form(&form));
        assert_eq!(answer.status, 201, "{answer:?}");
        let eve = answer.json();
        assert_eq!((&eve["groups"], &eve["is_active"], &eve["is_staff"]), (&json!(["ops", "qa"]), &json!(false), &json!(true)));
        assert_eq!(app.try_login("eve", PASSWORD).status, 400, "inactive");
        assert_eq!(app.database.sql("select name from groups order by name"), "dev\nops\nqa");
        assert_eq!(app.database.sql("select count(*) from audit_log where action = 'user.create' and actor = 'admin'"), "3");
    }

    fn staff_create_users_but_only_superusers_create_staff(db) {
        let app = App::start(db);
        app.create_user("plain", PASSWORD, &json!({}));
        app.create_user("staff", PASSWORD, &json!({"is_staff": true}));
        let boss = app.create_user("boss", PASSWORD, &json!({"is_superuser": true, "is_staff": false}));
        assert_eq!((&boss["is_superuser"], &boss["is_staff"]), (&json!(true), &json!(true)), "superuser implies staff");
        let (plain, staff) = (app.login("plain", PASSWORD), app.login("staff", PASSWORD));
        for (token, fields, status) in [
            (plain.as_str(), json!({}), 403),
            (plain.as_str(), json!({"username": ""}), 403),
            (staff.as_str(), json!({"is_staff": true}), 403),
            (staff.as_str(), json!({"is_superuser": "yes"}), 403),
            ("unknown", json!({}), 401),
            (staff.as_str(), json!({"is_staff": false, "is_superuser": "0"}), 201),
        ] {
            assert_eq!(post(&app, token, &body_with(&fields)).status, status, "{fields}");
        }
        assert_eq!(app.send(Request::new("POST", "/admin/users/").json(&body_with(&json!({})))).status, 401);
    }

    fn ids_count_from_1_and_are_never_reused(db) {
        let app = App::start(db);
        let id = |name: &str| app.create_user(name, PASSWORD, &json!({}))["id"].clone();
        assert_eq!((id("a"), id("b")), (json!(1), json!(2)));
        assert_eq!(app.database.sql("select id from users where username = 'admin'"), "2000000000");
        app.sql("delete from users where username = 'b'");
        // Neither a refusal nor another start uses an id up.
        assert_eq!(post(&app, &app.admin_token(), &body_with(&json!({"username": "a"}))).status, 400);
        let app = app.node(&[]);
        assert_eq!(app.create_user("c", PASSWORD, &json!({}))["id"], 3);
        let first = |name| {
            let app = app.node(&[("JETON_BOOTSTRAP_ADMIN", name)]);
            app.database.sql(&format!("select id from users where username = '{name}'"))
        };
        assert_eq!((first("root"), first("admin")), ("2000000001".into(), "2000000000".into()));
        app.sql("delete from users where username = 'root'");
        assert_eq!(first("chief"), "2000000002");
    }

    fn of_many_simultaneous_creations_with_one_name_one_succeeds(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let answers: Vec<Answer> = thread::scope(|scope| {
            let body = body_with(&json!({"groups": ["new", "newer"]}));
            let (app, admin) = (&app, &admin);
            let threads: Vec<_> = (0..10).map(|_| { let body = body.clone(); scope.spawn(move || post(app, admin, &body)) }).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
        assert_eq!((made.len(), refused.len()), (1, 9), "{answers:?}");
        for answer in refused {
            let taken = json!({"username": ["A user with that username already exists."]});
            assert_eq!((answer.status, answer.json()), (400, taken));
        }
        assert_eq!(app.try_login("zoe", PASSWORD).status, 200);
        // Simultaneous creations that share new groups do not disturb each other.
        let statuses: Vec<u16> = thread::scope(|scope| {
            let (app, admin) = (&app, &admin);
            let threads: Vec<_> = (0..10).map(|n| scope.spawn(move || {
                let groups = if n % 2 == 0 { ["x", "y"] } else { ["y", "x"] };
                post(app, admin, &body_with(&json!({"username": format!("u{n}"), "groups": groups}))).status
            })).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(statuses, [201; 10]);
    }
}
