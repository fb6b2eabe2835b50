//! `/admin/users/{username}/tokens/` and `/admin/tokens/{id}`: staff manage other users' tokens.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::calls::PASSWORD;
use crate::support::http::{Answer, Request};

/// An app with the staff users sam and other, and with alice; and sam's key.
fn with_staff(db: Kind) -> (App, String) {
    let app = App::start(db);
    app.alice();
    for name in ["sam", "other"] {
        app.create_user(name, PASSWORD, &json!({"is_staff": true}));
    }
    let key = app.login("sam", PASSWORD);
    (app, key)
}

#[track_caller]
fn assert_denied(answer: &Answer, why: &str) {
    let sentence = json!({"detail": "You do not have permission to perform this action."});
    assert_eq!((answer.status, answer.json()), (403, sentence), "{why}");
}

fn path(username: &str) -> String {
    format!("/admin/users/{username}/tokens/")
}

on_both! {
    fn staff_create_list_and_revoke_tokens_of_ordinary_users(db) {
        let (app, sam) = with_staff(db);
        let answer = app.post(&path("alice"), &sam, &json!({"name": "backup", "scope": "read", "expires_in": "1d"}));
        assert_eq!(answer.status, 201, "{}", answer.text());
        let made = answer.json();
        let names: Vec<_> = made.as_object().unwrap().keys().collect();
        let contract = ["id", "name", "kind", "scope", "created_at", "expires_at", "last_used_at", "token"];
        assert_eq!(names, contract);
        let key = made["token"].as_str().unwrap();
        assert_eq!(app.introspect(key)["username"], "alice");
        let answer = app.get(&path("alice"), &sam);
        assert_eq!((answer.status, &answer.json()["count"]), (200, &json!(2)));
        assert!(!answer.text().contains(key), "a key is shown once");
        let one = format!("/admin/tokens/{}", made["id"]);
        let answer = app.delete(&one, &sam);
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert!(!app.is_good(key));
        assert_eq!(app.delete(&one, &sam).status, 404, "it is already revoked");
        assert_eq!(app.get(&path("alice"), &sam).json()["count"], 1);
    }

    fn only_a_superuser_changes_tokens_of_staff_but_staff_may_list_them(db) {
        let (app, sam) = with_staff(db);
        let other = app.login("other", PASSWORD);
        let admin = app.admin_token();
        for (name, key) in [("other", &other), (ADMIN.0, &admin)] {
            assert_eq!(app.get(&path(name), &sam).status, 200, "{name}");
            assert_denied(&app.post(&path(name), &sam, &json!({"name": "n"})), name);
            let id = app.introspect(key)["jti"].as_str().unwrap().to_owned();
            assert_denied(&app.delete(&format!("/admin/tokens/{id}"), &sam), name);
            assert!(app.is_good(key));
        }
        let made = app.post(&path("other"), &admin, &json!({"name": "n"}));
        assert_eq!(made.status, 201);
        assert_eq!(app.delete(&format!("/admin/tokens/{}", made.json()["id"]), &admin).status, 204);
    }

    fn ordinary_users_are_refused_even_for_their_own_tokens(db) {
        let (app, _) = with_staff(db);
        let alice = app.login("alice", crate::support::calls::ALICE.1);
        let id = app.introspect(&alice)["jti"].as_str().unwrap().to_owned();
        assert_denied(&app.get(&path("alice"), &alice), "list");
        assert_denied(&app.post(&path("alice"), &alice, &json!({"name": "n"})), "create");
        assert_denied(&app.delete(&format!("/admin/tokens/{id}"), &alice), "revoke");
        assert_denied(&app.get(&path("nobody"), &alice), "a 404 would reveal which users exist");
        assert_denied(&app.delete("/admin/tokens/999999", &alice), "a 404 would reveal which ids exist");
        assert_eq!(app.send(Request::new("GET", &path("alice"))).status, 401);
    }

    fn unknown_users_and_ids_are_not_found(db) {
        let (app, sam) = with_staff(db);
        let not_found = json!({"detail": "Not found."});
        for answer in [
            app.get(&path("nobody"), &sam),
            app.get(&path("a%00b"), &sam),
            app.post(&path("nobody"), &sam, &json!({"name": "n"})),
            app.delete("/admin/tokens/999999", &sam),
            app.delete("/admin/tokens/x", &sam),
        ] {
            assert_eq!((answer.status, answer.json()), (404, not_found.clone()));
        }
    }

    fn faults_are_reported_by_field(db) {
        let (app, sam) = with_staff(db);
        let answer = app.post(&path("alice"), &sam, &json!({"name": "", "expires_in": 0}));
        let names: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!((answer.status, names), (400, vec!["name".to_owned(), "expires_in".to_owned()]));
    }

    fn staff_give_any_scope_of_at_most_a_thousand_characters(db) {
        let (app, sam) = with_staff(db);
        let scopes = |length: usize| format!("jeton:admin billing:write {}", "x".repeat(length - 26));
        let made = app.post(&path("alice"), &sam, &json!({"name": "n", "scope": scopes(1000)}));
        assert_eq!((made.status, &made.json()["scope"]), (201, &json!(scopes(1000))));
        let answer = app.post(&path("alice"), &sam, &json!({"name": "n", "scope": scopes(1001)}));
        let sentence = "Ensure this field has no more than 1000 characters.";
        assert_eq!((answer.status, answer.json()), (400, json!({"scope": [sentence]})));
        let output = app.binary().run(&["token", "create", "alice", "--name", "n", "--scope", &scopes(1001)]);
        assert_eq!((output.status, output.stderr.contains(sentence)), (1, true), "{}", output.stderr);
        app.command(&["token", "create", "alice", "--name", "n", "--scope", &scopes(1000)]);
    }

    fn long_lists_come_in_pages(db) {
        let (app, sam) = with_staff(db);
        for number in 1..=4 {
            app.post(&path("alice"), &sam, &json!({"name": format!("n{number}")}));
        }
        let names = |page: &Value| -> Vec<Value> {
            page["results"].as_array().unwrap().iter().map(|token| token["name"].clone()).collect()
        };
        let first = app.get(&format!("{}?page_size=2", path("alice")), &sam).json();
        assert_eq!((&first["count"], &first["previous"]), (&json!(5), &json!(null)));
        assert_eq!(names(&first), [json!(null), json!("n1")]);
        let next = first["next"].as_str().unwrap();
        assert_eq!(next, format!("http://{}{}?page=2&page_size=2", app.addr, path("alice")));
        let second = app.get(next.strip_prefix(&format!("http://{}", app.addr)).unwrap(), &sam).json();
        assert_eq!(names(&second), [json!("n2"), json!("n3")]);
        let third = app.get(&format!("{}?page=3&page_size=2", path("alice")), &sam).json();
        assert_eq!((names(&third), &third["next"]), (vec![json!("n4")], &json!(null)));
        for page in ["4", "0", "-1", "x", "99999999999999999999"] {
            let answer = app.get(&format!("{}?page_size=2&page={page}", path("alice")), &sam);
            assert_eq!((answer.status, answer.json()), (404, json!({"detail": "Invalid page."})), "{page}");
        }
    }
}
