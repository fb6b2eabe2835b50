//! Links for a password: each is used once, and what ends one.

use jeton::domain::audit::Actor;
use jeton::domain::password_link::LinkKey;
use jeton::domain::user::UserChange;
use jeton::store::{Changed, LinkUse, Store, StoreError};

use super::races::{MANY, at_once};
use super::{NOW, TestStore, after, by, hash};
use crate::on_both;

fn link(test: &TestStore, for_whom: &str, made_by: &Actor) -> LinkKey {
    let key = LinkKey::generate();
    let made = test.store.create_password_link(&test.read(for_whom), &key.digest(), after(60), made_by, NOW);
    assert_eq!(made.unwrap(), Changed::Done(()));
    key
}

fn is_open(test: &TestStore, key: &LinkKey) -> bool {
    test.store.linked_user(&key.digest(), NOW).unwrap().is_some()
}

fn update(test: &TestStore, name: &str, change: &UserChange) {
    test.store.update_user(&test.read(name), change, &by("root"), NOW).unwrap().done().unwrap();
}

/// A change of the user with this name.
type End<'a> = &'a dyn Fn(&str);

on_both! {
    fn of_several_uses_at_once_one_sets_the_password(db) {
        let test = TestStore::new(db);
        test.user("alice");
        let key = link(&test, "alice", &by("root"));
        let read = test.read("alice");
        let uses = at_once(&test, MANY, |store: &Store, number| {
            let set = store.use_password_link(&key.digest(), &read, &hash(&number.to_string()), &by("alice"), NOW);
            set.unwrap().done().unwrap()
        });
        assert_eq!(uses.iter().filter(|used| **used == LinkUse::Done).count(), 1, "{uses:?}");
        let winner = uses.iter().position(|used| *used == LinkUse::Done).unwrap();
        assert_eq!(test.read("alice").password.as_str(), hash(&winner.to_string()).as_str());
        assert_eq!(test.sql("select count(*) from audit_log where action = 'user.password'"), "1");
    }

    fn a_link_is_open_until_its_end(db) {
        let test = TestStore::new(db);
        test.user("alice");
        let (key, read) = (link(&test, "alice", &by("root")), test.read("alice"));
        let found = test.store.linked_user(&key.digest(), after(59)).unwrap().unwrap();
        assert_eq!((found.user.username.as_str(), found.expires_at), ("alice", after(60)));
        assert!(test.store.linked_user(&key.digest(), after(60)).unwrap().is_none());
        let late = test.store.use_password_link(&key.digest(), &read, &hash("b"), &by("alice"), after(60)).unwrap();
        assert_eq!(late, Changed::Done(LinkUse::NotOpen));
        assert!(test.store.linked_user(&LinkKey::generate().digest(), NOW).unwrap().is_none());
    }

    fn what_ends_a_link_ends_it_and_nothing_else_does(db) {
        let test = TestStore::new(db);
        let change = UserChange::default;
        let ends: [(&str, End<'_>); 5] = [
            ("a new password", &|name| test.store.set_password(&test.read(name), &hash("b"), &by("root"), NOW).unwrap().done().unwrap()),
            ("inactive", &|name| update(&test, name, &UserChange { is_active: Some(false), ..change() })),
            ("staff", &|name| update(&test, name, &UserChange { is_staff: Some(!test.read(name).is_staff), ..change() })),
            ("superuser", &|name| update(&test, name, &UserChange { is_superuser: Some(!test.read(name).is_superuser), ..change() })),
            ("deleted", &|name| test.store.delete_user(&test.read(name), &by("root"), NOW).unwrap().done().unwrap()),
        ];
        test.superuser("root");
        for (number, (what, end)) in ends.into_iter().enumerate() {
            let (user, maker, other) = (format!("user{number}"), format!("maker{number}"), format!("other{number}"));
            for name in [&user, &maker, &other] {
                test.user(name);
            }
            let staff = || UserChange { is_staff: Some(true), ..change() };
            update(&test, &maker, &staff());
            let (own, made) = (link(&test, &user, &by("root")), link(&test, &other, &by(&maker)));
            update(&test, &user, &UserChange { groups: Some(vec!["x".into()]), is_active: Some(true), ..change() });
            assert!(is_open(&test, &own) && is_open(&test, &made), "{what}");
            end(&user);
            assert!(!is_open(&test, &own), "{what} of the user");
            assert!(is_open(&test, &made), "{what} of somebody else");
            end(&maker);
            assert!(!is_open(&test, &made), "{what} of whoever made it, and may know its key");
        }
        let users: Vec<_> = ["user9", "maker9"].into_iter().map(|name| {
            test.user(name);
            link(&test, name, &by("maker9"))
        }).collect();
        test.store.deactivate_all_except(&[test.read("root").id], 0, 100, &by("root"), NOW).unwrap().unwrap();
        assert!(users.iter().all(|key| !is_open(&test, key)));
        assert_eq!(test.sql("select count(*) from password_links"), "0");
    }

    fn a_user_who_was_made_inactive_by_sql_has_no_open_link(db) {
        let test = TestStore::new(db);
        test.user("alice");
        let (key, read) = (link(&test, "alice", &by("root")), test.read("alice"));
        test.sql("update users set is_active = false");
        assert!(!is_open(&test, &key));
        let used = test.store.use_password_link(&key.digest(), &read, &hash("b"), &by("alice"), NOW).unwrap();
        assert_eq!(used, Changed::UserChanged);
    }

    fn a_link_is_not_made_for_a_user_who_has_changed_since(db) {
        let test = TestStore::new(db);
        test.user("alice");
        let read = test.read("alice");
        let make = || test.store.create_password_link(&read, &LinkKey::generate().digest(), after(60), &by("root"), NOW);
        update(&test, "alice", &UserChange { is_staff: Some(true), ..UserChange::default() });
        assert_eq!(make().unwrap(), Changed::UserChanged);
        update(&test, "alice", &UserChange { is_staff: Some(false), is_active: Some(false), ..UserChange::default() });
        assert_eq!(make().unwrap(), Changed::UserChanged);
    }

    fn a_user_has_one_link_however_many_are_made_at_once(db) {
        let test = TestStore::new(db);
        test.user("alice");
        let read = test.read("alice");
        let made: Vec<Result<_, StoreError>> = at_once(&test, MANY, |store: &Store, _| {
            store.create_password_link(&read, &LinkKey::generate().digest(), after(60), &by("root"), NOW)
        });
        assert!(made.iter().all(|made| matches!(made, Ok(Changed::Done(())))), "{made:?}");
        assert_eq!(test.sql("select count(*) from password_links"), "1");
    }
}
