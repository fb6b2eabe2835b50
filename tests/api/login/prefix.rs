//! `JETON_TOKEN_PREFIX`: keys that secret scanners can recognise.

use jeton::domain::token::Token;
use serde_json::json;

use crate::on_both;
use crate::support::app::{App, CLIENT};
use crate::support::calls::ALICE;
use crate::support::http::Request;
use crate::support::watched::Watched;

const ACME: &[(&str, &str)] = &[("JETON_TOKEN_PREFIX", "acme")];

/// zlib's CRC-32, bit by bit: the reversed polynomial of ISO 3309.
fn crc32(text: &str) -> String {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    let crc = text.bytes().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)));
    format!("{:08x}", !crc)
}

#[test]
fn the_tests_own_crc_has_the_published_check_value() {
    assert_eq!((crc32("123456789").as_str(), crc32("").as_str()), ("cbf43926", "00000000"));
}

#[track_caller]
fn assert_form(key: &str, prefix: &str) {
    let (checked, check) = key.split_at(key.len() - 8);
    let random = checked.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).expect(key);
    assert_eq!(random.len(), 40, "{key}");
    assert!(random.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{key}");
    assert_eq!(check, crc32(checked), "{key}");
}

/// The key with another digit at `at`.
fn damaged(key: &str, at: usize) -> String {
    let other = if &key[at..=at] == "0" { "1" } else { "0" };
    format!("{}{other}{}", &key[..at], &key[at + 1..])
}

on_both! {
    fn every_new_key_has_the_prefix_and_a_checksum(db) {
        let app = App::with(db, ACME);
        let login = app.alice();
        let named = app.name_token(&login, &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
        let regenerated = app.regenerate("alice");
        for key in [&login, &named, &regenerated] {
            assert_form(key, "acme");
        }
        assert!(app.is_good(&named) && app.is_good(&regenerated));
        assert_eq!(app.login(ALICE.0, ALICE.1), regenerated, "the login returns it again");
    }

    fn a_prefix_may_have_underscores_itself(db) {
        let app = App::with(db, &[("JETON_TOKEN_PREFIX", "acme_eu-1")]);
        let key = app.alice();
        assert_form(&key, "acme_eu-1");
        assert!(app.is_good(&key));
    }

    fn a_key_with_a_wrong_checksum_is_malformed(db) {
        let app = App::with(db, ACME);
        let key = app.alice();
        let upper = key.to_uppercase().replacen("ACME", "acme", 1);
        for wrong in [&damaged(&key, 5), &damaged(&key, 30), &damaged(&key, key.len() - 1), &upper, "acme_", "acme_1"] {
            assert!(!app.is_good(wrong), "{wrong}");
            assert_eq!(app.explain(wrong)["reason"], "malformed", "{wrong}");
        }
        for unknown in ["acme", "acm_123", "xacme_123", &key[..4]] {
            assert_eq!(app.explain(unknown)["reason"], "unknown", "{unknown} does not begin with the prefix");
        }
        let guessed = format!("acme_{}", "0".repeat(40));
        let guessed = format!("{guessed}{}", crc32(&guessed));
        assert_eq!(app.explain(&guessed)["reason"], "unknown", "its checksum is right");
    }

    fn a_key_with_a_wrong_checksum_needs_no_database(db) {
        let app = App::with(db, &[ACME, &[("JETON_CACHE_BYTES", "0")]].concat());
        let key = app.alice();
        let wrong = damaged(&key, 20);
        app.database.sql("alter table tokens rename to away");
        let statuses = [&wrong, &key].map(|key| {
            let introspect = Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", key)]);
            let introspected = app.send(introspect).status;
            let batch = app.batch(&json!({"tokens": [key]})).status;
            [introspected, batch, app.get("/me", key).status, app.get("/auth/verify", key).status, app.revoke(key).status]
        });
        app.database.sql("alter table away rename to tokens");
        assert_eq!(statuses, [[200, 200, 401, 401, 200], [500; 5]]);
        assert!(app.is_good(&key));
    }

    fn keys_from_before_a_change_of_prefix_stay_valid(db) {
        let before = App::start(db);
        let oldest = before.alice();
        let named = before.name_token(&oldest, &json!({"name": "n"}))["token"].as_str().unwrap().to_owned();
        let app = before.node(ACME);
        assert_eq!(app.login(ALICE.0, ALICE.1), oldest, "a login still returns the oldest key");
        assert!(app.is_good(&oldest) && app.is_good(&named));
        let acme = app.regenerate("alice");
        assert_form(&acme, "acme");
        let app = app.node(&[("JETON_TOKEN_PREFIX", "zeta")]);
        assert!(app.is_good(&acme) && app.is_good(&named));
        assert_eq!(app.login(ALICE.0, ALICE.1), acme);
        assert_eq!(app.explain(&damaged(&acme, 9))["reason"], "unknown", "acme is no longer the prefix");
        assert_form(&app.regenerate("alice"), "zeta");
    }

    fn keys_of_an_earlier_prefix_that_begins_with_the_current_one_stay_valid(db) {
        let before = App::with(db, &[("JETON_TOKEN_PREFIX", "acme_eu")]);
        let old = before.alice();
        let app = before.node(ACME);
        assert!(app.is_good(&old));
        assert_eq!(app.login(ALICE.0, ALICE.1), old);
        assert_eq!(app.explain(&damaged(&old, 20))["reason"], "malformed");
    }

    fn knox_keys_with_the_current_prefix_stay_valid(db) {
        let app = App::with(db, ACME);
        app.alice();
        // Knox's TOKEN_PREFIX may end with the underscore, have none, or be longer.
        for (number, prefix) in ["acme_", "acme_v1", "acme_v2_"].into_iter().enumerate() {
            let key = format!("{prefix}{}", format!("{number:x}c").repeat(32));
            let digest = hex::encode(Token::parse(&key, None).unwrap().digest().as_bytes());
            let digest = if app.database.postgres.is_some() { format!("'\\x{digest}'") } else { format!("x'{digest}'") };
            app.sql(&format!(
                "insert into tokens (user_id, digest, created_at) \
                 select id, {digest}, '2025-06-15 15:06:40' from users where username = 'alice'"
            ));
            assert!(app.is_good(&key), "{key}");
            assert_eq!(app.explain(&damaged(&key, key.len() - 1))["reason"], "unknown", "a key that differs in one digit");
            assert_eq!(app.revoke(&key).status, 200);
            assert!(!app.is_good(&key), "{key}");
        }
    }
}

#[test]
fn a_key_with_a_wrong_checksum_costs_no_query() {
    let watched = Watched::start(&[ACME, &[("JETON_CACHE_BYTES", "0")]].concat());
    let key = watched.app.alice();
    let wrong = damaged(&key, 20);
    assert_eq!(watched.lookups(|app| assert!(app.is_good(&key))), 3, "lookups are counted");
    assert_eq!(watched.lookups(|app| assert!(!app.is_good(&wrong))), 0);
    assert_eq!(watched.lookups(|app| assert_eq!(app.batch(&json!({"tokens": [wrong, ""]})).status, 200)), 0);
}

#[test]
fn a_key_with_a_wrong_checksum_is_refused_while_the_database_is_frozen() {
    let watched = Watched::start(&[("JETON_TOKEN_PREFIX", "acme"), ("JETON_DATABASE_TIMEOUT", "500ms")]);
    let key = watched.app.alice();
    watched.freeze();
    let me = |key: &str| watched.app.get("/me", key);
    let refused = me(&damaged(&key, 20));
    let unsure = me(&key);
    let client = Request::new("POST", "/introspect").basic(CLIENT.0, CLIENT.1).form(&[("token", &key)]);
    let introspected = watched.app.send(client);
    watched.thaw();
    assert_eq!((refused.status, refused.json()), (401, json!({"detail": "Invalid token."})));
    assert_eq!((unsure.status, introspected.status), (503, 503));
    assert_eq!(introspected.json(), json!({"error": "temporarily_unavailable"}));
    assert_eq!(introspected.header("Retry-After").as_deref(), Some("1"));
}
