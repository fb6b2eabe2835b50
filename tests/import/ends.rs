//! When imported tokens end: `--tokens-expire`, and tokens that are here already.

use serde_json::{Value, json};

use super::dumps::{import_text, object, user};
use super::{BEAS_KEY, add_drf_token, counts, everything, import, imported, jeton, serve, small};
use crate::support::app::TestDatabase;
use crate::{each_way, on_both};

const EXPIRE: [&str; 2] = ["--tokens-expire", "3650d"];
/// Ten years after 2026-01-03.
const END: i64 = 2_082_758_400;

each_way! {
    fn a_token_of_unknown_age_is_left_out_if_age_ends_it(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql("update authtoken_token set created = null");
        add_drf_token(&source, 1, "0123");
        let bad = "bad row: the row with user_id 2 of the table authtoken_token: its created is empty, so that --tokens-expire has nothing to count from\n";
        for more in [&[][..], &["--dry-run"]] {
            let output = import(&source, &target, &[&EXPIRE[..], more].concat());
            assert!(output.status == 1 && output.stderr.contains(bad) && output.stderr.ends_with("--skip-bad\n"), "{output:?}");
        }
        let words = imported(&source, &target, &[&EXPIRE[..], &["--skip-bad"]].concat());
        assert!(words.contains(bad) && words.contains("imported: 3 users, 3 groups, 1 DRF token, 1 Knox token\n"), "{words}");
        let app = serve(target, &[]);
        assert!(!app.is_good(BEAS_KEY));
        assert_eq!(app.introspect("0123")["exp"], END);
    }

    fn a_table_without_an_age_is_refused_if_age_ends_tokens(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        source.sql("alter table authtoken_token add made_at varchar(40); update authtoken_token set made_at = created; alter table authtoken_token drop created");
        let output = import(&source, &target, &EXPIRE);
        let why = "error: --tokens-expire counts from when a token was created, which authtoken_token does not say: name the column, --token-table 'authtoken_token(created=..)'";
        assert!(output.status == 1 && output.stderr.contains(why), "{output:?}");
        imported(&source, &target, &[&EXPIRE[..], &["--token-table", "authtoken_token(created=made_at)"]].concat());
        assert_eq!(serve(target, &[]).introspect(BEAS_KEY)["exp"], END);
    }

    fn tokens_that_are_here_without_an_end_get_it_by_an_update(from, to) {
        let (source, target) = (small(from), TestDatabase::new(to));
        add_drf_token(&source, 1, "0123");
        imported(&source, &target, &[]);
        // The same token of Knox's now ends at the source.
        source.sql("update knox_authtoken set expiry = '2030-01-01 00:00:00'");
        let words = imported(&source, &target, &EXPIRE);
        assert!(words.contains("stay without an end, which the source gives them: 3 tokens, unless you add --update\n"), "{words}");
        assert_eq!(target.sql("select count(*) from tokens where expires_at is not null"), "0");
        let before = everything(&target);
        let words = imported(&source, &target, &[&EXPIRE[..], &["--update", "--dry-run"]].concat());
        assert!(words.contains("would get the end that the source gives them: 3 tokens\n"), "{words}");
        assert_eq!(everything(&target), before);
        // One has ended already.
        source.sql("update authtoken_token set created = '2016-01-01 00:00:00' where user_id = 1");
        let words = imported(&source, &target, &[&EXPIRE[..], &["--update"]].concat());
        assert!(words.contains("got the end that the source gives them: 3 tokens\n"), "{words}");
        let entry = "select details from audit_log where action = 'user.update' and target = 'bea'";
        assert_eq!(target.sql(entry), r#"{"imported_from":"django","tokens_with_an_end":1}"#);
        assert_eq!(target.sql("select count(*) from tokens where sealed is not null"), "1", "logins do not return what has ended");
        // An end that is here stays.
        source.sql("update authtoken_token set created = '2016-02-01 00:00:00'");
        let before = everything(&target);
        let words = imported(&source, &target, &[&EXPIRE[..], &["--update"]].concat());
        assert!(!words.contains("the end"), "{words}");
        assert_eq!(everything(&target), before);
        let app = serve(target, &[]);
        assert_eq!(app.introspect(BEAS_KEY)["exp"], END);
        assert!(!app.is_good("0123"));
    }
}

on_both! {
    fn tokens_of_a_dump_end_alike(db) {
        let token = |key: &str, created: Value| object("authtoken.token", json!(key.repeat(40)), json!({"user": 1, "created": created}));
        let dump = |tokens: &[Value]| Value::from([&[user(json!(1), "ann")], tokens].concat()).to_string();
        let both = dump(&[token("a", json!("2026-01-03T00:00:00Z")), token("b", Value::Null)]);
        let target = TestDatabase::new(db);
        let jeton = jeton(&target);
        let output = import_text(&jeton, &both, &EXPIRE);
        assert!(output.status == 1 && output.stderr.contains("its created is empty, so that --tokens-expire"), "{output:?}");
        assert_eq!(import_text(&jeton, &both, &[]).status, 0);
        let known = dump(&[token("a", json!("2026-01-03T00:00:00Z"))]);
        let output = import_text(&jeton, &known, &[&EXPIRE[..], &["--update"]].concat());
        assert!(output.stderr.contains("got the end that the source gives them: 1 token\n"), "{output:?}");
        assert_eq!(counts(&target), "1|0|0|2");
        assert_eq!(serve(target, &[]).introspect(&"a".repeat(40))["exp"], END);
    }
}
