//! `POST /admin/users/{username}/regenerate`

use std::time::Duration;

use serde_json::json;

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::calls::PASSWORD;
use crate::support::http::Request;

const INVALID_GRACE: &str = "Enter a duration such as 30m or 12h.";

fn post(app: &App, path: &str, token: &str) -> (u16, String) {
    let answer = app.send(Request::new("POST", path).token(token));
    (answer.status, answer.text())
}

/// Turns a login token of the user into a named one, and returns its key.
fn named_token(app: &App, username: &str) -> String {
    let key = app.login(username, PASSWORD);
    app.database.sql(&format!(
        "update tokens set name = 'deploy', sealed = null \
         where revoked_at is null and user_id = (select id from users where username = '{username}')"
    ));
    key
}

on_both! {
    fn the_new_key_works_and_the_old_one_is_revoked_at_once(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({}));
        let admin = app.admin_token();
        let named = named_token(&app, "alice");
        let mut old = app.login("alice", PASSWORD);
        assert_ne!(old, named);
        for path in ["/admin/users/alice/regenerate", "/admin/users/alice/regenerate/", "/admin/users/alice/regenerate?all=false&grace="] {
            let answer = app.send(Request::new("POST", path).header("Authorization", format!("Bearer {admin}")));
            assert_eq!((answer.status, answer.header("Cache-Control").as_deref()), (200, Some("no-store")));
            let new = answer.json()["token"].as_str().unwrap().to_owned();
            assert_eq!(answer.text(), format!("{{\"token\":\"{new}\"}}"));
            assert!(new.len() == 40 && new.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{new}");
            assert!(!app.is_good(&old));
            assert!(app.is_good(&new));
            assert!(app.is_good(&named));
            assert_eq!(app.login("alice", PASSWORD), new, "a login returns the new key");
            old = new;
        }
        assert_eq!(post(&app, "/admin/users/alice/regenerate?all=true", &admin).0, 200);
        assert!(!app.is_good(&old));
        assert!(!app.is_good(&named));
        assert_eq!(app.database.sql("select count(*) from audit_log where action = 'token.regenerate' and actor = 'admin' and target = 'alice'"), "4");
        assert_eq!(app.database.sql("select count(*) from tokens where sealed is not null and revoked_at is not null"), "0");
    }

    fn a_user_without_tokens_and_an_inactive_user_get_a_key_too(db) {
        let app = App::start(db);
        app.create_user("idle", PASSWORD, &json!({}));
        let first = app.regenerate("idle");
        assert_eq!(app.login("idle", PASSWORD), first);
        app.sql("update users set is_active = false where username = 'idle'");
        let second = app.regenerate("idle");
        assert!(!app.is_good(&second));
        app.sql("update users set is_active = true where username = 'idle'");
        assert!(app.is_good(&second));
        assert!(!app.is_good(&first));
    }

    fn with_grace_the_old_key_stays_valid_and_its_expiry_is_shown(db) {
        let app = App::with(db, &[("JETON_TOKEN_TTL", "10h")]);
        app.create_user("alice", PASSWORD, &json!({}));
        let named = named_token(&app, "alice");
        let old = app.login("alice", PASSWORD);
        let admin = app.admin_token();
        assert_eq!(post(&app, "/admin/users/alice/regenerate?grace=1h", &admin).0, 200);
        let new = app.login("alice", PASSWORD);
        assert_ne!(new, old);
        assert_eq!(app.introspect(&old)["exp"], 1_750_003_600);
        assert_eq!(app.introspect(&new)["exp"], 1_750_036_000);
        assert_eq!(app.introspect(&named)["exp"], 1_750_036_000, "named tokens are not changed");
        // A longer grace period never extends an expiry.
        assert_eq!(post(&app, "/admin/users/alice/regenerate?grace=30d&all=1", &admin).0, 200);
        assert_eq!(app.introspect(&old)["exp"], 1_750_003_600);
        assert_eq!(app.introspect(&new)["exp"], 1_750_036_000);
        assert_eq!(app.introspect(&named)["exp"], 1_750_036_000);
        assert_eq!(post(&app, "/admin/users/alice/regenerate?grace=2h&all=1", &admin).0, 200);
        assert_eq!(app.introspect(&named)["exp"], 1_750_007_200);
        app.clock.advance(Duration::from_micros(3_599_999_999));
        assert!(app.is_good(&old));
        app.clock.advance(Duration::from_micros(1));
        assert!(!app.is_good(&old));
        assert!(app.is_good(&new));
        // Without `grace`, tokens in an earlier grace period are revoked too.
        assert_eq!(post(&app, "/admin/users/alice/regenerate", &admin).0, 200);
        assert!(!app.is_good(&new));
        assert!(app.is_good(&named));
        let last = app.login("alice", PASSWORD);
        assert_eq!(post(&app, "/admin/users/alice/regenerate?grace=0", &admin).0, 200);
        assert!(!app.is_good(&last));
    }

    fn a_bad_query_is_refused_and_changes_nothing(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({}));
        let (old, admin) = (app.login("alice", PASSWORD), app.admin_token());
        let boolean = "Must be a valid boolean.";
        let many = "9".repeat(30);
        for (query, faults) in [
            ("grace=1", json!({"grace": [INVALID_GRACE]})),
            ("grace=-1h", json!({"grace": [INVALID_GRACE]})),
            ("grace=1.5h", json!({"grace": [INVALID_GRACE]})),
            ("grace=1w", json!({"grace": [INVALID_GRACE]})),
            ("grace=1H", json!({"grace": [INVALID_GRACE]})),
            ("grace=%201h", json!({"grace": [INVALID_GRACE]})),
            ("grace=%00", json!({"grace": [INVALID_GRACE]})),
            ("grace=%D9%A1h", json!({"grace": [INVALID_GRACE]})),
            (&format!("grace={many}h"), json!({"grace": [INVALID_GRACE]})),
            ("grace=36501d", json!({"grace": [INVALID_GRACE]})),
            ("grace=18446744073709551615d", json!({"grace": [INVALID_GRACE]})),
            ("all=yes!", json!({"all": [boolean]})),
            ("all=2", json!({"all": [boolean]})),
            ("all=%00", json!({"all": [boolean]})),
            ("all=x&grace=x", json!({"grace": [INVALID_GRACE], "all": [boolean]})),
            ("grace=1h&all=x", json!({"all": [boolean]})),
        ] {
            let answer = app.send(Request::new("POST", &format!("/admin/users/alice/regenerate?{query}")).token(&admin));
            assert_eq!((answer.status, answer.json()), (400, faults), "{query}");
        }
        assert_eq!(app.introspect(&old)["exp"], json!(null));
        assert!(app.is_good(&old));
        assert_eq!(app.login("alice", PASSWORD), old);
    }

    fn page_parameters_are_ignored_where_no_list_is_returned(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({}));
        let admin = app.admin_token();
        for page in ["x", "0", "-1", "2", "1"] {
            let (status, text) = post(&app, &format!("/admin/users/alice/regenerate?page={page}&page_size=x"), &admin);
            assert_eq!(status, 200, "{page}: {text}");
        }
    }

    fn only_a_superuser_regenerates_for_staff_and_superusers(db) {
        let app = App::start(db);
        app.create_user("alice", PASSWORD, &json!({}));
        app.create_user("staff", PASSWORD, &json!({"is_staff": true}));
        app.create_user("boss", PASSWORD, &json!({"is_superuser": true}));
        let (alice, staff, boss) =
            (app.login("alice", PASSWORD), app.login("staff", PASSWORD), app.login("boss", PASSWORD));
        let denied = (403, "{\"detail\":\"You do not have permission to perform this action.\"}".to_owned());
        for (token, name) in [
            (&alice, "alice"), (&alice, "nobody"), (&alice, "admin"),
            (&staff, "staff"), (&staff, "boss"), (&staff, "admin"),
        ] {
            assert_eq!(post(&app, &format!("/admin/users/{name}/regenerate"), token), denied, "{name}");
        }
        let answer = app.send(Request::new("POST", "/admin/users/alice/regenerate"));
        assert_eq!((answer.status, answer.header("WWW-Authenticate").as_deref()), (401, Some("Token")));
        assert_eq!(answer.json(), json!({"detail": "Authentication credentials were not provided."}));
        let client = Request::new("POST", "/admin/users/alice/regenerate").basic(CLIENT.0, CLIENT.1);
        assert_eq!(app.send(client).status, 401, "a client is not a user");
        for token in [&alice, &staff, &boss] {
            assert!(app.is_good(token));
        }
        assert_eq!(post(&app, "/admin/users/alice/regenerate", &staff).0, 200);
        assert_eq!(post(&app, "/admin/users/staff/regenerate", &boss).0, 200);
        assert!(!app.is_good(&staff));
        assert_eq!(post(&app, "/admin/users/boss/regenerate", &boss).0, 200);
        assert!(!app.is_good(&boss));
    }

    fn the_username_is_read_from_the_path_and_an_unknown_user_is_404(db) {
        let app = App::start(db);
        let admin = app.admin_token();
        let long = "n".repeat(150);
        for (name, segment) in [
            ("a@b.c+d-e_f", "a@b.c+d-e_f"),
            ("a.@+-_", "a%2E%40%2B%2D%5F"),
            ("élodie", "%C3%A9lodie"),
            ("用户", "%E7%94%A8%e6%88%b7"),
            ("..", "%2E%2E"),
            (&long, &long),
        ] {
            app.create_user(name, PASSWORD, &json!({}));
            let old = app.login(name, PASSWORD);
            let (status, body) = post(&app, &format!("/admin/users/{segment}/regenerate"), &admin);
            assert_eq!(status, 200, "{segment}: {body}");
            assert!(!app.is_good(&old));
            assert!(body.contains(&app.login(name, PASSWORD)), "{segment}");
        }
        let (path, body) = ("x".repeat(20_000), "{\"detail\":\"Not found.\"}".to_owned());
        app.create_user("a", PASSWORD, &json!({}));
        for segment in [
            "nobody", "A", "a%00", "%00", "a%2Fb", "a%252Fb", "%61%20", "a%20", "%", "%zz", "%ff", "%C3", "%25", "a;b", "",
            "a/", "a/b", "../a", "./a", ".", "..%2Fa", &path,
        ] {
            assert_eq!(post(&app, &format!("/admin/users/{segment}/regenerate"), &admin), (404, body.clone()), "{segment:.50}");
        }
    }
}
