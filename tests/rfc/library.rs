//! Authlib, which knows nothing of jeton, introspects and revokes with only the metadata's URL.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::python;

const SCRIPT: &str = include_str!("library.py");
/// A secret with every character that is special in a form or in Basic.
const ODD_SECRET: &str = "s+c=r&t:/?%41-012345678901234567890";

on_both! {
    fn authlib_introspects_and_revokes(db) {
        for (method, secret) in [("client_secret_basic", CLIENT.1), ("client_secret_post", CLIENT.1),
            ("client_secret_basic", ODD_SECRET), ("client_secret_post", ODD_SECRET)] {
            let app = App::with(db, &[("JETON_BOOTSTRAP_CLIENT_SECRET", secret)]);
            let key = app.alice();
            let printed = python::run(SCRIPT, &[&format!("http://{}", app.addr), CLIENT.0, secret, &key, method]);
            let got: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let active = &got[0][1];
            assert_eq!((&active["active"], &active["username"]), (&json!(true), &json!("alice")), "{method}");
            let refused = json!([401, {"error": "invalid_client"}]);
            let expected = [
                json!([200, active]), json!([200, active]), refused.clone(), refused, json!([200, active]),
                json!([200, {}]), json!([200, {"active": false}]), json!([200, {}]),
            ];
            assert_eq!(got, expected, "{method}");
        }
    }
}
