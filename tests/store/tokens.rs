//! Tokens made, looked up, listed and revoked.

use std::time::Duration;

use jeton::domain::page::PageRequest;
use jeton::domain::token::TokenKind;
use jeton::domain::user::User;
use jeton::store::{LockedRows, NewToken, Regenerate, Revoked, StoreError, TokenUse};

use super::{ALL, Kept, MULTIPLE, NOW, SINGLE, after, by, hash, named_token, new_token, unknown_digest};
use crate::on_both;

const ORDINARY: Regenerate = Regenerate { all: false, grace_until: None };

on_both! {
    fn a_named_token_reads_back_as_it_was_given(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        let new = NewToken { scope: "a b".into(), expires_at: Some(after(60)), ..named_token("ci ü") };
        let made = kept.store.create_token(&kept.read("alice"), &new, &by("alice"), NOW).unwrap().done().unwrap();
        let (read, owner) = kept.token(&new.digest).unwrap();
        assert_eq!((read.id, read.user_id, owner.username.as_str()), (made.id, alice.id, "alice"));
        assert_eq!((read.kind(), read.name.as_deref(), read.scope.as_str()), (TokenKind::Named, Some("ci ü"), "a b"));
        assert_eq!((read.created_at, read.expires_at, read.hint), (NOW, Some(after(60)), new.hint));
        assert_eq!((read.last_used_at, read.revoked_at, read.revoked_by, read.client), (None, None, None, None));
        assert_eq!(kept.last_audit(), "alice|token.create|alice|192.0.2.7|{\"token\":1,\"name\":\"ci ü\",\"scope\":\"a b\"}");
        assert!(kept.token(&unknown_digest()).is_none());
    }

    fn no_two_tokens_have_one_digest(db) {
        let kept = Kept::new(db);
        kept.user("alice");
        let bob = kept.user("bob");
        let token = named_token("x");
        kept.store.create_token(&kept.read("alice"), &token, &by("root"), NOW).unwrap().done().unwrap();
        let before = kept.everything();
        let again = kept.store.create_token(&kept.read("bob"), &token, &by("root"), NOW);
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
        let again = kept.store.issue_login_token(&bob, &token, SINGLE, &by("alice"), NOW);
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
        let again = kept.store.regenerate_token(&kept.read("bob"), &token, ORDINARY, &by("root"), NOW);
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
        assert_eq!(kept.everything(), before);
    }

    fn a_user_has_one_sealed_token_at_most(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        kept.issue(&alice, SINGLE);
        let before = kept.everything();
        let second = kept.store.create_token(&kept.read("alice"), &new_token(true), &by("root"), NOW);
        assert!(matches!(second, Err(StoreError::Taken)), "{second:?}");
        assert_eq!(kept.everything(), before);
        kept.issue(&kept.user("bob"), SINGLE);
        kept.store.create_token(&kept.read("alice"), &new_token(false), &by("root"), NOW).unwrap().done().unwrap();
    }

    fn a_revoked_token_stays_unsealed_with_who_and_when(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        let (token, other) = (kept.issue(&alice, SINGLE), kept.issue(&kept.user("bob"), SINGLE));
        let id = kept.token(&token.digest).unwrap().0.id;
        assert_eq!(kept.store.revoke_token(id, &by("staff"), after(3)).unwrap(), Revoked::Done);
        assert_eq!(kept.last_audit(), format!("staff|token.revoke|alice|192.0.2.7|{{\"token\":{id}}}"));
        let facts = kept.token(&token.digest).unwrap().0;
        assert_eq!((facts.revoked_at, facts.revoked_by.as_deref()), (Some(after(3)), Some("staff")));
        assert_eq!(kept.sql("select user_id from tokens where sealed is not null"), "2");
        assert!(kept.is_live(&other));
        let before = kept.everything();
        assert_eq!(kept.store.revoke_token(id, &by("thief"), after(4)).unwrap(), Revoked::NotLive, "once is enough");
        assert_eq!(kept.store.revoke_token(id + 99, &by("thief"), after(4)).unwrap(), Revoked::NotLive);
        assert_eq!(kept.store.revoke_token(-1, &by("thief"), after(4)).unwrap(), Revoked::NotLive);
        assert_eq!(kept.everything(), before);
    }

    fn an_expired_token_is_ended_for_every_clock(db) {
        let kept = Kept::new(db);
        kept.user("alice");
        let new = NewToken { expires_at: Some(after(10)), ..named_token("x") };
        let id = kept.store.create_token(&kept.read("alice"), &new, &by("root"), NOW).unwrap().done().unwrap().id;
        assert_eq!(kept.store.revoke_token(id, &by("root"), after(10)).unwrap(), Revoked::Done, "by another clock it may live");
        let facts = kept.token(&new.digest).unwrap().0;
        assert!(facts.is_expired(after(10)) && !facts.is_revoked(after(10)), "it had expired");
        assert!(facts.is_revoked(after(9)), "by a clock that is behind it lived, and is dead");
        assert_eq!(kept.last_audit(), format!("root|token.revoke|alice|192.0.2.7|{{\"token\":{id}}}"));
        assert_eq!(kept.store.revoke_token(id, &by("root"), after(9)).unwrap(), Revoked::NotLive, "once is enough");
    }

    fn what_has_expired_ends_too_for_a_use_may_be_written_later(db) {
        type End = fn(&Kept, i64);
        let ends: [(&str, End, bool); 4] = [
            ("revoke", |kept, id| assert_eq!(kept.store.revoke_token(id, &by("root"), after(10)).unwrap(), Revoked::Done), false),
            ("logoutall", |kept, _| assert!(kept.store.revoke_login_tokens(1, &by("root"), after(10)).unwrap().is_some()), true),
            ("password", |kept, _| {
                assert!(kept.store.set_password(&kept.read("alice"), &hash("x"), &by("root"), after(10)).unwrap().done().is_some());
            }, true),
            ("regenerate", |kept, _| {
                let new = new_token(true);
                assert!(kept.store.regenerate_token(&kept.read("alice"), &new, ORDINARY, &by("root"), after(10)).unwrap().done().is_some());
            }, true),
        ];
        for (way, end, all) in ends {
            let kept = Kept::new(db);
            let alice = kept.user("alice");
            let until = |end| NewToken { expires_at: Some(end), ..new_token(false) };
            let a_day_before = after(10).before(Duration::from_hours(24));
            let [lately, long_ago, other] = [until(after(10)), until(a_day_before), until(after(10))];
            let named = NewToken { expires_at: Some(after(10)), ..named_token("n") };
            for token in [&lately, &long_ago, &other] {
                kept.store.issue_login_token(&alice, token, MULTIPLE, &by("alice"), NOW).unwrap();
            }
            kept.store.create_token(&alice, &named, &by("root"), NOW).unwrap().done().unwrap();
            let facts = |token: &NewToken| kept.token(&token.digest).unwrap().0;
            end(&kept, facts(&lately).id);
            assert!(facts(&lately).is_expired(after(10)) && !facts(&lately).is_revoked(after(10)), "{way}: as far as is known");
            let saved = |token| TokenUse { id: facts(token).id, last_used_at: after(9), expires_at: Some(after(100)) };
            kept.store.record_usage(&[&lately, &long_ago, &other, &named].map(saved), Duration::from_mins(1), LockedRows::Wait).unwrap();
            let revoked = [&lately, &other, &long_ago, &named].map(|token| facts(token).is_revoked(after(11)));
            assert_eq!(revoked, [true, all, all, false], "{way}");
        }
    }

    fn regenerate_ends_login_tokens_and_spares_named_ones(db) {
        let kept = Kept::new(db);
        let (alice, bob) = (kept.user("alice"), kept.user("bob"));
        let (one, two, other) = (kept.issue(&alice, MULTIPLE), kept.issue(&alice, SINGLE), kept.issue(&bob, SINGLE));
        let (named, fresh) = (named_token("ci"), new_token(true));
        kept.store.create_token(&kept.read("alice"), &named, &by("root"), NOW).unwrap().done().unwrap();
        assert!(kept.store.regenerate_token(&kept.read("alice"), &fresh, ORDINARY, &by("root"), after(1)).unwrap().done().is_some());
        assert_eq!([&one, &two, &named, &fresh, &other].map(|token| kept.is_live(token)), [false, false, true, true, true]);
        let details = "{\"token\":5,\"ended\":2,\"all\":false,\"grace_until\":null}";
        assert_eq!(kept.last_audit(), format!("root|token.regenerate|alice|192.0.2.7|{details}"));
        let everything = Regenerate { all: true, grace_until: None };
        assert!(kept.store.regenerate_token(&kept.read("alice"), &new_token(true), everything, &by("root"), after(2)).unwrap().done().is_some());
        assert_eq!([&named, &fresh, &other].map(|token| kept.is_live(token)), [false, false, true]);
        let before = kept.everything();
        assert_eq!(kept.everything(), before);
    }

    fn with_grace_the_old_tokens_end_then_and_no_later(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        let old = kept.issue(&alice, SINGLE);
        let ends = |token: &NewToken| kept.token(&token.digest).unwrap().0.ends_at();
        let (soon, late) = (
            NewToken { expires_at: Some(after(5)), ..new_token(false) },
            NewToken { expires_at: Some(after(500)), ..new_token(false) },
        );
        for token in [&soon, &late] {
            kept.store.create_token(&kept.read("alice"), token, &by("root"), NOW).unwrap().done().unwrap();
        }
        let grace = Regenerate { all: false, grace_until: Some(after(60)) };
        assert!(kept.store.regenerate_token(&kept.read("alice"), &new_token(true), grace, &by("root"), NOW).unwrap().done().is_some());
        assert_eq!([&old, &soon, &late].map(ends), [Some(after(60)), Some(after(5)), Some(after(60))]);
        assert_eq!(kept.sql("select count(*) from tokens where sealed is not null"), "1", "the new one is handed out");
        assert!(!kept.token(&old.digest).unwrap().0.is_revoked(after(59)));
        assert!(kept.store.regenerate_token(&kept.read("alice"), &new_token(true), ORDINARY, &by("root"), NOW).unwrap().done().is_some());
        assert!(kept.token(&old.digest).unwrap().0.is_revoked(NOW), "the grace ends with the next one");
    }

    fn lists_hold_live_tokens_by_age_with_their_owners(db) {
        let kept = Kept::new(db);
        let (bob, alice) = (kept.user("bob"), kept.user("alice"));
        for name in ["one", "dead", "three"] {
            kept.store.create_token(&kept.read("alice"), &named_token(name), &by("root"), NOW).unwrap().done().unwrap();
        }
        kept.store.create_token(&kept.read("bob"), &NewToken { expires_at: Some(after(10)), ..named_token("brief") }, &by("root"), NOW).unwrap().done().unwrap();
        kept.issue(&bob, SINGLE);
        kept.issue(&alice, SINGLE);
        kept.store.revoke_token(2, &by("root"), NOW).unwrap();
        let list = |user: Option<&User>, page: PageRequest, now| {
            let page = kept.store.list_tokens(user.map(|user| user.id), page, now).unwrap();
            let rows = page.results.into_iter().map(|(token, owner)| format!("{owner} {}", token.name.unwrap_or_default()));
            (page.count, rows.collect::<Vec<_>>())
        };
        assert_eq!(list(Some(&alice), ALL, NOW), (3, ["alice one", "alice three", "alice "].map(String::from).to_vec()));
        assert_eq!(list(None, PageRequest { number: 2, size: 2 }, NOW), (5, ["bob brief", "bob "].map(String::from).to_vec()));
        assert_eq!(list(Some(&bob), ALL, after(10)), (1, vec!["bob ".into()]));
    }

    fn ids_of_deleted_tokens_do_not_come_again(db) {
        let kept = Kept::new(db);
        kept.user("alice");
        let id = || kept.store.create_token(&kept.read("alice"), &named_token("x"), &by("root"), NOW).unwrap().done().unwrap().id;
        let last = [id(), id()][1];
        kept.sql("delete from tokens");
        assert!(id() > last);
    }

    fn a_row_put_in_by_sql_is_a_good_token(db) {
        let kept = Kept::new(db);
        kept.user("alice");
        let token = new_token(false);
        let digest = hex::encode(token.digest.as_bytes());
        let digest = if kept.database.postgres.is_some() { format!("'\\x{digest}'") } else { format!("x'{digest}'") };
        for created_at in ["2025-06-15 15:06:40", "2025-06-15 15:06:40.5"] {
            kept.sql(&format!("delete from tokens; insert into tokens (user_id, digest, created_at) values (1, {digest}, '{created_at}')"));
            assert!(kept.is_live(&token), "{created_at}");
        }
    }
}
