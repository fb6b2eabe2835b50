//! Every route that changes something has one entry in the audit log: actor, action, target, address.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{ADMIN, App, Kind};
use crate::support::calls::ALICE;
use crate::support::http::{Answer, Request};

/// An address behind a trusted proxy, which differs from the proxy's own.
const CLIENT_ADDRESS: &str = "192.0.2.9";

struct Scene {
    app: App,
    alice: String,
    admin: String,
    /// Alice's named tokens: keys and ids.
    named: Vec<(String, Value)>,
}

impl Scene {
    fn new(db: Kind) -> Self {
        let app = App::with(db, &[("JETON_TOKEN_MODE", "multiple"), ("JETON_TRUSTED_PROXIES", "127.0.0.0/8")]);
        let (alice, admin) = (app.alice(), app.admin_token());
        let named = (0..4).map(|_| app.name_token(&alice, &json!({"name": "n"})));
        let named = named.map(|made| (made["token"].as_str().unwrap().to_owned(), made["id"].clone())).collect();
        Self { app, alice, admin, named }
    }

    fn send(&self, request: Request) -> Answer {
        self.app.send(request.header("X-Forwarded-For", CLIENT_ADDRESS))
    }

    fn login(&self, password: &str) -> Answer {
        let body = json!({"username": ALICE.0, "password": password});
        self.send(Request::new("POST", "/api-token-auth/").json(&body))
    }

    /// The entries written by `change`, oldest first, without their ids and times.
    fn entries_of(&self, status: u16, change: impl FnOnce(&Self) -> Answer) -> Vec<Value> {
        let newest = || self.app.database.sql("select max(id) from audit_log");
        let before = newest();
        let answer = change(self);
        assert_eq!(answer.status, status, "{}", answer.text());
        let mut entries = self.app.get("/admin/audit/?page_size=10", &self.admin).json()["results"].take();
        let mut entries = std::mem::take(entries.as_array_mut().unwrap());
        entries.retain(|entry| entry["id"].as_i64() > before.parse().ok());
        entries.reverse();
        entries
    }

    #[track_caller]
    fn assert_one(&self, expected: [&str; 3], details: &Value, status: u16, change: impl FnOnce(&Self) -> Answer) {
        let entries = self.entries_of(status, change);
        let [entry] = entries.as_slice() else { panic!("{expected:?}: {entries:?}") };
        let found = ["action", "actor", "target"].map(|name| entry[name].as_str().unwrap());
        assert_eq!(found, expected, "{entry}");
        assert_eq!(entry["address"], CLIENT_ADDRESS, "{entry}");
        for (name, value) in details.as_object().unwrap() {
            assert_eq!(&entry["details"][name], value, "{name} of {entry}");
        }
    }
}

on_both! {
    fn each_change_by_http_has_one_entry(db) {
        let scene = Scene::new(db);
        let (alice, admin) = (scene.alice.as_str(), scene.admin.as_str());
        let post = |path: &str, key: &str| Request::new("POST", path).token(key);
        let delete = |path: &str, id: &Value, key: &str| Request::new("DELETE", &format!("{path}{id}")).token(key);
        let id = |at: usize| &scene.named[at].1;
        let none = json!({});
        scene.assert_one(["login", "alice", "alice"], &none, 200, |scene| scene.login(ALICE.1));
        scene.assert_one(["login.failed", "alice", "alice"], &none, 400, |scene| scene.login("wrong"));
        let named = json!({"name": "n", "scope": "a"});
        scene.assert_one(["token.create", "alice", "alice"], &named, 201, |scene| {
            scene.send(post("/tokens/", alice).json(&json!({"name": "n", "scope": "a", "password": ALICE.1})))
        });
        scene.assert_one(["token.create", "admin", "alice"], &named, 201, |scene| {
            scene.send(post("/admin/users/alice/tokens/", admin).json(&named))
        });
        let token = |at: usize| json!({ "token": id(at) });
        let end = json!({"token": id(1), "expires_at": "2030-01-01T00:00:00Z"});
        scene.assert_one(["token.update", "admin", "alice"], &end, 200, |scene| {
            let request = Request::new("PATCH", &format!("/admin/tokens/{}", id(1))).token(admin);
            scene.send(request.json(&json!({"expires_at": "2030-01-01T00:00:00Z"})))
        });
        scene.assert_one(["token.revoke", "alice", "alice"], &token(0), 204, |scene| {
            scene.send(delete("/tokens/", id(0), alice))
        });
        scene.assert_one(["token.revoke", "admin", "alice"], &token(1), 204, |scene| {
            scene.send(delete("/admin/tokens/", id(1), admin))
        });
        scene.assert_one(["token.revoke", "admin", "alice"], &token(2), 200, |scene| {
            scene.send(post("/revoke", admin).form(&[("token", &scene.named[2].0)]))
        });
        scene.assert_one(["token.revoke", "alice", "alice"], &token(3), 200, |scene| {
            scene.send(Request::new("POST", "/revoke").form(&[("token", &scene.named[3].0)]))
        });
        let other = scene.login(ALICE.1).json()["token"].as_str().unwrap().to_owned();
        scene.assert_one(["token.revoke", "alice", "alice"], &none, 204, |scene| scene.send(post("/logout/", &other)));
        scene.assert_one(["token.revoke", "alice", "alice"], &json!({"login_tokens": 2}), 204, |scene| {
            scene.send(post("/logoutall/", alice))
        });
        scene.assert_one(["token.regenerate", "admin", "alice"], &json!({"ended": 2, "all": true}), 200, |scene| {
            scene.send(post("/admin/users/alice/regenerate?all=true", admin))
        });
        let bob = json!({"username": "bob", "password": ALICE.1, "is_active": false, "is_staff": true, "groups": ["b"]});
        let facts = json!({"is_active": false, "is_staff": true, "is_superuser": false, "groups": ["b"]});
        scene.assert_one(["user.create", "admin", "bob"], &facts, 201, |scene| {
            scene.send(post("/admin/users/", admin).json(&bob))
        });
    }

    fn a_request_that_changes_nothing_has_no_entry(db) {
        let scene = Scene::new(db);
        let key = |at: usize| scene.named[at].0.as_str();
        let revoke = |scene: &Scene| scene.send(Request::new("POST", "/revoke").form(&[("token", key(0))]));
        assert_eq!(scene.entries_of(200, revoke).len(), 1);
        assert_eq!(scene.entries_of(200, revoke), Vec::<Value>::new(), "the token is already revoked");
        let logoutall = |scene: &Scene| scene.send(Request::new("POST", "/logoutall/").token(key(1)));
        assert_eq!(scene.entries_of(204, logoutall).len(), 1);
        assert_eq!(scene.entries_of(204, logoutall), Vec::<Value>::new(), "there is no login token left");
        let explain = Request::new("POST", "/admin/explain").token(&scene.admin).json(&json!({"token": key(1)}));
        assert_eq!(scene.entries_of(200, |scene| scene.send(explain)), Vec::<Value>::new());
        for command in [["user", "activate"], ["user", "deactivate"], ["user", "deactivate"], ["user", "activate"]] {
            scene.app.command(&[&command[..], &["alice"]].concat());
        }
        let updates = scene.app.list("/admin/audit/?action=user.update&target=alice");
        let details: Vec<&Value> = updates.iter().map(|entry| &entry["details"]).collect();
        assert_eq!(details, [&json!({"is_active": true}), &json!({"is_active": false})]);
        assert_eq!(scene.app.list(&format!("/admin/audit/?actor={}", ADMIN.0)).iter().filter(|entry| entry["action"] == "user.update").count(), 0);
    }

    fn each_command_has_one_entry(db) {
        let app = App::start(db);
        app.alice();
        let count = || app.database.sql("select count(*) from audit_log").parse::<usize>().unwrap();
        let id = || app.database.sql("select max(id) from tokens");
        let entry = || app.database.sql("select action, target from audit_log order by id desc limit 1");
        for (command, expected) in [
            ("token create alice --name n --scope a", "token.create|alice"),
            ("token update LAST --expires-in 1h", "token.update|alice"),
            ("token revoke LAST", "token.revoke|alice"),
            ("token create alice", "token.create|alice"),
            ("token create -r alice", "token.regenerate|alice"),
            ("user create bob --no-password --staff --group g", "user.create|bob"),
            ("user deactivate bob", "user.update|bob"),
            ("user activate bob", "user.update|bob"),
            ("user delete --yes bob", "user.delete|bob"),
            ("client create c", "client.create|c"),
            ("client rotate c", "client.rotate|c"),
            ("client delete --yes c", "client.delete|c"),
        ] {
            let (before, command) = (count(), command.replace("LAST", &id()));
            app.command(&command.split(' ').collect::<Vec<_>>());
            assert_eq!((count() - before, entry().as_str()), (1, expected), "{command}");
        }
        let before = count();
        let set = ["user", "set-password", "--password-stdin", "alice"];
        assert_eq!(app.binary().run_with_stdin(&set, "a storm beyond the breakwater").status, 0);
        assert_eq!((count() - before, entry().as_str()), (1, "user.password|alice"));
        let before = count();
        for command in ["user list", "user show alice", "token list", "client list", "audit", "migrate"] {
            app.command(&command.split(' ').collect::<Vec<_>>());
        }
        assert_eq!(count(), before, "commands that only read write no entry");
    }
}
