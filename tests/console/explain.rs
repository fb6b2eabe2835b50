//! "Check a token": why a key is accepted or not.

use serde_json::json;

use super::{ALICE, STAFF, with_people};
use crate::on_both;
use crate::support::app::{ADMIN, App};
use crate::support::console::Visit;
use crate::support::http::Request;

/// The verdict about a pasted text, as a page.
fn explained(visit: &mut Visit<'_>, text: &str) -> String {
    visit.get("/console/explain");
    let answer = visit.post("/console/explain", &[("key", text)]);
    assert_eq!((answer.status, answer.headers_named("Cache-Control")), (200, vec!["no-store".into()]), "{text}");
    answer.text()
}

#[track_caller]
fn assert_says(page: &str, words: &[&str]) {
    for words in words {
        assert!(page.contains(words), "{words} in {page}");
    }
}

on_both! {
    fn a_good_key_is_explained_however_it_was_copied_and_never_shown(db) {
        let app = with_people(App::start(db));
        let login = app.login(ALICE.0, ALICE.1);
        let key = app.name_token(&login, &json!({"name": "nightly", "scope": "a:b"}))["token"].as_str().unwrap().to_owned();
        let mut visit = Visit::by(&app, STAFF);
        for text in [key.clone(), format!("  {key}\r\n"), format!("Token {key}"), format!("bearer   {key} ")] {
            let page = explained(&mut visit, &text);
            assert_says(&page, &[">Accepted</span>", "<a href=\"/console/users/@alice\">alice</a>", "<dd>nightly</dd>", "<dd>a:b</dd>", ">Revoke</button>"]);
            assert!(!page.contains(&key), "{page}");
        }
        assert!(visit.page("/console/").contains("action=\"/console/explain\""), "the overview has the form, too");
        assert_eq!(app.database.sql("select count(*) from tokens where name = 'nightly' and last_used_at is not null").trim(), "0", "no use of the token");
    }

    /// All forms are in the unit test of `domain/token/copied.rs`.
    fn a_key_is_found_in_what_was_pasted_and_authenticates_no_more_than_before(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::by(&app, STAFF);
        let (start, rest) = key.split_at(23);
        for text in [
            format!("Authorization: Token {key}"),
            format!("\"{key}\""),
            format!("{{\"token\":\"{key}\"}}"),
            format!("token={key};"),
            format!("{key},"),
        ] {
            let page = explained(&mut visit, &text);
            assert_says(&page, &[">Accepted</span>"]);
            assert!(!page.contains("a request that sends them is refused") && !page.contains(&key), "{text}: {page}");
            assert_eq!(app.introspect(&text), json!({"active": false}), "{text}");
        }
        for text in [format!("{start} {rest}"), format!("{start}=\r\n{rest}"), format!("\u{feff}{key}"), format!("{key}\u{200b}")] {
            let page = explained(&mut visit, &text);
            assert_says(&page, &[">Accepted</span>", "a request that sends them is refused"]);
            assert!(!page.contains(rest), "{text:?}: {page}");
            assert_eq!(app.introspect(&text), json!({"active": false}), "{text:?}");
            assert!([400, 401].contains(&app.get("/me", &text).status), "{text:?}");
        }
        let page = explained(&mut visit, &format!("{key}\n{}", app.admin_token()));
        assert_says(&page, &[">Two keys</span>", "two keys in this text"]);
        assert!(!page.contains(">Unknown<") && !page.contains("never made here"), "{page}");
    }

    fn what_is_no_key_is_told_from_a_key_that_is_not_known(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        let key = app.login(ALICE.0, ALICE.1);
        for text in [&key[1..], "petrovic", &key.to_uppercase(), "Token", &format!("Basic {key}")] {
            let page = explained(&mut visit, text);
            assert_says(&page, &[">Not a key</span>", "not a key of this jeton", "has 40 characters"]);
            assert!(!page.contains("never made here"), "{page}");
        }
        assert_eq!(app.send(Request::new("DELETE", "/admin/users/alice").token(&app.admin_token())).status, 204);
        for text in [&key, &"0".repeat(64)] {
            let page = explained(&mut visit, text);
            assert_says(&page, &[">Unknown</span>", "never made here, or it was deleted with its user, or it ended longer ago than JETON_RETENTION"]);
        }
    }

    fn with_a_prefix_a_changed_key_is_told(db) {
        let app = with_people(App::with(db, &[("JETON_TOKEN_PREFIX", "acme")]));
        let mut visit = Visit::by(&app, ADMIN);
        let key = app.login(ALICE.0, ALICE.1);
        assert_says(&explained(&mut visit, &format!("'{}\n{}'", &key[..20], &key[20..])), &[">Accepted</span>"]);
        let changed = format!("Token {}", key.replacen(&key[5..7], if &key[5..7] == "00" { "11" } else { "00" }, 1));
        assert_says(&explained(&mut visit, &changed), &[">Not a key</span>", "missing or changed", "acme_ and 48 characters"]);
    }

    fn a_replaced_key_is_accepted_for_now(db) {
        let app = with_people(App::start(db));
        let old = app.login(ALICE.0, ALICE.1);
        app.regenerate("alice");
        let key = app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::by(&app, ADMIN);
        assert_says(&explained(&mut visit, &key), &[">Accepted</span>", "<dt>Expires</dt>"]);
        app.clock.advance(std::time::Duration::from_hours(1));
        let answer = app.post("/admin/users/alice/regenerate?grace=2h", &app.admin_token(), &json!({}));
        assert_eq!(answer.status, 200, "{answer:?}");
        app.clock.advance(std::time::Duration::from_mins(30));
        assert_eq!(app.post("/admin/users/alice/regenerate?grace=2h", &app.admin_token(), &json!({})).status, 200);
        let mut visit = Visit::by(&app, ADMIN);
        let page = explained(&mut visit, &key);
        assert_says(&page, &[
            ">Accepted for now</span>",
            "<dt>Replaced</dt><dd><time datetime=\"2025-06-15T16:06:40.123456Z\"",
            "<dt>By</dt><dd>admin</dd>",
            "<dt>Accepted until</dt><dd><time datetime=\"2025-06-15T18:06:40.123456Z\"",
        ]);
        assert_says(&explained(&mut visit, &old), &[">Revoked</span>"]);
    }

    fn a_key_that_is_not_accepted_is_explained_with_time_and_actor(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        let old = app.login(ALICE.0, ALICE.1);
        app.regenerate("alice");
        let page = explained(&mut visit, &old);
        assert_says(&page, &[">Revoked</span>", "<dt>Since</dt><dd><time", "<dt>By</dt><dd>admin</dd>"]);
        assert!(!page.contains(">Revoke</button>"), "{page}");
        let live = app.login(ALICE.0, ALICE.1);
        let off = Request::new("PATCH", "/admin/users/alice").token(&app.admin_token()).json(&json!({"is_active": false}));
        assert_eq!(app.send(off).status, 200);
        let page = explained(&mut visit, &live);
        assert_says(&page, &[">User inactive</span>", "<dt>By</dt><dd>admin</dd>", ">Activate alice</button>"]);
        assert_says(&explained(&mut visit, &"0".repeat(40)), &[">Unknown</span>"]);
        for text in ["", " ", &"x".repeat(2_000)] {
            assert_says(&explained(&mut visit, text), &[">Not a key</span>"]);
        }
    }

    fn an_id_or_the_first_characters_of_a_key_lead_to_the_search_and_a_key_does_not(db) {
        let app = with_people(App::start(db));
        let mut visit = Visit::by(&app, ADMIN);
        for (text, query) in [("517", "517"), (" f1aa ", "f1aa"), ("f1aa90c2", "f1aa90c2"), ("f1aa\u{2026}", "f1aa%E2%80%A6")] {
            assert_says(&explained(&mut visit, text), &[&format!("<a href=\"/console/users?search={query}\">search for the token</a>")]);
        }
        for text in ["f1aa90c2d", "1234567890123", "petrovic", &"0".repeat(40), &"1".repeat(39)] {
            assert!(!explained(&mut visit, text).contains("/console/users?search="), "{text}");
        }
        let live = app.login(ALICE.0, ALICE.1);
        assert!(!explained(&mut visit, &live).contains("/console/users?search="));
    }

    fn an_expired_key_is_explained_with_the_time_of_its_end(db) {
        let app = with_people(App::with(db, &[("JETON_TOKEN_TTL", "1h")]));
        let key = app.login(ALICE.0, ALICE.1);
        app.clock.advance(std::time::Duration::from_hours(2));
        let page = explained(&mut Visit::by(&app, ADMIN), &key);
        assert_says(&page, &[">Expired</span>", "<dt>Since</dt><dd><time"]);
    }

    fn staff_may_check_a_superusers_key_and_change_nothing(db) {
        let app = with_people(App::start(db));
        let key = app.admin_token();
        let page = explained(&mut Visit::by(&app, STAFF), &key);
        assert_says(&page, &[">Accepted</span>", "Only a superuser may change staff"]);
        assert!(!page.contains(">Revoke</button>"), "{page}");
    }

    fn the_buttons_do_what_they_say(db) {
        let app = with_people(App::start(db));
        let key = app.login(ALICE.0, ALICE.1);
        let mut visit = Visit::by(&app, ADMIN);
        let page = explained(&mut visit, &key);
        let action = page.split("action=\"").find(|part| part.starts_with("/console/users/@alice/tokens/")).unwrap();
        let action = action.split('"').next().unwrap().to_owned();
        assert_eq!(visit.post(&action, &[]).status, 303);
        assert!(!app.is_good(&key));
    }
}
