//! Tokens are ended while they are used, and while they are used to create other tokens.

use std::thread;
use std::time::Duration;

use jeton::domain::page::PageRequest;
use jeton::domain::token::{TokenFacts, UsedBy};
use jeton::store::{
    AskedWith, LiveTokens, LockedRows, LoginTokensRevoked, NewToken, OwnChange, Regenerate, Revoked, StoreError,
    TokenUse,
};

use super::{MULTIPLE, NOW, SINGLE, TestStore, after, by, hash, named_token, new_token};
use crate::on_both;
use crate::support::app::Kind;

type End = fn(&TestStore, i64) -> Result<bool, StoreError>;

/// Every way to end alice's tokens, one second after a token with a lifetime of ten seconds has expired.
const ENDS: [(&str, End); 4] = [
    ("regenerate", |test, _| {
        let how = Regenerate { all: false, grace_until: None };
        let regenerated =
            test.store.regenerate_token(&test.read("alice"), &new_token(true), how, &by("root"), after(11));
        Ok(regenerated?.done().is_some())
    }),
    ("set-password", |test, _| {
        let set = test.store.set_password(&test.read("alice"), &hash("second"), &by("root"), after(11));
        Ok(set?.done().is_some())
    }),
    ("logoutall", |test, _| {
        Ok(test.store.revoke_login_tokens(test.read("alice").id, &by("root"), after(11))?
            != LoginTokensRevoked::NoSuchUser)
    }),
    ("revoke", |test, id| Ok(test.store.revoke_token(id, &by("root"), after(11))? == Revoked::Done)),
];

/// A store with alice, her login token with a lifetime of ten seconds, and its id.
fn with_short_lived_token(db: Kind) -> (TestStore, NewToken, i64) {
    let test = TestStore::new(db);
    let alice = test.user("alice");
    let short_lived = NewToken { expires_at: Some(after(10)), ..new_token(true) };
    test.store.issue_login_token(&alice, &short_lived, MULTIPLE, &by("alice"), NOW).unwrap();
    let id = test.token(&short_lived.digest).unwrap().0.id;
    (test, short_lived, id)
}

/// Another node writes a use from before the expiry, which extends it by ten seconds.
fn write_late(test: &TestStore, id: i64) {
    let token_use =
        TokenUse { id, last_used_at: after(9), last_used_by: UsedBy::gateway(), expires_at: Some(after(19)) };
    test.store.record_usage(&[token_use], Duration::from_mins(1), LockedRows::Wait).unwrap();
}

on_both! {
    fn a_use_that_is_written_late_does_not_revive_an_ended_token(db) {
        for (way, end) in ENDS {
            let (test, short_lived, id) = with_short_lived_token(db);
            assert!(end(&test, id).unwrap(), "{way}");
            let facts = || test.token(&short_lived.digest).unwrap().0;
            assert!(facts().is_expired(after(11)) && !facts().is_revoked(after(99)), "{way}: the token has expired");
            assert!(!test.last_audit().contains("\"ended\":1") && !test.last_audit().contains("\"login_tokens\":1"), "{way}");
            write_late(&test, id);
            assert!(facts().is_revoked(after(11)), "{way}: its expiry was extended, but it is revoked");
            assert_eq!(facts().revoked_by.as_deref(), Some("root"), "{way}");
        }
    }

    fn at_its_end_a_token_has_expired_and_is_not_revoked(db) {
        let (test, short_lived, id) = with_short_lived_token(db);
        assert_eq!(test.store.revoke_token(id, &by("root"), after(10)).unwrap(), Revoked::Done);
        let facts = test.token(&short_lived.digest).unwrap().0;
        assert!(facts.is_expired(after(10)) && !facts.is_revoked(after(10)));
    }

    fn a_use_that_is_written_late_does_not_extend_a_grace(db) {
        let (test, short_lived, id) = with_short_lived_token(db);
        let how = Regenerate { all: false, grace_until: Some(after(15)) };
        assert!(test.store.regenerate_token(&test.read("alice"), &new_token(true), how, &by("root"), after(11)).unwrap().done().is_some());
        write_late(&test, id);
        let facts = test.token(&short_lived.digest).unwrap().0;
        assert!(!facts.is_revoked(after(14)) && !facts.is_expired(after(14)));
        assert_eq!(facts.ends_at(), Some(after(15)));
    }

    fn expired_named_tokens_are_revoked_only_with_all(db) {
        let test = TestStore::new(db);
        test.user("alice");
        let short_lived = NewToken { expires_at: Some(after(10)), ..named_token("ci") };
        test.store.create_token(&test.read("alice"), &short_lived, &by("root"), NOW).unwrap().done().unwrap();
        for (all, marked) in [(false, None), (true, Some(after(11)))] {
            let how = Regenerate { all, grace_until: None };
            assert!(test.store.regenerate_token(&test.read("alice"), &new_token(true), how, &by("root"), after(11)).unwrap().done().is_some());
            assert_eq!(test.token(&short_lived.digest).unwrap().0.revoked_at, marked, "all: {all}");
        }
    }

    fn a_seal_left_by_a_change_in_sql_does_not_block_the_next(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        let (by_hand, how) = ("update tokens set revoked_at = '2025-06-15 15:06:40'", Regenerate { all: false, grace_until: None });
        test.issue(&alice, SINGLE);
        test.sql(by_hand);
        assert!(test.store.regenerate_token(&test.read("alice"), &new_token(true), how, &by("root"), NOW).unwrap().done().is_some());
        test.sql(by_hand);
        test.issue(&alice, SINGLE);
        assert_eq!(test.sql("select count(*) from tokens where sealed is not null"), "1");
    }

    fn a_revoked_token_cannot_create_another(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        let login = test.issue(&alice, MULTIPLE);
        let read = || test.token(&login.digest).unwrap().0;
        let own = |request_token: &TokenFacts, now| {
            let alice = test.read("alice");
            test.store.create_own_token(&AskedWith::Token(request_token.clone()), &alice, &named_token("n"), None, &by("alice"), now).unwrap()
        };
        let read_before = read();
        assert!(matches!(own(&read_before, NOW), OwnChange::Done(_)));
        let grace = Regenerate { all: true, grace_until: Some(after(60)) };
        assert!(test.store.regenerate_token(&test.read("alice"), &new_token(true), grace, &by("root"), NOW).unwrap().done().is_some());
        assert!(matches!(own(&read(), after(59)), OwnChange::Done(_)), "it is valid during its grace");
        let before = test.everything();
        assert!(matches!(own(&read(), after(60)), OwnChange::TokenEnded));
        assert!(matches!(own(&read_before, NOW), OwnChange::TokenEnded), "the token has also ended by a clock that is behind");
        assert_eq!(test.everything(), before);
    }
}

#[test]
fn a_token_that_is_revoked_meanwhile_cannot_create_another() {
    let test = TestStore::new(Kind::Postgres);
    let alice = test.user("alice");
    let request_token = test.token(&test.issue(&alice, MULTIPLE).digest).unwrap().0;
    let mut session = test.database.writer();
    session.run("update tokens set revoked_at = '2025-06-15 15:06:40';");
    let made = thread::scope(|scope| {
        let own = scope.spawn(|| {
            test.store.create_own_token(
                &AskedWith::Token(request_token.clone()),
                &alice,
                &named_token("n"),
                None,
                &by("alice"),
                NOW,
            )
        });
        test.database.wait_for_blocked(1);
        session.run("commit;");
        own.join().unwrap().unwrap()
    });
    assert!(matches!(made, OwnChange::TokenEnded), "{made:?}");
    assert_eq!(test.sql("select count(*) from tokens"), "1");
}

/// Usage is written in the order of ids. SQLite has only one writer at a time, so this test needs PostgreSQL.
#[test]
fn ending_tokens_and_writing_their_usage_do_not_deadlock() {
    let delete: End = |test, _| Ok(test.store.delete_user(&test.read("alice"), &by("root"), NOW)?.done().is_some());
    let change_own: End = |test, _| {
        let alice = test.read("alice");
        let tokens = test.store.list_tokens(LiveTokens::of_user(alice.id), PageRequest::number(1, 1), NOW)?;
        let (request_token, new) = (&tokens.results[0].token, new_token(false));
        let changed = test.store.change_own_password(
            &AskedWith::Token(request_token.clone()),
            &alice,
            &hash("second"),
            Some(&new),
            &by("alice"),
            after(11),
        )?;
        Ok(matches!(changed, OwnChange::Done(())))
    };
    let more = [("delete", delete), ("change-own-password", change_own)];
    for (way, end) in ENDS.into_iter().filter(|(way, _)| *way != "revoke").chain(more) {
        let test = TestStore::new(Kind::Postgres);
        let alice = test.user("alice");
        test.issue(&alice, MULTIPLE);
        test.issue(&alice, MULTIPLE);
        // The change also moves the first row in the index, so that every scan finds it after the second row.
        test.sql("update tokens set expires_at = '2125-01-01' where id = 1");
        let mut session = test.database.writer();
        // If there is a deadlock, the other side detects it.
        session.run("set deadlock_timeout = '1min'; select 1 from tokens where id = 1 for no key update;");
        let ended = thread::scope(|scope| {
            let ended = scope.spawn(|| end(&test, 1));
            test.database.wait_for_blocked(1);
            session.run("select 1 from tokens where id = 2 for no key update; commit;");
            ended.join().unwrap()
        });
        assert!(matches!(ended, Ok(true)), "{way}: {ended:?}");
    }
}
