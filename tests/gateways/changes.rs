//! `/changes` through nginx with its default settings for proxies: each answer is short and complete.

use serde_json::{Value, json};

use super::gateway::Gateway;
use crate::support::app::{App, CLIENT, Kind};
use crate::support::http::Request;

#[test]
fn nginx_passes_changes_on_to_each_follower() {
    let app = App::with(Kind::Postgres, &[]);
    let nginx = Gateway::plain_nginx(app.addr);
    let ask = |after: &str| -> Value {
        let request = Request::new("GET", &format!("/changes?after={after}")).basic(CLIENT.0, CLIENT.1);
        let answer = nginx.send(request);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"));
        answer.json()
    };
    let cursor = |answer: &Value| answer["cursor"].as_str().unwrap().to_owned();
    let key = app.alice();
    let id: i64 = app.introspect(&key)["jti"].as_str().unwrap().parse().unwrap();
    let begin = cursor(&ask(""));
    assert_eq!(ask(&begin)["changes"], json!([]));
    app.revoke(&key);
    std::thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(|| {
                let told = ask(&begin);
                assert_eq!((&told["reset"], &told["changes"]), (&json!(false), &json!([{ "token": id }])));
                assert_eq!(ask(&cursor(&told))["changes"], json!([]));
            });
        }
    });
    // The longest cursor lists two hundred transactions of twenty digits.
    let longest = format!("{begin}.{}", vec!["9".repeat(20); 200].join("."));
    assert_eq!(ask(&longest)["reset"], true);
}
