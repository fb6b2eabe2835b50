//! Requests of every kind: jeton differs from Django only where that is to be expected. `SHADOW_REQUESTS` says how many
//! are sent.

use std::collections::BTreeMap;

use serde_json::Value;

use super::request::{Draw, check, login};
use super::{Package, Site, unexplained};
use crate::on_both;
use crate::support::app::Kind;
use crate::support::http::Request;

fn count() -> usize {
    std::env::var("SHADOW_REQUESTS").map_or(300, |count| count.parse().expect("a number in SHADOW_REQUESTS"))
}

/// What the documents say may differ.
const EXPECTED: [&str; 4] = ["other_keyword", "parser_words", "server_error", "token_not_checked"];

fn nothing_unexplained(db: Kind, package: Package) {
    let site = Site::start(db, package);
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    // Of tokens that were imported, those of logins, and those that were ended.
    let mut keys: Vec<String> = (0..6).map(|number| site.project.key(&format!("user{number}"))).collect();
    let count = count();
    for sent in 0..count {
        let key = keys[draw.below(keys.len())].clone();
        let request = match draw.below(10) {
            0..=3 => login(package, &mut draw),
            4 if package == Package::Knox => {
                let path = draw.of(&["/api/logout/", "/api/logout/", "/api/logoutall/"]);
                Request::new("POST", path).token(&key)
            }
            _ => check(&key, &mut draw),
        };
        let answer = site.send(request);
        let given = serde_json::from_slice::<Value>(&answer.body)
            .ok()
            .and_then(|body| Some(body["token"].as_str()?.to_owned()));
        keys.extend(given.filter(|_| keys.len() < 64));
        if keys.len() >= 64 {
            keys.remove(draw.below(64));
        }
        assert!(answer.status != 502, "request {sent}: {answer:?}");
    }
    let (summary, report) = site.stop();
    assert_eq!(unexplained(&report), [&Value::Null; 0], "{summary:?}");
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &report {
        *kinds.entry(line["explained"].as_str().unwrap()).or_default() += 1;
    }
    assert!(kinds.keys().all(|kind| EXPECTED.contains(kind)), "{kinds:?}");
    println!("{package:?} on {db:?}: {summary:?}, {kinds:?}");
    let passed = u64::try_from(count).unwrap();
    assert_eq!((summary.passed, summary.bad_gateway, summary.different), (passed, 0, 0));
    assert_eq!((summary.skipped, summary.unanswered, summary.expected), (0, 0, report.len() as u64));
    assert_eq!(summary.compared, summary.equal + summary.expected);
    assert!(summary.equal > passed * 7 / 10, "{summary:?}");
}

on_both! {
    fn drf_and_jeton_answer_alike(db) {
        nothing_unexplained(db, Package::Drf);
    }

    fn knox_and_jeton_answer_alike(db) {
        nothing_unexplained(db, Package::Knox);
    }
}
