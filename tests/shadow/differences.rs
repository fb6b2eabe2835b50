//! Differences that were made on purpose are found, each by its name.

use serde_json::{Value, json};

use super::{LIMIT, Package, Project, Site, unexplained};
use crate::commands::done;
use crate::on_both;
use crate::support::eventually;
use crate::support::http::Request;

/// The kinds of what nothing explains, a line each.
fn kinds(report: &[Value]) -> Vec<String> {
    let kinds = |line: &Value| {
        let differences = line["differences"].as_array().unwrap();
        let kinds: Vec<&str> = differences.iter().map(|difference| difference["kind"].as_str().unwrap()).collect();
        format!("{}: {}", line["about"].as_str().unwrap(), kinds.join(", "))
    };
    unexplained(report).into_iter().map(kinds).collect()
}

on_both! {
    fn five_planted_differences_are_found(db) {
        let site = Site::start(db, Package::Drf);
        let good = site.project.key("user0");
        let wrong = || Request::new("POST", "/api-token-auth/").json(&json!({"username": "user0", "password": "wrong one"}));
        let bad = || Request::new("GET", "/me/").token(&"f".repeat(40));
        let id = "an-example-of-a-request";
        assert_eq!(site.check(&good).status, 200);
        assert_eq!(site.send(wrong()).status, 400);
        // Another sentence, another status, a header that is missing.
        let answer = site.send(wrong().header("X-Plant", "sentence").header("X-Request-Id", id));
        assert_eq!(answer.text(), r#"{"non_field_errors":["Unable to log in with these credentials."]}"#);
        assert_eq!(site.send(wrong().header("X-Plant", "status")).status, 422);
        assert_eq!(site.send(bad().header("X-Plant", "header")).header("WWW-Authenticate"), None);
        // A user who is inactive only here, and a token that was revoked only here.
        done(&site.jeton, &["user", "deactivate", "user1"]);
        assert_eq!(site.send(site.login("user1")).status, 200);
        site.revoke_here("user2");
        let key = site.project.key("user2");
        // jeton may remember its answer for a bound.
        let found = eventually("the revoked token differs", LIMIT, || {
            assert_eq!(site.check(&key).status, 200);
            site.report().into_iter().find(|line| line["reason"] == "revoked")
        });
        assert_eq!(found["differences"], json!([{"kind": "status 200 / 401", "django": "200", "jeton": "401"}]));
        assert_eq!(found["path"], "/me/");

        let (summary, report) = site.stop();
        let mut kinds = kinds(&report);
        // Answers are compared a few at a time.
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds, [
            "check: header www-authenticate",
            "check: status 200 / 401",
            "login: body",
            "login: status 200 / 400",
            "login: status 422 / 400",
        ], "{report:#?}");
        let example = report.iter().find(|line| line["request_id"] == id).unwrap();
        assert_eq!(example["differences"][0]["django"], answer.text());
        assert_eq!((summary.unanswered, summary.skipped, summary.expected), (0, 0, 0));
        let words = site.shadow.stderr();
        assert!(words.contains(&format!("1 x login: body, as in request {id}")), "{words}");
        let line = words.lines().find(|line| line.contains("shadow: login: body")).unwrap();
        assert!(line.contains("these credentials") && line.contains(id) && line.contains("/api-token-auth/"), "{line}");
    }

    fn what_is_below_a_path_is_not_compared_and_nothing_else(db) {
        let arguments = ["--not-compared", "/me/", "--not-compared", "/api-token-auth/", "--not-compared", "/open/x"];
        let site = Site::before(db, Project::start(Package::Drf), &[], &arguments);
        site.revoke_here("user2");
        let key = site.project.key("user2");
        for path in ["/me/", "/me/?a=1", "/me/below/", "/open/x/y"] {
            let answer = site.send(Request::new("GET", path).token(&key));
            assert!([200, 404].contains(&answer.status), "{path}: {answer:?}");
        }
        assert_eq!(site.send(site.login("user0").header("X-Plant", "status")).status, 422);
        for path in ["/open/", "/open/?x=/me/"] {
            assert_eq!(site.send(Request::new("GET", path).token(&key)).status, 200);
        }
        let (summary, report) = site.stop();
        assert_eq!(kinds(&report), ["check: status 200 / 401"; 2], "{report:#?}");
        assert_eq!((summary.passed, summary.compared, summary.different), (7, 2, 2), "{summary:?}");
    }

    fn what_came_after_the_import_is_named_so(db) {
        let site = Site::start(db, Package::Drf);
        // jeton's key stands for Django's.
        let later = site.key_of("user8");
        assert_eq!(site.check(&later).status, 200);
        let fields = json!({"username": "newcomer", "password": "the password of newcomer"});
        assert_eq!(site.send(Request::new("POST", "/users/").json(&fields)).status, 204);
        let key = site.key_of("newcomer");
        let found = site.reported(1);
        assert_eq!(found[0]["explained"], "user_not_imported");
        assert_eq!(site.check(&key).status, 200);
        let found = site.reported(2);
        assert_eq!((&found[1]["explained"], &found[1]["reason"]), (&json!("token_not_imported"), &json!("unknown")));
        let (summary, report) = site.stop();
        assert_eq!((summary.compared, summary.equal, summary.expected, summary.different), (4, 2, 2, 0), "{report:?}");
    }

    fn a_logout_is_followed(db) {
        let site = Site::start(db, Package::Knox);
        let (first, second, third) = (site.key_of("user7"), site.key_of("user7"), site.key_of("user7"));
        let post = |path: &str, key: &str| site.send(Request::new("POST", path).token(key)).status;
        for _ in 0..20 {
            assert_eq!(site.check(&first).status, 200);
        }
        assert_eq!(post("/api/logout/", &first), 204);
        assert_eq!([&first, &second, &third].map(|key| site.check(key).status), [401, 200, 200]);
        assert_eq!(post("/api/logoutall/", &third), 204);
        assert_eq!([&first, &second, &third].map(|key| site.check(key).status), [401; 3]);
        let (summary, report) = site.stop();
        assert_eq!((summary.compared, summary.equal), (31, 31), "{report:#?}");
    }
}
