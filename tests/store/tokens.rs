//! Creating, looking up, listing and revoking tokens.

use std::time::Duration;

use jeton::domain::page::PageRequest;
use jeton::domain::token::{TokenKind, UsedBy};
use jeton::domain::user::User;
use jeton::store::{LiveTokens, LockedRows, LoginTokensRevoked, NewToken, Regenerate, Revoked, StoreError, TokenUse};

use super::{ALL, MULTIPLE, NOW, SINGLE, TestStore, after, by, hash, named_token, new_token, unknown_digest};
use crate::on_both;

const ORDINARY: Regenerate = Regenerate { all: false, grace_until: None };

on_both! {
    fn a_named_token_is_read_as_it_was_written(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        let new = NewToken { scope: "a b".into(), expires_at: Some(after(60)), ..named_token("ci ü") };
        let made = test.store.create_token(&test.read("alice"), &new, &by("alice"), NOW).unwrap().done().unwrap();
        let (read, owner) = test.token(&new.digest).unwrap();
        assert_eq!((read.id, read.user_id, owner.username.as_str()), (made.id, alice.id, "alice"));
        assert_eq!((read.kind(), read.name.as_deref(), read.scope.as_str()), (TokenKind::Named, Some("ci ü"), "a b"));
        assert_eq!((read.created_at, read.expires_at, read.key_start), (NOW, Some(after(60)), new.key_start));
        assert_eq!((read.last_used_at, read.revoked_at, read.revoked_by, read.client), (None, None, None, None));
        assert_eq!(test.last_audit(), "alice|token.create|alice|192.0.2.7|{\"token\":1,\"name\":\"ci ü\",\"scope\":\"a b\"}");
        assert!(test.token(&unknown_digest()).is_none());
    }

    fn digests_of_tokens_are_unique(db) {
        let test = TestStore::new(db);
        test.user("alice");
        let bob = test.user("bob");
        let token = named_token("x");
        test.store.create_token(&test.read("alice"), &token, &by("root"), NOW).unwrap().done().unwrap();
        let before = test.everything();
        let again = test.store.create_token(&test.read("bob"), &token, &by("root"), NOW);
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
        let again = test.store.issue_login_token(&bob, &token, SINGLE, &by("alice"), NOW);
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
        let again = test.store.regenerate_token(&test.read("bob"), &token, ORDINARY, &by("root"), NOW);
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
        assert_eq!(test.everything(), before);
    }

    fn a_user_has_one_sealed_token_at_most(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        test.issue(&alice, SINGLE);
        let before = test.everything();
        let second = test.store.create_token(&test.read("alice"), &new_token(true), &by("root"), NOW);
        assert!(matches!(second, Err(StoreError::Taken)), "{second:?}");
        assert_eq!(test.everything(), before);
        test.issue(&test.user("bob"), SINGLE);
        test.store.create_token(&test.read("alice"), &new_token(false), &by("root"), NOW).unwrap().done().unwrap();
    }

    fn a_revoked_token_keeps_its_row_with_actor_and_time_and_loses_its_seal(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        let (token, other) = (test.issue(&alice, SINGLE), test.issue(&test.user("bob"), SINGLE));
        let id = test.token(&token.digest).unwrap().0.id;
        assert_eq!(test.store.revoke_token(id, &by("staff"), after(3)).unwrap(), Revoked::Done);
        assert_eq!(test.last_audit(), format!("staff|token.revoke|alice|192.0.2.7|{{\"token\":{id}}}"));
        let facts = test.token(&token.digest).unwrap().0;
        assert_eq!((facts.revoked_at, facts.revoked_by.as_deref()), (Some(after(3)), Some("staff")));
        assert_eq!(test.sql("select user_id from tokens where sealed is not null"), "2");
        assert!(test.is_live(&other));
        let before = test.everything();
        assert_eq!(test.store.revoke_token(id, &by("thief"), after(4)).unwrap(), Revoked::NotLive, "the token is already revoked");
        assert_eq!(test.store.revoke_token(id + 99, &by("thief"), after(4)).unwrap(), Revoked::NotLive);
        assert_eq!(test.store.revoke_token(-1, &by("thief"), after(4)).unwrap(), Revoked::NotLive);
        assert_eq!(test.everything(), before);
    }

    fn a_revocation_is_recorded_under_the_owner_of_the_token(db) {
        let test = TestStore::new(db);
        for name in ["alice", "bob"] {
            test.issue(&test.user(name), MULTIPLE);
        }
        test.store.revoke_token(2, &by("root"), NOW).unwrap();
        assert_eq!(test.last_audit(), "root|token.revoke|bob|192.0.2.7|{\"token\":2}");
    }

    fn an_expired_token_is_ended_for_every_clock(db) {
        let test = TestStore::new(db);
        test.user("alice");
        let new = NewToken { expires_at: Some(after(10)), ..named_token("x") };
        let id = test.store.create_token(&test.read("alice"), &new, &by("root"), NOW).unwrap().done().unwrap().id;
        assert_eq!(test.store.revoke_token(id, &by("root"), after(10)).unwrap(), Revoked::Done, "by another clock it may be live");
        let facts = test.token(&new.digest).unwrap().0;
        assert!(facts.is_expired(after(10)) && !facts.is_revoked(after(10)), "the token has expired by this clock");
        assert!(facts.is_revoked(after(9)), "by a clock that is behind it had not expired, so it is revoked");
        assert_eq!(test.last_audit(), format!("root|token.revoke|alice|192.0.2.7|{{\"token\":{id}}}"));
        assert_eq!(test.store.revoke_token(id, &by("root"), after(9)).unwrap(), Revoked::NotLive, "the token is already revoked");
    }

    fn expired_tokens_are_revoked_too_because_a_use_may_be_written_later(db) {
        type End = fn(&TestStore, i64);
        let ends: [(&str, End, bool); 4] = [
            ("revoke", |test, id| assert_eq!(test.store.revoke_token(id, &by("root"), after(10)).unwrap(), Revoked::Done), false),
            ("logoutall", |test, _| assert!(test.store.revoke_login_tokens(1, &by("root"), after(10)).unwrap() != LoginTokensRevoked::NoSuchUser), true),
            ("password", |test, _| {
                assert!(test.store.set_password(&test.read("alice"), &hash("x"), &by("root"), after(10)).unwrap().done().is_some());
            }, true),
            ("regenerate", |test, _| {
                let new = new_token(true);
                assert!(test.store.regenerate_token(&test.read("alice"), &new, ORDINARY, &by("root"), after(10)).unwrap().done().is_some());
            }, true),
        ];
        for (way, end, all) in ends {
            let test = TestStore::new(db);
            let alice = test.user("alice");
            let until = |end| NewToken { expires_at: Some(end), ..new_token(false) };
            let a_day_before = after(10).before(Duration::from_hours(24));
            let [lately, long_ago, other] = [until(after(10)), until(a_day_before), until(after(10))];
            let named = NewToken { expires_at: Some(after(10)), ..named_token("n") };
            for token in [&lately, &long_ago, &other] {
                test.store.issue_login_token(&alice, token, MULTIPLE, &by("alice"), NOW).unwrap();
            }
            test.store.create_token(&alice, &named, &by("root"), NOW).unwrap().done().unwrap();
            let facts = |token: &NewToken| test.token(&token.digest).unwrap().0;
            end(&test, facts(&lately).id);
            assert!(facts(&lately).is_expired(after(10)) && !facts(&lately).is_revoked(after(10)), "{way}: by the stored expiry the token has expired");
            let extended = |token| TokenUse { id: facts(token).id, last_used_at: after(9), last_used_by: UsedBy::gateway(), expires_at: Some(after(100)) };
            test.store.record_usage(&[&lately, &long_ago, &other, &named].map(extended), Duration::from_mins(1), LockedRows::Wait).unwrap();
            let revoked = [&lately, &other, &long_ago, &named].map(|token| facts(token).is_revoked(after(11)));
            assert_eq!(revoked, [true, all, all, false], "{way}");
        }
    }

    fn regenerate_ends_login_tokens_and_not_named_ones(db) {
        let test = TestStore::new(db);
        let (alice, bob) = (test.user("alice"), test.user("bob"));
        let (one, two, other) = (test.issue(&alice, MULTIPLE), test.issue(&alice, SINGLE), test.issue(&bob, SINGLE));
        let (named, fresh) = (named_token("ci"), new_token(true));
        test.store.create_token(&test.read("alice"), &named, &by("root"), NOW).unwrap().done().unwrap();
        assert!(test.store.regenerate_token(&test.read("alice"), &fresh, ORDINARY, &by("root"), after(1)).unwrap().done().is_some());
        assert_eq!([&one, &two, &named, &fresh, &other].map(|token| test.is_live(token)), [false, false, true, true, true]);
        assert_eq!(test.sql("select count(*) from tokens where sealed is not null"), "2", "the new token and bob's are sealed");
        let details = "{\"token\":5,\"ended\":2,\"all\":false,\"grace_until\":null}";
        assert_eq!(test.last_audit(), format!("root|token.regenerate|alice|192.0.2.7|{details}"));
        let everything = Regenerate { all: true, grace_until: None };
        assert!(test.store.regenerate_token(&test.read("alice"), &new_token(true), everything, &by("root"), after(2)).unwrap().done().is_some());
        assert_eq!([&named, &fresh, &other].map(|token| test.is_live(token)), [false, false, true]);
        let before = test.everything();
        assert_eq!(test.everything(), before);
    }

    fn with_grace_the_old_tokens_end_with_it_at_the_latest(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        let old = test.issue(&alice, SINGLE);
        let ends = |token: &NewToken| test.token(&token.digest).unwrap().0.ends_at();
        let (soon, late) = (
            NewToken { expires_at: Some(after(5)), ..new_token(false) },
            NewToken { expires_at: Some(after(500)), ..new_token(false) },
        );
        for token in [&soon, &late] {
            test.store.create_token(&test.read("alice"), token, &by("root"), NOW).unwrap().done().unwrap();
        }
        let grace = Regenerate { all: false, grace_until: Some(after(60)) };
        assert!(test.store.regenerate_token(&test.read("alice"), &new_token(true), grace, &by("root"), NOW).unwrap().done().is_some());
        assert_eq!([&old, &soon, &late].map(ends), [Some(after(60)), Some(after(5)), Some(after(60))]);
        assert_eq!(test.sql("select count(*) from tokens where sealed is not null"), "1", "the new token is sealed");
        assert!(!test.token(&old.digest).unwrap().0.is_revoked(after(59)));
        assert!(test.store.regenerate_token(&test.read("alice"), &new_token(true), ORDINARY, &by("root"), NOW).unwrap().done().is_some());
        assert!(test.token(&old.digest).unwrap().0.is_revoked(NOW), "the next regenerate ends the grace");
    }

    fn lists_contain_live_tokens_by_age_with_their_owners(db) {
        let test = TestStore::new(db);
        let (bob, alice) = (test.user("bob"), test.user("alice"));
        for name in ["one", "dead", "three"] {
            test.store.create_token(&test.read("alice"), &named_token(name), &by("root"), NOW).unwrap().done().unwrap();
        }
        test.store.create_token(&test.read("bob"), &NewToken { expires_at: Some(after(10)), ..named_token("brief") }, &by("root"), NOW).unwrap().done().unwrap();
        test.issue(&bob, SINGLE);
        test.issue(&alice, SINGLE);
        test.store.revoke_token(2, &by("root"), NOW).unwrap();
        let list = |user: Option<&User>, page: PageRequest, now| {
            let page = test.store.list_tokens(LiveTokens { user_id: user.map(|user| user.id), ..LiveTokens::default() }, page, now).unwrap();
            let rows = page.results.into_iter().map(|listed| format!("{} {}", listed.username, listed.token.name.unwrap_or_default()));
            (page.count, rows.collect::<Vec<_>>())
        };
        assert_eq!(list(Some(&alice), ALL, NOW), (3, ["alice one", "alice three", "alice "].map(String::from).to_vec()));
        assert_eq!(list(None, PageRequest::number(2, 2), NOW), (5, ["bob brief", "bob "].map(String::from).to_vec()));
        assert_eq!(list(Some(&bob), ALL, after(10)), (1, vec!["bob ".into()]));
    }

    fn ids_of_deleted_tokens_are_not_reused(db) {
        let test = TestStore::new(db);
        test.user("alice");
        let id = || test.store.create_token(&test.read("alice"), &named_token("x"), &by("root"), NOW).unwrap().done().unwrap().id;
        let last = [id(), id()][1];
        test.sql("delete from tokens");
        assert!(id() > last);
    }

    fn a_row_inserted_by_sql_is_a_valid_token(db) {
        let test = TestStore::new(db);
        test.user("alice");
        let token = new_token(false);
        let digest = hex::encode(token.digest.as_bytes());
        let digest = if test.database.postgres.is_some() { format!("'\\x{digest}'") } else { format!("x'{digest}'") };
        for created_at in ["2025-06-15 15:06:40", "2025-06-15 15:06:40.5"] {
            test.sql(&format!("delete from tokens; insert into tokens (user_id, digest, created_at) values (1, {digest}, '{created_at}')"));
            assert!(test.is_live(&token), "{created_at}");
        }
    }
}
