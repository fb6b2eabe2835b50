//! `POST /admin/users/{username}/password-link`. The page that the link leads to is tested in `tests/account/`.

use std::time::Duration;

use jeton::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::calls::SAM;
use crate::support::http::{Answer, Request};

fn make(app: &App, username: &str, key: &str, body: &Value) -> Answer {
    app.post(&format!("/admin/users/{username}/password-link"), key, body)
}

on_both! {
    fn a_link_has_a_url_and_an_end_and_is_in_the_audit_log(db) {
        let app = App::with(db, &[("JETON_ISSUER", "https://tokens.example.com/")]);
        app.alice();
        app.create_user(SAM.0, SAM.1, &json!({"is_staff": true}));
        let sam = app.login(SAM.0, SAM.1);
        for (body, lifetime) in [
            (json!({}), Duration::from_hours(1)),
            (json!({"expires_in": null}), Duration::from_hours(1)),
            (json!({"expires_in": 90}), Duration::from_secs(90)),
            (json!({"expires_in": "2d"}), Duration::from_hours(48)),
            (json!({"expires_in": "7d"}), Duration::from_hours(168)),
        ] {
            let answer = make(&app, "alice", &sam, &body);
            assert_eq!((answer.status, answer.header("Cache-Control").as_deref()), (200, Some("no-store")), "{body}");
            let link = answer.json();
            let key = link["url"].as_str().unwrap().strip_prefix("https://tokens.example.com/account/password/").unwrap().to_owned();
            assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{link}");
            let expires_at = Timestamp::parse(link["expires_at"].as_str().unwrap()).unwrap();
            assert_eq!(expires_at, app.clock.now().after(lifetime), "{body}");
            assert_eq!(link.as_object().unwrap().len(), 2);
            let entry = &app.list("/admin/audit/?action=user.password_link")[0];
            assert_eq!((&entry["actor"], &entry["target"]), (&json!("sam"), &json!("alice")));
            assert_eq!(entry["details"], json!({"expires_at": link["expires_at"]}));
            let hex = if db == Kind::Postgres { "encode(digest, 'hex')" } else { "lower(hex(digest))" };
            let digest = app.sql(&format!("select {hex} from password_links"));
            assert!(digest.len() == 64 && digest != key, "only a digest is stored");
            assert!(!app.sql("select * from audit_log").contains(&key));
        }
        let no_body = app.send(Request::new("POST", "/admin/users/alice/password-link").token(&sam));
        assert_eq!(no_body.status, 200, "{no_body:?}");
        assert_eq!(app.sql("select count(*) from password_links"), "1", "a new link ends the older one");
    }

    fn without_an_issuer_the_link_begins_with_what_the_request_was_sent_to(db) {
        let app = App::start(db);
        app.alice();
        let url = make(&app, "alice", &app.admin_token(), &json!({})).json()["url"].clone();
        assert!(url.as_str().unwrap().starts_with(&format!("http://{}/account/password/", app.addr)), "{url}");
    }

    fn a_lifetime_that_is_none_or_too_long_is_refused(db) {
        let app = App::start(db);
        app.alice();
        let admin = app.admin_token();
        let (longer, none) = ("Ensure this value is less than or equal to 7d.", "Enter whole seconds, or a duration such as 12h or 90d.");
        for (expires_in, fault) in [
            (json!("8d"), longer), (json!(604_801), longer), (json!("soon"), none), (json!(0), none), (json!(-1), none), (json!([]), none),
        ] {
            let answer = make(&app, "alice", &admin, &json!({"expires_in": expires_in}));
            assert_eq!((answer.status, answer.json()), (400, json!({"expires_in": [fault]})), "{expires_in}");
        }
        assert_eq!(app.sql("select count(*) from password_links"), "0");
    }

    fn an_inactive_user_gets_no_link(db) {
        let app = App::start(db);
        app.create_user("ina", SAM.1, &json!({"is_active": false}));
        let answer = make(&app, "ina", &app.admin_token(), &json!({}));
        assert_eq!((answer.status, answer.json()), (409, json!({"detail": "This user is inactive. Activate them first."})));
        assert_eq!(app.list("/admin/audit/?action=user.password_link"), Vec::<Value>::new());
    }

    fn who_may_make_a_link(db) {
        let app = App::start(db);
        let alice = app.alice();
        for name in [SAM.0, "other"] {
            app.create_user(name, SAM.1, &json!({"is_staff": true}));
        }
        let sam = app.login(SAM.0, SAM.1);
        for (name, key, status) in [
            ("alice", alice.as_str(), 403), ("other", &sam, 403), (ADMIN.0, &sam, 403), ("sam", &sam, 403),
            ("nobody", &sam, 404), ("alice", &sam, 200), ("other", &app.admin_token(), 200),
        ] {
            assert_eq!(make(&app, name, key, &json!({})).status, status, "{name}");
        }
        assert_eq!(app.send(Request::new("POST", "/admin/users/alice/password-link").json(&json!({}))).status, 401);
        assert_eq!(app.get("/admin/users/alice/password-link", &sam).status, 405);
        assert_eq!(app.sql("select count(*) from password_links"), "2");
    }
}
