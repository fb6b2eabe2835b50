//! What a login finds and makes.

use jeton::domain::user::UserChange;
use jeton::store::{Changed, Issue, Issued, NewToken};

use super::{Kept, MULTIPLE, NOW, SINGLE, after, by, hash, named_token, new_token};
use crate::on_both;

on_both! {
    fn in_single_mode_the_one_that_is_there_wins(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        assert!(matches!(kept.store.login_token(&alice, NOW).unwrap(), Changed::Done(None)));
        let first = kept.issue(&alice, SINGLE);
        let rows = || kept.sql("select id, created_at, expires_at, revoked_at from tokens");
        let before = rows();
        let found = kept.store.issue_login_token(&alice, &new_token(true), SINGLE, &by("alice"), NOW).unwrap();
        let Issued::Existing(row) = found else { panic!("{found:?}") };
        assert_eq!((row.digest, Some(row.sealed), row.expires_at), (first.digest, first.sealed, None));
        assert_eq!(rows(), before);
        let Ok(Changed::Done(Some(row))) = kept.store.login_token(&alice, NOW) else { panic!("it is there") };
        assert_eq!(row.digest, first.digest);
    }

    fn an_expired_sealed_token_gives_way_to_the_next(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        let brief = NewToken { expires_at: Some(after(10)), ..new_token(true) };
        kept.store.issue_login_token(&alice, &brief, SINGLE, &by("alice"), NOW).unwrap();
        let Ok(Changed::Done(Some(row))) = kept.store.login_token(&alice, after(9)) else { panic!("it lives") };
        assert_eq!(row.expires_at, Some(after(10)));
        assert!(matches!(kept.store.login_token(&alice, after(10)).unwrap(), Changed::Done(None)));
        let next = new_token(true);
        let issued = kept.store.issue_login_token(&alice, &next, SINGLE, &by("alice"), after(10)).unwrap();
        assert!(matches!(issued, Issued::New), "{issued:?}");
        assert!(kept.is_live(&next));
        assert_eq!(kept.sql("select count(*) from tokens where sealed is not null"), "1");
    }

    fn a_sealed_token_that_does_not_open_is_replaced_once(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        let broken = kept.issue(&alice, SINGLE);
        let issue = Issue { unopenable: Some(broken.digest), ..SINGLE };
        let mended = kept.issue(&alice, issue);
        let second = kept.store.issue_login_token(&alice, &new_token(true), issue, &by("alice"), NOW).unwrap();
        let Issued::Existing(row) = second else { panic!("{second:?}") };
        assert_eq!(row.digest, mended.digest, "a second login that found the same takes what the first one made");
    }

    fn a_user_who_changed_since_gets_nothing(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        kept.store.set_password(&kept.read("alice"), &hash("second"), &by("root"), NOW).unwrap().done().unwrap();
        let bob = kept.user("bob");
        let off = UserChange { is_active: Some(false), ..UserChange::default() };
        kept.store.update_user(&kept.read("bob"), &off, &by("root"), NOW).unwrap().done().unwrap();
        let carol = kept.user("carol");
        kept.store.delete_user(&kept.read("carol"), &by("root"), NOW).unwrap().done().unwrap();
        let dave = kept.user("dave");
        kept.store.delete_user(&kept.read("dave"), &by("root"), NOW).unwrap().done().unwrap();
        kept.user("dave");
        let before = kept.everything();
        for user in [alice, bob, carol, dave] {
            assert!(matches!(kept.store.login_token(&user, NOW).unwrap(), Changed::UserChanged), "{}", user.username);
            for issue in [SINGLE, MULTIPLE] {
                let issued = kept.store.issue_login_token(&user, &new_token(true), issue, &by("alice"), NOW).unwrap();
                assert!(matches!(issued, Issued::UserChanged), "{}: {issued:?}", user.username);
            }
        }
        assert_eq!(kept.everything(), before);
    }

    fn the_limit_counts_live_login_tokens_of_this_user(db) {
        let kept = Kept::new(db);
        let (alice, bob) = (kept.user("alice"), kept.user("bob"));
        let limited = Issue { limit: Some(2), ..MULTIPLE };
        kept.issue(&bob, MULTIPLE);
        kept.store.create_token(&kept.read("alice"), &named_token("ci"), &by("root"), NOW).unwrap().done().unwrap();
        let brief = NewToken { expires_at: Some(after(10)), ..new_token(false) };
        kept.store.issue_login_token(&alice, &brief, limited, &by("alice"), NOW).unwrap();
        let second = kept.issue(&alice, limited);
        let before = kept.everything();
        let issue = |now| kept.store.issue_login_token(&alice, &new_token(false), limited, &by("alice"), now).unwrap();
        let refused = |now| matches!(issue(now), Issued::LimitReached);
        assert!(refused(NOW));
        assert_eq!(kept.everything(), before);
        assert!(!refused(after(10)), "one has expired");
        assert!(refused(after(10)));
        let id = kept.token(&second.digest).unwrap().0.id;
        kept.store.revoke_token(id, &by("root"), after(10)).unwrap();
        assert!(!refused(after(10)), "one was revoked");
        let none = Issue { limit: Some(0), ..MULTIPLE };
        let issued = kept.store.issue_login_token(&alice, &new_token(false), none, &by("alice"), NOW).unwrap();
        assert!(matches!(issued, Issued::LimitReached), "{issued:?}");
    }

    fn in_multiple_mode_each_login_has_its_own_and_none_stays_sealed(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        let tokens = [kept.issue(&alice, SINGLE), kept.issue(&alice, MULTIPLE), kept.issue(&alice, MULTIPLE)];
        assert!(tokens.iter().all(|token| kept.is_live(token)));
        assert_eq!(kept.sql("select count(*) from tokens where sealed is not null"), "0");
        assert!(matches!(kept.store.login_token(&alice, NOW).unwrap(), Changed::Done(None)));
    }
}
