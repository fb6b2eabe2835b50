//! Every hand-made user of the fixture logs in after the import, or is refused, as the manifest says.

use serde_json::Value;

use super::{fixture, imported, manifest, serve};
use crate::each_way;
use crate::support::app::TestDatabase;

each_way! {
    fn every_user_logs_in_or_is_refused_as_the_manifest_says(from, to) {
        let (source, target) = (fixture(from), TestDatabase::new(to));
        imported(&source, &target, &[]);
        let app = serve(target, &[]);
        for user in manifest()["users"].as_array().unwrap() {
            let name = user["username"].as_str().unwrap();
            let Some(password) = user["password"].as_str() else {
                for guess in ["", "!", name] {
                    assert_eq!(app.try_login(name, guess).status, 400, "{name} has no password");
                }
                continue;
            };
            assert_eq!(app.try_login(name, &format!("{password}x")).status, 400, "{name}");
            let answer = app.try_login(name, password);
            if user["is_active"] == false {
                assert_eq!(answer.status, 400, "{name} is inactive");
                continue;
            }
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
            let key = answer.json()["token"].as_str().unwrap().to_owned();
            if user["drf_token"] != Value::Null {
                assert_eq!(user["drf_token"], key.as_str(), "{name} gets the same key");
            }
            assert_eq!(app.login(name, password), key, "{name}, whose hash jeton has replaced");
            let hash = app.database.sql(&format!("select password from users where id = {}", user["id"]));
            assert!(hash.starts_with("$argon2id$"), "{name}: {hash}");
        }
        assert_eq!(app.try_login("user000007", "bulk-1-7").status, 200);
    }
}
