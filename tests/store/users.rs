//! Users and their groups.

use jeton::domain::page::PageRequest;
use jeton::domain::profile::{Profile, ProfilePatch};
use jeton::domain::user::{FIRST_BOOTSTRAP_ID, NewUser, UserChange, UserFilter};
use jeton::store::{LoginTokensRevoked, OwnChange, Regenerate, StoreError};

use super::{ALL, MULTIPLE, NOW, TestStore, after, by, email, hash, named_token, new_email, new_token, new_user};
use crate::on_both;

on_both! {
    fn a_new_user_is_read_as_it_was_written(db) {
        let test = TestStore::new(db);
        let new = NewUser {
            username: "zoë".into(),
            profile: Profile::from_fn(|field| format!("{}: O'Hara; drop table users", field.name())),
            is_active: false,
            is_staff: true,
            is_superuser: false,
            groups: vec!["writers".into(), "billing".into(), "writers".into()],
            password: hash("argon2$x"),
        };
        let made = test.store.create_user(&new, &by("root"), NOW).unwrap();
        let read = test.store.user("zoë").unwrap().unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&made).unwrap());
        assert_eq!(read.profile, new.profile);
        assert_eq!((read.is_active, read.is_staff, read.is_superuser), (false, true, false));
        assert_eq!((read.groups.as_slice(), read.password.as_str()), (["billing", "writers"].map(String::from).as_slice(), "argon2$x"));
        assert_eq!((read.date_joined, read.last_login), (NOW, None));
        assert!(test.last_audit().starts_with("root|user.create|zoë|192.0.2.7|{\"id\":1,"), "{}", test.last_audit());
        assert!(!test.last_audit().contains("argon2$x"));
    }

    fn a_superuser_is_staff_however_they_become_one(db) {
        let test = TestStore::new(db);
        assert!(test.superuser("alice").is_staff);
        test.user("bob");
        let change = UserChange { is_superuser: Some(true), ..UserChange::default() };
        assert!(test.store.update_user(&test.read("bob"), &change, &by("root"), NOW).unwrap().done().unwrap().is_staff);
        let change = UserChange { is_staff: Some(false), ..UserChange::default() };
        assert!(test.store.update_user(&test.read("bob"), &change, &by("root"), NOW).unwrap().done().unwrap().is_staff);
        let change = UserChange { is_staff: Some(false), is_superuser: Some(false), ..UserChange::default() };
        let bob = test.store.update_user(&test.read("bob"), &change, &by("root"), NOW).unwrap().done().unwrap();
        assert!(!bob.is_staff && !bob.is_superuser);
    }

    fn names_differ_by_case_and_are_unique(db) {
        let test = TestStore::new(db);
        test.user("alice");
        test.user("Alice");
        let before = test.everything();
        let new = NewUser { groups: vec!["new".into()], ..new_user("alice") };
        let taken = test.store.create_user(&new, &by("root"), NOW);
        assert!(matches!(taken, Err(StoreError::Taken)), "{taken:?}");
        assert_eq!(test.everything(), before, "no group and no entry in the audit log is written");
        let rename = UserChange { username: Some("Alice".into()), ..UserChange::default() };
        let taken = test.store.update_user(&test.read("alice"), &rename, &by("root"), NOW);
        assert!(matches!(taken, Err(StoreError::Taken)), "{taken:?}");
        assert_eq!(test.everything(), before);
        test.user("bob"); // the connection is still usable
    }

    fn ids_of_deleted_users_are_not_reused(db) {
        let test = TestStore::new(db);
        assert_eq!((test.user("a").id, test.user("b").id), (1, 2));
        assert!(test.store.delete_user(&test.read("b"), &by("root"), NOW).unwrap().done().is_some());
        assert_eq!(test.user("c").id, 3);
    }

    fn ids_of_deleted_bootstrap_users_are_not_reused(db) {
        let test = TestStore::new(db);
        test.superuser("root");
        let bootstrap = |name: &str| test.store.bootstrap_user(&new_user(name), NOW).unwrap().map(|user| user.id);
        let first = bootstrap("admin").unwrap();
        assert!(first >= FIRST_BOOTSTRAP_ID, "outside the range of imports");
        assert_eq!(bootstrap("admin"), None, "the user exists already");
        assert!(test.store.delete_user(&test.read("admin"), &by("root"), NOW).unwrap().done().is_some());
        assert!(bootstrap("admin").unwrap() > first);
        assert!(test.user("ordinary").id < FIRST_BOOTSTRAP_ID);
    }

    fn a_change_sets_only_the_fields_that_it_names(db) {
        let test = TestStore::new(db);
        let new = NewUser { profile: email("a@b.co"), groups: vec!["x".into()], ..new_user("alice") };
        test.store.create_user(&new, &by("root"), NOW).unwrap();
        test.store.create_user(&NewUser { groups: vec!["x".into()], ..new_user("bob") }, &by("root"), NOW).unwrap();
        let change = UserChange { profile: ProfilePatch { first_name: Some("Al".into()), ..ProfilePatch::default() }, groups: Some(vec!["b".into(), "a".into()]), ..UserChange::default() };
        let alice = test.store.update_user(&test.read("alice"), &change, &by("root"), after(9)).unwrap().done().unwrap();
        assert_eq!((alice.profile.first_name.as_str(), alice.profile.email.as_str(), alice.date_joined), ("Al", "a@b.co", NOW));
        assert_eq!(alice.groups, ["a", "b"]);
        assert_eq!(test.read("bob").groups, ["x"], "bob's groups do not change");
        assert_eq!(test.last_audit(), "root|user.update|alice|192.0.2.7|{\"first_name\":\"Al\",\"groups\":[\"a\",\"b\"]}");
        let nothing = UserChange { groups: Some(Vec::new()), ..UserChange::default() };
        assert!(test.store.update_user(&test.read("alice"), &nothing, &by("root"), NOW).unwrap().done().unwrap().groups.is_empty());
        let rename = UserChange { username: Some("alicia".into()), ..UserChange::default() };
        let alicia = test.store.update_user(&test.read("alice"), &rename, &by("root"), NOW).unwrap().done().unwrap();
        assert_eq!((alicia.id, alicia.username.as_str()), (1, "alicia"));
        assert!(test.store.user("alice").unwrap().is_none());
    }

    fn a_name_that_no_user_has_is_not_found(db) {
        let test = TestStore::new(db);
        test.user("alice");
        for name in ["nobody", "", "ALICE", "alice ", "ali%", "alice\0", "\0"] {
            assert!(test.store.user(name).unwrap().is_none(), "{name:?}");
        }
    }

    fn users_who_have_changed_since_they_were_read_are_not_changed(db) {
        let test = TestStore::new(db);
        test.superuser("root");
        let (gone, promoted, demoted) = (test.user("alice"), test.user("bob"), test.superuser("carol"));
        assert!(test.store.delete_user(&gone, &by("root"), NOW).unwrap().done().is_some());
        test.user("alice");
        let up = UserChange { is_staff: Some(true), ..UserChange::default() };
        test.store.update_user(&promoted, &up, &by("root"), NOW).unwrap().done().unwrap();
        let down = UserChange { is_superuser: Some(false), ..UserChange::default() };
        test.store.update_user(&demoted, &down, &by("root"), NOW).unwrap().done().unwrap();
        let before = test.everything();
        for read in [gone, promoted, demoted] {
            let change = UserChange { is_active: Some(false), ..UserChange::default() };
            assert!(test.store.update_user(&read, &change, &by("root"), NOW).unwrap().done().is_none());
            assert!(test.store.set_password(&read, &hash("x"), &by("root"), NOW).unwrap().done().is_none());
            assert!(test.store.delete_user(&read, &by("root"), NOW).unwrap().done().is_none());
            assert!(test.store.create_token(&read, &named_token("n"), &by("root"), NOW).unwrap().done().is_none());
            let how = Regenerate { all: true, grace_until: None };
            assert!(test.store.regenerate_token(&read, &new_token(true), how, &by("root"), NOW).unwrap().done().is_none());
        }
        assert_eq!(test.everything(), before);
    }

    fn a_user_who_was_renamed_meanwhile_is_changed_under_the_new_name(db) {
        let test = TestStore::new(db);
        let read = test.user("alice");
        let rename = UserChange { username: Some("alicia".into()), ..UserChange::default() };
        test.store.update_user(&read, &rename, &by("root"), NOW).unwrap().done().unwrap();
        let other = test.user("alice");
        assert!(test.store.set_password(&read, &hash("second"), &by("root"), NOW).unwrap().done().is_some());
        assert_eq!(test.last_audit(), "root|user.password|alicia|192.0.2.7|{}");
        assert_eq!(test.read("alice").password, other.password, "another user has the name now");
        assert_ne!(test.read("alicia").password, read.password);
    }

    fn a_change_by_users_of_their_own_account_checks_their_current_rights(db) {
        let test = TestStore::new(db);
        let read = test.user("alice");
        let login = test.issue(&read, MULTIPLE);
        let request_token = test.token(&login.digest).unwrap().0;
        let change = UserChange { username: Some("alicia".into()), ..UserChange::default() };
        let read = test.store.update_user(&read, &change, &by("root"), NOW).unwrap().done().unwrap();
        let other = test.user("alice");
        let others = test.token(&test.issue(&other, MULTIPLE).digest).unwrap().0;
        let made = test.store.create_own_token(&request_token, &read, &named_token("n"), None, &by("alice"), NOW).unwrap();
        assert!(matches!(&made, OwnChange::Done(token) if token.user_id == read.id), "{made:?}");
        assert!(test.last_audit().starts_with("alice|token.create|alicia|"), "{}", test.last_audit());
        let staff = UserChange { is_staff: Some(true), ..UserChange::default() };
        test.store.update_user(&read, &staff, &by("root"), NOW).unwrap().done().unwrap();
        let made = test.store.create_own_token(&request_token, &read, &named_token("n"), None, &by("alice"), NOW).unwrap();
        assert!(matches!(made, OwnChange::UserChanged), "scopes were checked with the old rights: {made:?}");
        assert!(test.store.revoke_login_tokens(read.id, &by("alice"), NOW).unwrap() != LoginTokensRevoked::NoSuchUser);
        assert!(test.last_audit().starts_with("alice|token.revoke|alicia|"), "{}", test.last_audit());
        assert!(!test.is_live(&login));
        assert!(test.store.delete_user(&other, &by("root"), NOW).unwrap().done().is_some());
        let before = test.everything();
        let none = test.store.create_own_token(&others, &other, &named_token("n"), None, &by("alice"), NOW).unwrap();
        assert!(matches!(none, OwnChange::TokenEnded), "{none:?}");
        assert!(test.store.revoke_login_tokens(other.id, &by("alice"), NOW).unwrap() == LoginTokensRevoked::NoSuchUser);
        assert_eq!(test.everything(), before);
    }

    fn the_last_active_superuser_cannot_be_removed(db) {
        let test = TestStore::new(db);
        test.superuser("first");
        test.superuser("second");
        test.user("ordinary");
        let off = UserChange { is_active: Some(false), ..UserChange::default() };
        assert!(test.store.update_user(&test.read("second"), &off, &by("root"), NOW).unwrap().done().is_some());
        let before = test.everything();
        for (flag, change) in [
            ("inactive", off.clone()),
            ("demoted", UserChange { is_superuser: Some(false), profile: new_email("x@y.zz"), ..UserChange::default() }),
        ] {
            let refused = test.store.update_user(&test.read("first"), &change, &by("root"), NOW);
            assert!(matches!(refused, Err(StoreError::LastSuperuser)), "{flag}: {refused:?}");
        }
        let refused = test.store.delete_user(&test.read("first"), &by("root"), NOW);
        assert!(matches!(refused, Err(StoreError::LastSuperuser)), "{refused:?}");
        assert_eq!(test.everything(), before);
        let harmless = UserChange { is_active: Some(true), is_superuser: Some(true), profile: new_email("x@y.zz"), ..UserChange::default() };
        assert!(test.store.update_user(&test.read("first"), &harmless, &by("root"), NOW).unwrap().done().is_some());
        assert!(test.store.delete_user(&test.read("second"), &by("root"), NOW).unwrap().done().is_some(), "an inactive superuser may be deleted");
        assert!(test.store.delete_user(&test.read("ordinary"), &by("root"), NOW).unwrap().done().is_some());
        test.sql("update users set is_active = false");
        assert!(test.store.delete_user(&test.read("first"), &by("root"), NOW).unwrap().done().is_some(), "without an active superuser an inactive one may be deleted");
    }

    fn a_new_password_ends_login_tokens_and_not_named_ones(db) {
        let test = TestStore::new(db);
        let (alice, bob) = (test.user("alice"), test.user("bob"));
        let (one, two, other) = (test.issue(&alice, MULTIPLE), test.issue(&alice, MULTIPLE), test.issue(&bob, MULTIPLE));
        let named = named_token("ci");
        test.store.create_token(&test.read("alice"), &named, &by("root"), NOW).unwrap().done().unwrap();
        assert!(test.store.set_password(&test.read("alice"), &hash("second"), &by("staff"), after(1)).unwrap().done().is_some());
        assert_eq!([&one, &two, &named, &other].map(|token| test.is_live(token)), [false, false, true, true]);
        assert_eq!(test.store.user("alice").unwrap().unwrap().password.as_str(), "second");
        assert_eq!(test.last_audit(), "staff|user.password|alice|192.0.2.7|{}");
        let facts = test.token(&one.digest).unwrap().0;
        assert_eq!((facts.revoked_at, facts.revoked_by.as_deref()), (Some(after(1)), Some("staff")));
    }

    fn a_hash_is_replaced_only_while_it_is_the_one_that_was_checked(db) {
        let test = TestStore::new(db);
        let alice = test.user("alice");
        assert!(test.store.rehash_password(alice.id, &hash("other"), &hash("new")).unwrap().done().is_none());
        assert!(test.store.rehash_password(99, &hash("first"), &hash("new")).unwrap().done().is_none());
        assert_eq!(test.store.user("alice").unwrap().unwrap().password.as_str(), "first");
        assert!(test.store.rehash_password(alice.id, &hash("first"), &hash("new")).unwrap().done().is_some());
        assert_eq!(test.store.user("alice").unwrap().unwrap().password.as_str(), "new");
    }

    fn tokens_and_memberships_of_a_deleted_user_are_deleted(db) {
        let test = TestStore::new(db);
        let alice = test.store.create_user(&NewUser { groups: vec!["g".into()], ..new_user("alice") }, &by("root"), NOW).unwrap();
        let token = test.issue(&alice, MULTIPLE);
        assert!(test.store.delete_user(&test.read("alice"), &by("root"), NOW).unwrap().done().is_some());
        assert!(test.token(&token.digest).is_none());
        assert_eq!(test.sql("select count(*) from tokens"), "0");
        assert_eq!(test.sql("select count(*) from user_groups"), "0");
        assert_eq!(test.last_audit(), "root|user.delete|alice|192.0.2.7|{\"id\":1}");
    }

    fn users_are_listed_by_id_with_the_total_count(db) {
        let test = TestStore::new(db);
        assert!(!test.store.has_users().unwrap());
        for name in ["e", "d", "c", "b", "a"] {
            test.user(name);
        }
        let page = |number| {
            let page = test.store.list_users(&UserFilter::default(), PageRequest::number(number, 2), None).unwrap();
            assert_eq!(page.count, 5);
            page.results.into_iter().map(|user| user.username).collect::<Vec<_>>()
        };
        assert_eq!((page(1), page(3)), (vec!["e".into(), "d".into()], vec!["a".into()]));
        assert!(page(4).is_empty() && page(u32::MAX).is_empty());
        assert_eq!(test.store.list_users(&UserFilter::default(), ALL, None).unwrap().results.len(), 5);
        assert!(test.store.has_users().unwrap());
    }

    fn groups_have_the_same_order_whatever_the_collation(db) {
        let test = TestStore::new(db);
        if test.database.postgres.is_some() {
            test.sql("alter table groups alter column name type text collate \"en-x-icu\"");
        }
        let new = NewUser { groups: ["b", "A", "a", "B", "é"].map(String::from).to_vec(), ..new_user("alice") };
        assert_eq!(test.store.create_user(&new, &by("root"), NOW).unwrap().groups, ["A", "B", "a", "b", "é"]);
    }
}
