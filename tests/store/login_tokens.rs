//! The tokens that logins find and create.

use jeton::domain::user::UserChange;
use jeton::store::{Changed, Issue, Issued, NewToken};

use super::{MULTIPLE, NOW, SINGLE, TestStore, after, by, hash, named_token, new_token};
use crate::on_both;

on_both! {
    fn in_single_mode_the_existing_token_is_returned(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        assert!(matches!(test.store.login_token(&alice, NOW).unwrap(), Changed::Done(None)));
        let first = test.issue(&alice, SINGLE);
        let rows = || test.sql("select id, created_at, expires_at, revoked_at from tokens");
        let before = rows();
        let found = test.store.issue_login_token(&alice, &new_token(true), SINGLE, &by("alice"), NOW).unwrap();
        let Issued::Existing(row) = found else { panic!("{found:?}") };
        assert_eq!((row.digest, Some(row.sealed), row.expires_at), (first.digest, first.sealed, None));
        assert_eq!(rows(), before);
        let Ok(Changed::Done(Some(row))) = test.store.login_token(&alice, NOW) else { panic!("the token must exist") };
        assert_eq!(row.digest, first.digest);
    }

    fn an_expired_sealed_token_is_replaced(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        let short_lived = NewToken { expires_at: Some(after(10)), ..new_token(true) };
        test.store.issue_login_token(&alice, &short_lived, SINGLE, &by("alice"), NOW).unwrap();
        let Ok(Changed::Done(Some(row))) = test.store.login_token(&alice, after(9)) else { panic!("the token must be live") };
        assert_eq!(row.expires_at, Some(after(10)));
        assert!(matches!(test.store.login_token(&alice, after(10)).unwrap(), Changed::Done(None)));
        let next = new_token(true);
        let issued = test.store.issue_login_token(&alice, &next, SINGLE, &by("alice"), after(10)).unwrap();
        assert!(matches!(issued, Issued::New), "{issued:?}");
        assert!(test.is_live(&next));
        assert_eq!(test.sql("select count(*) from tokens where sealed is not null"), "1");
    }

    fn a_sealed_token_that_does_not_open_is_replaced_once(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        let broken = test.issue(&alice, SINGLE);
        let issue = Issue { unopenable: Some(broken.digest), ..SINGLE };
        let replacement = test.issue(&alice, issue);
        let second = test.store.issue_login_token(&alice, &new_token(true), issue, &by("alice"), NOW).unwrap();
        let Issued::Existing(row) = second else { panic!("{second:?}") };
        assert_eq!(row.digest, replacement.digest, "a second login that found the same broken token returns the replacement");
    }

    fn a_user_who_has_changed_since_gets_no_token(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        test.store.set_password(&test.read("alice"), &hash("second"), &by("root"), NOW).unwrap().done().unwrap();
        let bob = test.user("bob");
        let off = UserChange { is_active: Some(false), ..UserChange::default() };
        test.store.update_user(&test.read("bob"), &off, &by("root"), NOW).unwrap().done().unwrap();
        let carol = test.user("carol");
        test.store.delete_user(&test.read("carol"), &by("root"), NOW).unwrap().done().unwrap();
        let dave = test.user("dave");
        test.store.delete_user(&test.read("dave"), &by("root"), NOW).unwrap().done().unwrap();
        test.user("dave");
        let before = test.everything();
        for user in [alice, bob, carol, dave] {
            assert!(matches!(test.store.login_token(&user, NOW).unwrap(), Changed::UserChanged), "{}", user.username);
            for issue in [SINGLE, MULTIPLE] {
                let issued = test.store.issue_login_token(&user, &new_token(true), issue, &by("alice"), NOW).unwrap();
                assert!(matches!(issued, Issued::UserChanged), "{}: {issued:?}", user.username);
            }
        }
        assert_eq!(test.everything(), before);
    }

    fn the_limit_counts_live_login_tokens_of_this_user(db) {
        let test = TestStore::new(db);
        let (alice, bob) = (test.user("alice"), test.user("bob"));
        let limited = Issue { limit: Some(2), ..MULTIPLE };
        test.issue(&bob, MULTIPLE);
        test.store.create_token(&test.read("alice"), &named_token("ci"), &by("root"), NOW).unwrap().done().unwrap();
        let short_lived = NewToken { expires_at: Some(after(10)), ..new_token(false) };
        test.store.issue_login_token(&alice, &short_lived, limited, &by("alice"), NOW).unwrap();
        let second = test.issue(&alice, limited);
        let before = test.everything();
        let issue = |now| test.store.issue_login_token(&alice, &new_token(false), limited, &by("alice"), now).unwrap();
        let refused = |now| matches!(issue(now), Issued::LimitReached);
        assert!(refused(NOW));
        assert_eq!(test.everything(), before);
        assert!(!refused(after(10)), "one of the tokens has expired");
        assert!(refused(after(10)));
        let id = test.token(&second.digest).unwrap().0.id;
        test.store.revoke_token(id, &by("root"), after(10)).unwrap();
        assert!(!refused(after(10)), "one of the tokens is revoked");
        let none = Issue { limit: Some(0), ..MULTIPLE };
        let issued = test.store.issue_login_token(&alice, &new_token(false), none, &by("alice"), NOW).unwrap();
        assert!(matches!(issued, Issued::LimitReached), "{issued:?}");
    }

    fn in_multiple_mode_each_login_has_its_own_token_and_none_stays_sealed(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        let tokens = [test.issue(&alice, SINGLE), test.issue(&alice, MULTIPLE), test.issue(&alice, MULTIPLE)];
        assert!(tokens.iter().all(|token| test.is_live(token)));
        assert_eq!(test.sql("select count(*) from tokens where sealed is not null"), "0");
        assert!(matches!(test.store.login_token(&alice, NOW).unwrap(), Changed::Done(None)));
    }
}
