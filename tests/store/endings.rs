//! How tokens end while they are used, and while others are made with them.

use std::thread;
use std::time::Duration;

use jeton::domain::page::PageRequest;
use jeton::domain::token::TokenFacts;
use jeton::store::{Changed, LockedRows, NewToken, OwnChange, Regenerate, Revoked, StoreError, TokenUse};

use super::{Kept, MULTIPLE, NOW, SINGLE, after, by, hash, named_token, new_token};
use crate::on_both;
use crate::support::app::Kind;

type End = fn(&Kept, i64) -> Result<bool, StoreError>;

/// Every way to end alice's tokens, at a moment at which one that was to live for ten seconds is over.
const ENDS: [(&str, End); 4] = [
    ("regenerate", |kept, _| {
        let how = Regenerate { all: false, grace_until: None };
        let regenerated =
            kept.store.regenerate_token(&kept.read("alice"), &new_token(true), how, &by("root"), after(11));
        Ok(regenerated?.done().is_some())
    }),
    ("set-password", |kept, _| {
        let set = kept.store.set_password(&kept.read("alice"), &hash("second"), &by("root"), after(11));
        Ok(set?.done().is_some())
    }),
    ("logoutall", |kept, _| {
        Ok(kept.store.revoke_login_tokens(kept.read("alice").id, &by("root"), after(11))?.is_some())
    }),
    ("revoke", |kept, id| Ok(kept.store.revoke_token(id, &by("root"), after(11))? == Revoked::Done)),
];

/// Alice with a login token of ten seconds, and its id.
fn with_brief(db: Kind) -> (Kept, NewToken, i64) {
    let kept = Kept::new(db);
    let alice = kept.user("alice");
    let brief = NewToken { expires_at: Some(after(10)), ..new_token(true) };
    kept.store.issue_login_token(&alice, &brief, MULTIPLE, &by("alice"), NOW).unwrap();
    let id = kept.token(&brief.digest).unwrap().0.id;
    (kept, brief, id)
}

/// Another node writes that it was used before its end, and so lives for ten seconds more.
fn write_late(kept: &Kept, id: i64) {
    let token_use = TokenUse { id, last_used_at: after(9), expires_at: Some(after(19)) };
    kept.store.record_usage(&[token_use], Duration::from_mins(1), LockedRows::Wait).unwrap();
}

on_both! {
    fn a_use_that_is_written_late_brings_no_ended_token_back(db) {
        for (way, end) in ENDS {
            let (kept, brief, id) = with_brief(db);
            assert!(end(&kept, id).unwrap(), "{way}");
            let facts = || kept.token(&brief.digest).unwrap().0;
            assert!(facts().is_expired(after(11)) && !facts().is_revoked(after(99)), "{way}: it expired");
            assert!(!kept.last_audit().contains("\"ended\":1") && !kept.last_audit().contains("\"login_tokens\":1"), "{way}");
            write_late(&kept, id);
            assert!(facts().is_revoked(after(11)), "{way}: it was saved and is revoked");
            assert_eq!(facts().revoked_by.as_deref(), Some("root"), "{way}");
        }
    }

    fn at_its_end_a_token_has_expired_and_is_not_revoked(db) {
        let (kept, brief, id) = with_brief(db);
        assert_eq!(kept.store.revoke_token(id, &by("root"), after(10)).unwrap(), Revoked::Done);
        let facts = kept.token(&brief.digest).unwrap().0;
        assert!(facts.is_expired(after(10)) && !facts.is_revoked(after(10)));
    }

    fn a_use_that_is_written_late_lengthens_no_grace(db) {
        let (kept, brief, id) = with_brief(db);
        let how = Regenerate { all: false, grace_until: Some(after(15)) };
        assert!(kept.store.regenerate_token(&kept.read("alice"), &new_token(true), how, &by("root"), after(11)).unwrap().done().is_some());
        write_late(&kept, id);
        let facts = kept.token(&brief.digest).unwrap().0;
        assert!(!facts.is_revoked(after(14)) && !facts.is_expired(after(14)));
        assert_eq!(facts.ends_at(), Some(after(15)));
    }

    fn named_tokens_that_expired_are_marked_by_all_alone(db) {
        let kept = Kept::new(db);
        kept.user("alice");
        let brief = NewToken { expires_at: Some(after(10)), ..named_token("ci") };
        kept.store.create_token(&kept.read("alice"), &brief, &by("root"), NOW).unwrap().done().unwrap();
        for (all, marked) in [(false, None), (true, Some(after(11)))] {
            let how = Regenerate { all, grace_until: None };
            assert!(kept.store.regenerate_token(&kept.read("alice"), &new_token(true), how, &by("root"), after(11)).unwrap().done().is_some());
            assert_eq!(kept.token(&brief.digest).unwrap().0.revoked_at, marked, "all: {all}");
        }
    }

    fn a_seal_that_somebody_left_by_hand_stands_in_nobodys_way(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        let (by_hand, how) = ("update tokens set revoked_at = '2025-06-15 15:06:40'", Regenerate { all: false, grace_until: None });
        kept.issue(&alice, SINGLE);
        kept.sql(by_hand);
        assert!(kept.store.regenerate_token(&kept.read("alice"), &new_token(true), how, &by("root"), NOW).unwrap().done().is_some());
        kept.sql(by_hand);
        kept.issue(&alice, SINGLE);
        assert_eq!(kept.sql("select count(*) from tokens where sealed is not null"), "1");
    }

    fn a_token_that_was_revoked_makes_no_other(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        let login = kept.issue(&alice, MULTIPLE);
        let read = || kept.token(&login.digest).unwrap().0;
        let own = |asked_with: &TokenFacts, now| {
            let alice = kept.read("alice");
            kept.store.create_own_token(asked_with, &alice, &named_token("n"), None, &by("alice"), now).unwrap()
        };
        let asked_before = read();
        assert!(matches!(own(&asked_before, NOW), Changed::Done(OwnChange::Done(_))));
        let grace = Regenerate { all: true, grace_until: Some(after(60)) };
        assert!(kept.store.regenerate_token(&kept.read("alice"), &new_token(true), grace, &by("root"), NOW).unwrap().done().is_some());
        assert!(matches!(own(&read(), after(59)), Changed::Done(OwnChange::Done(_))), "it lives on by grace");
        let before = kept.everything();
        assert!(matches!(own(&read(), after(60)), Changed::Done(OwnChange::TokenEnded)));
        assert!(matches!(own(&asked_before, NOW), Changed::Done(OwnChange::TokenEnded)), "by a clock that is behind, too");
        assert_eq!(kept.everything(), before);
    }
}

#[test]
fn a_token_that_is_revoked_meanwhile_makes_no_other() {
    let kept = Kept::new(Kind::Postgres);
    let alice = kept.user("alice");
    let asked_with = kept.token(&kept.issue(&alice, MULTIPLE).digest).unwrap().0;
    let mut session = kept.database.writer();
    session.run("update tokens set revoked_at = '2025-06-15 15:06:40';");
    let made = thread::scope(|scope| {
        let own = scope
            .spawn(|| kept.store.create_own_token(&asked_with, &alice, &named_token("n"), None, &by("alice"), NOW));
        kept.database.wait_for_blocked(1);
        session.run("commit;");
        own.join().unwrap().unwrap()
    });
    assert!(matches!(made, Changed::Done(OwnChange::TokenEnded)), "{made:?}");
    assert_eq!(kept.sql("select count(*) from tokens"), "1");
}

/// Uses are written by id. On SQLite there is one writer at a time.
#[test]
fn who_ends_tokens_and_who_writes_their_uses_do_not_wait_for_each_other() {
    let delete: End = |kept, _| Ok(kept.store.delete_user(&kept.read("alice"), &by("root"), NOW)?.done().is_some());
    let change_own: End = |kept, _| {
        let alice = kept.read("alice");
        let tokens = kept.store.list_tokens(Some(alice.id), PageRequest { number: 1, size: 1 }, NOW)?;
        let (asked_with, new) = (&tokens.results[0].0, new_token(false));
        let changed =
            kept.store.change_own_password(asked_with, &alice, &hash("second"), &new, &by("alice"), after(11))?;
        Ok(matches!(changed, Changed::Done(OwnChange::Done(()))))
    };
    let more = [("delete", delete), ("change-own-password", change_own)];
    for (way, end) in ENDS.into_iter().filter(|(way, _)| *way != "revoke").chain(more) {
        let kept = Kept::new(Kind::Postgres);
        let alice = kept.user("alice");
        kept.issue(&alice, MULTIPLE);
        kept.issue(&alice, MULTIPLE);
        // Changed in an index too, so that it lies behind the second one wherever that is looked for.
        kept.sql("update tokens set expires_at = '2125-01-01' where id = 1");
        let mut session = kept.database.writer();
        // The other side of a deadlock would be the one to find it.
        session.run("set deadlock_timeout = '1min'; select 1 from tokens where id = 1 for no key update;");
        let ended = thread::scope(|scope| {
            let ended = scope.spawn(|| end(&kept, 1));
            kept.database.wait_for_blocked(1);
            session.run("select 1 from tokens where id = 2 for no key update; commit;");
            ended.join().unwrap()
        });
        assert!(matches!(ended, Ok(true)), "{way}: {ended:?}");
    }
}
