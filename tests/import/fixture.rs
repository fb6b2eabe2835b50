//! The fixture, from and into both databases: users, tokens and columns after the import are as the manifest says.

use serde_json::{Value, json};

use super::{counts, fixture, imported, manifest, serve};
use crate::each_way;
use crate::support::app::TestDatabase;
use crate::support::calls::PASSWORD;

fn knox_keys(user: &Value) -> Vec<(String, bool)> {
    let tokens = user["knox_tokens"].as_array().unwrap();
    tokens.iter().map(|token| (token["key"].as_str().unwrap().to_owned(), token["expired"] == true)).collect()
}

each_way! {
    fn every_user_and_token_is_answered_as_the_manifest_says(from, to) {
        let (source, target) = (fixture(from), TestDatabase::new(to));
        let words = imported(&source, &target, &[]);
        assert_eq!(words.lines().next_back(), Some("imported: 3010 users, 3 groups, 3009 DRF tokens, 6 Knox tokens"));
        assert_eq!(counts(&target), "3010|3|5|3015");
        let app = serve(target, &[]);
        for user in manifest()["users"].as_array().unwrap() {
            let shown = json!({
                "active": true,
                "user_id": user["id"],
                "username": user["username"],
                "email": user["email"],
                "is_staff": user["is_staff"],
                "is_superuser": user["is_superuser"],
                "groups": user["groups"],
            });
            let drf = user["drf_token"].as_str().map(|key| (key.to_owned(), false));
            for (key, expired) in drf.into_iter().chain(knox_keys(user)) {
                let answer = app.introspect(&key);
                if expired || user["is_active"] == false {
                    assert_eq!(answer, json!({"active": false}), "{user}");
                    let reason = if expired { "expired" } else { "user_inactive" };
                    assert_eq!(app.explain(&key)["reason"], reason);
                    continue;
                }
                for (name, value) in shown.as_object().unwrap() {
                    assert_eq!(&answer[name], value, "{name} of {user}");
                }
            }
        }
        let bob = &manifest()["users"][2];
        let (lasting, ending) = (&knox_keys(bob)[1].0, &knox_keys(bob)[0].0);
        assert_eq!(app.introspect(lasting)["exp"], Value::Null);
        assert_eq!(app.introspect(ending)["exp"], 3_372_120_298_i64, "2076-11-09T04:04:58Z");
        assert_eq!(app.introspect(ending)["iat"], 1_795_320_298, "2026-11-22T04:04:58Z");
    }

    fn columns_are_imported_unchanged(from, to) {
        let (source, target) = (fixture(from), TestDatabase::new(to));
        imported(&source, &target, &[]);
        let ours = "select id, username, password, first_name, last_name, email from users order by id";
        let theirs = ours.replace("users", "auth_user");
        assert_eq!(target.sql(ours), source.sql(&theirs));
        let utc = |column: &str, kind| match kind {
            Sqlite => format!("strftime('%Y-%m-%d %H:%M:%f', {column})"),
            Postgres => format!("to_char({column} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')"),
        };
        let joined = |kind, table| format!("select id, substr({}, 1, 19) from {table} order by id", utc("date_joined", kind));
        assert_eq!(target.sql(&joined(to, "users")), source.sql(&joined(from, "auth_user")));
        assert_eq!(target.sql("select value from meta where key = 'last_user_id'"), "3010");
        let entries = "select count(*), min(actor), max(actor), min(action), max(action) from audit_log";
        assert_eq!(target.sql(entries), "3010|cli:olga|cli:olga|user.create|user.create");
        let bob = "select details from audit_log where target = 'bob'";
        let details: Value = serde_json::from_str(&target.sql(bob)).unwrap();
        let expected = json!({"id": 3, "is_active": true, "is_staff": false, "is_superuser": false,
            "groups": ["reports"], "imported_from": "django", "tokens": 3});
        assert_eq!(details, expected);
        // Ids of new users do not clash with ids that Django still assigns.
        let app = serve(target, &[]);
        let id = app.create_user("newcomer", PASSWORD, &json!({}))["id"].as_i64().unwrap();
        assert!(id >= 2_000_000_000, "{id}");
    }
}
