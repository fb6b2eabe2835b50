//! Concurrent changes, each by its own store, as on different nodes. In PostgreSQL, if possible, a session holds the
//! locks until all changes have begun.

use std::sync::Barrier;
use std::thread;

use jeton::domain::user::UserChange;
use jeton::domain::user::UserFilter;
use jeton::store::{Issue, Issued, LoginTokensRevoked, NewToken, Regenerate, Revoked, Store, StoreError};

use super::{ALL, MULTIPLE, NOW, SINGLE, TestStore, after, by, hash, new_token, new_user, open};
use crate::on_both;
use crate::support::app::Kind;

const MANY: usize = 8;

/// Runs `work` on `count` threads at once, and returns their results. Each has its own store, because one store has
/// only one connection that writes to SQLite.
fn at_once<T: Send>(test: &TestStore, count: usize, work: impl Fn(&Store, usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        let run = |number| {
            let store = open(&test.database);
            barrier.wait();
            work(&store, number)
        };
        let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || run(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

on_both! {
    fn concurrent_removals_of_superusers_leave_one(db) {
        let test = TestStore::new(db);
        for number in 0..MANY {
            test.superuser(&format!("u{number}"));
        }
        let results = at_once(&test, MANY, |store, number| {
            let name = format!("u{number}");
            let off = UserChange { is_active: Some(false), ..UserChange::default() };
            let demoted = UserChange { is_superuser: Some(false), ..UserChange::default() };
            match number % 3 {
                0 => store.update_user(&test.read(&name), &off, &by("a"), NOW).map(drop),
                1 => store.update_user(&test.read(&name), &demoted, &by("a"), NOW).map(drop),
                _ => store.delete_user(&test.read(&name), &by("a"), NOW).map(drop),
            }
        });
        let refused = results.iter().filter(|result| matches!(result, Err(StoreError::LastSuperuser))).count();
        assert_eq!((results.iter().filter(|result| result.is_ok()).count(), refused), (MANY - 1, 1), "{results:?}");
        assert_eq!(test.sql("select count(*) from users where is_superuser and is_active"), "1");
    }

    fn users_created_at_once_get_different_ids_and_share_new_groups(db) {
        let test = TestStore::new(db);
        let ids = at_once(&test, MANY, |store, number| {
            let mut new = new_user(&format!("u{number}"));
            new.groups = if number % 2 == 0 { vec!["x".into(), "y".into()] } else { vec!["y".into(), "x".into()] };
            store.create_user(&new, &by("root"), NOW).unwrap().id
        });
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), MANY, "{ids:?}");
        assert_eq!(test.sql("select count(*) from groups"), "2");
        assert!(test.store.list_users(&UserFilter::default(), ALL, None).unwrap().results.iter().all(|user| user.groups == ["x", "y"]));
    }

    fn only_one_of_several_users_with_one_name_is_created(db) {
        let test = TestStore::new(db);
        let results = at_once(&test, MANY, |store, _| store.create_user(&new_user("alice"), &by("root"), NOW).map(drop));
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert!(results.iter().all(|result| matches!(result, Ok(()) | Err(StoreError::Taken))), "{results:?}");
        assert_eq!(test.sql("select count(*) from audit_log"), "1");
    }

    fn two_users_get_the_same_new_group_at_once(db) {
        let test = TestStore::new(db);
        for number in 0..MANY {
            test.user(&format!("u{number}"));
        }
        at_once(&test, MANY, |store, number| {
            let names = if number % 2 == 0 { ["new", "other"] } else { ["other", "new"] };
            let change = UserChange { groups: Some(names.map(String::from).to_vec()), ..UserChange::default() };
            store.update_user(&test.read(&format!("u{number}")), &change, &by("root"), NOW).unwrap().done().unwrap()
        });
        assert_eq!(test.sql("select count(*) from groups"), "2");
    }

    fn logins_at_once_get_one_key_in_single_mode(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        let issued = at_once(&test, MANY, |store, _| {
            let new = new_token(true);
            match store.issue_login_token(&alice, &new, SINGLE, &by("alice"), NOW).unwrap() {
                Issued::New => new.digest,
                Issued::Existing(row) => row.digest,
                other => panic!("{other:?}"),
            }
        });
        assert!(issued.iter().all(|digest| *digest == issued[0]));
        assert_eq!(test.sql("select count(*) from tokens"), "1");
    }

    fn logins_at_once_do_not_pass_the_limit(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        let limited = Issue { limit: Some(3), ..MULTIPLE };
        let issued = at_once(&test, MANY, |store, _| store.issue_login_token(&alice, &new_token(false), limited, &by("alice"), NOW).unwrap());
        assert_eq!(issued.iter().filter(|issued| matches!(issued, Issued::New)).count(), 3);
        assert_eq!(test.sql("select count(*) from tokens"), "3");
    }

    fn concurrent_regenerations_leave_one_live_key(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        test.issue(&alice, SINGLE);
        let how = Regenerate { all: false, grace_until: None };
        let tokens = at_once(&test, MANY, |store, _| {
            let new = new_token(true);
            assert!(store.regenerate_token(&test.read("alice"), &new, how, &by("root"), after(1)).unwrap().done().is_some());
            new
        });
        assert_eq!(tokens.iter().filter(|token| test.is_live(token)).count(), 1);
        assert_eq!(test.sql("select count(*) from tokens where revoked_at is null and sealed is not null"), "1");
    }

    fn no_token_survives_a_concurrent_password_change(db) {
        let test = TestStore::new(db);
        for round in 0..20 {
            let name = format!("u{round}");
            let user = test.user(&name);
            let tokens = at_once(&test, 4, |store, number| {
                if number == 0 {
                    assert!(store.set_password(&test.read(&name), &hash("second"), &by("root"), NOW).unwrap().done().is_some());
                    return None;
                }
                let new = new_token(false);
                let issued = store.issue_login_token(&user, &new, MULTIPLE, &by("alice"), NOW).unwrap();
                matches!(issued, Issued::New).then_some(new)
            });
            assert!(!tokens.iter().flatten().any(|token| test.is_live(token)), "a token for the old password is live");
        }
    }

    fn only_one_of_many_revocations_revokes_a_token(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        test.issue(&alice, SINGLE);
        let revoked = at_once(&test, MANY, |store, _| store.revoke_token(1, &by("root"), NOW).unwrap());
        assert_eq!(revoked.iter().filter(|revoked| **revoked == Revoked::Done).count(), 1);
        assert_eq!(test.sql("select count(*) from audit_log where action = 'token.revoke'"), "1");
    }
}

#[test]
fn concurrent_demotions_of_the_last_two_superusers_leave_one() {
    let test = TestStore::new(Kind::Postgres);
    test.superuser("first");
    test.superuser("second");
    let mut session = test.database.writer();
    session.run("update users set last_name = 'held';");
    let (off, demoted) = (
        UserChange { is_active: Some(false), ..UserChange::default() },
        UserChange { is_superuser: Some(false), ..UserChange::default() },
    );
    let results = thread::scope(|scope| {
        let one = scope.spawn(|| test.store.update_user(&test.read("first"), &off, &by("a"), NOW).map(drop));
        let two = scope.spawn(|| test.store.update_user(&test.read("second"), &demoted, &by("b"), NOW).map(drop));
        test.database.wait_for_blocked(2);
        session.run("commit;");
        [one.join().unwrap(), two.join().unwrap()]
    });
    let refused = results.iter().filter(|result| matches!(result, Err(StoreError::LastSuperuser))).count();
    let done = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!((done, refused), (1, 1), "{results:?}");
    assert_eq!(test.sql("select count(*) from users where is_superuser and is_active"), "1");
}

#[test]
fn a_login_waits_for_the_change_of_a_user_who_was_renamed_meanwhile() {
    let test = TestStore::new(Kind::Postgres);
    let as_read = test.user("alice");
    let rename = UserChange { username: Some("alicia".into()), ..UserChange::default() };
    test.store.update_user(&test.read("alice"), &rename, &by("root"), NOW).unwrap().done().unwrap();
    let mut session = test.database.writer();
    session.run("update users set password = 'second';");
    let issued = thread::scope(|scope| {
        let login = scope.spawn(|| test.store.issue_login_token(&as_read, &new_token(true), SINGLE, &by("alice"), NOW));
        test.database.wait_for_blocked(1);
        session.run("commit;");
        login.join().unwrap().unwrap()
    });
    assert!(matches!(issued, Issued::UserChanged), "{issued:?}");
    assert_eq!(test.sql("select count(*) from tokens"), "0");
}

#[test]
fn the_loser_of_a_deadlock_gets_a_transient_error() {
    let test = TestStore::new(Kind::Postgres);
    test.user("one");
    test.user("two");
    let mut session = test.database.writer();
    // The other side detects the deadlock.
    session.run("set deadlock_timeout = '1min'; update users set username = 'three' where username = 'one';");
    let rename = UserChange { username: Some("three".into()), ..UserChange::default() };
    let lost = thread::scope(|scope| {
        let renamed = scope.spawn(|| test.store.update_user(&test.read("two"), &rename, &by("root"), NOW));
        test.database.wait_for_blocked(1);
        session.run("update users set last_name = 'x' where username = 'two'; commit;");
        renamed.join().unwrap()
    });
    assert!(matches!(&lost, Err(error) if error.is_transient()), "{lost:?}");
    test.user("four");
}

#[test]
fn a_use_that_is_being_written_does_not_save_a_token_from_revocation() {
    for all in [false, true] {
        let test = TestStore::new(Kind::Postgres);
        let alice = test.user("alice");
        let new = NewToken { expires_at: Some(after(10)), ..new_token(false) };
        test.store.issue_login_token(&alice, &new, MULTIPLE, &by("alice"), NOW).unwrap();
        let mut session = test.database.writer();
        session.run("update tokens set expires_at = expires_at + interval '1 hour';");
        let ended = thread::scope(|scope| {
            let ended = scope.spawn(|| {
                if all {
                    test.store
                        .revoke_login_tokens(alice.id, &by("root"), after(11))
                        .map(|ended| ended == LoginTokensRevoked::Done(1))
                } else {
                    test.store.revoke_token(1, &by("root"), after(11)).map(|revoked| revoked == Revoked::Done)
                }
            });
            test.database.wait_for_blocked(1);
            session.run("commit;");
            ended.join().unwrap()
        });
        assert!(ended.unwrap(), "it is live by then");
        assert!(test.token(&new.digest).unwrap().0.is_revoked(after(12)), "all: {all}");
    }
}
