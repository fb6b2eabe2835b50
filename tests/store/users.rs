//! Users and their groups.

use jeton::domain::page::PageRequest;
use jeton::domain::profile::{Profile, ProfilePatch};
use jeton::domain::user::{FIRST_BOOTSTRAP_ID, NewUser, UserChange, UserFilter};
use jeton::store::{Changed, OwnChange, Regenerate, StoreError};

use super::{ALL, Kept, MULTIPLE, NOW, after, by, email, hash, named_token, new_email, new_token, new_user};
use crate::on_both;

on_both! {
    fn a_new_user_reads_back_as_it_was_given(db) {
        let kept = Kept::new(db);
        let new = NewUser {
            username: "zoë".into(),
            profile: Profile::from_fn(|field| format!("{}: O'Hara; drop table users", field.name())),
            is_active: false,
            is_staff: true,
            is_superuser: false,
            groups: vec!["writers".into(), "billing".into(), "writers".into()],
            password: hash("argon2$x"),
        };
        let made = kept.store.create_user(&new, &by("root"), NOW).unwrap();
        let read = kept.store.user("zoë").unwrap().unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&made).unwrap());
        assert_eq!(read.profile, new.profile);
        assert_eq!((read.is_active, read.is_staff, read.is_superuser), (false, true, false));
        assert_eq!((read.groups.as_slice(), read.password.as_str()), (["billing", "writers"].map(String::from).as_slice(), "argon2$x"));
        assert_eq!((read.date_joined, read.last_login), (NOW, None));
        assert!(kept.last_audit().starts_with("root|user.create|zoë|192.0.2.7|{\"id\":1,"), "{}", kept.last_audit());
        assert!(!kept.last_audit().contains("argon2$x"));
    }

    fn a_superuser_is_staff_however_they_become_one(db) {
        let kept = Kept::new(db);
        assert!(kept.superuser("alice").is_staff);
        kept.user("bob");
        let change = UserChange { is_superuser: Some(true), ..UserChange::default() };
        assert!(kept.store.update_user(&kept.read("bob"), &change, &by("root"), NOW).unwrap().done().unwrap().is_staff);
        let change = UserChange { is_staff: Some(false), ..UserChange::default() };
        assert!(kept.store.update_user(&kept.read("bob"), &change, &by("root"), NOW).unwrap().done().unwrap().is_staff);
        let change = UserChange { is_staff: Some(false), is_superuser: Some(false), ..UserChange::default() };
        let bob = kept.store.update_user(&kept.read("bob"), &change, &by("root"), NOW).unwrap().done().unwrap();
        assert!(!bob.is_staff && !bob.is_superuser);
    }

    fn names_differ_by_case_and_cannot_be_taken_twice(db) {
        let kept = Kept::new(db);
        kept.user("alice");
        kept.user("Alice");
        let before = kept.everything();
        let new = NewUser { groups: vec!["new".into()], ..new_user("alice") };
        let taken = kept.store.create_user(&new, &by("root"), NOW);
        assert!(matches!(taken, Err(StoreError::Taken)), "{taken:?}");
        assert_eq!(kept.everything(), before, "neither a group nor an entry in the audit log");
        let rename = UserChange { username: Some("Alice".into()), ..UserChange::default() };
        let taken = kept.store.update_user(&kept.read("alice"), &rename, &by("root"), NOW);
        assert!(matches!(taken, Err(StoreError::Taken)), "{taken:?}");
        assert_eq!(kept.everything(), before);
        kept.user("bob"); // the connection is as good as before
    }

    fn ids_of_deleted_users_do_not_come_again(db) {
        let kept = Kept::new(db);
        assert_eq!((kept.user("a").id, kept.user("b").id), (1, 2));
        assert!(kept.store.delete_user(&kept.read("b"), &by("root"), NOW).unwrap().done().is_some());
        assert_eq!(kept.user("c").id, 3);
    }

    fn ids_of_deleted_bootstrap_users_do_not_come_again_either(db) {
        let kept = Kept::new(db);
        kept.superuser("root");
        let bootstrap = |name: &str| kept.store.bootstrap_user(&new_user(name), NOW).unwrap().map(|user| user.id);
        let first = bootstrap("admin").unwrap();
        assert!(first >= FIRST_BOOTSTRAP_ID, "out of the way of imports");
        assert_eq!(bootstrap("admin"), None, "there already");
        assert!(kept.store.delete_user(&kept.read("admin"), &by("root"), NOW).unwrap().done().is_some());
        assert!(bootstrap("admin").unwrap() > first);
        assert!(kept.user("ordinary").id < FIRST_BOOTSTRAP_ID);
    }

    fn a_change_touches_what_it_names_and_nothing_else(db) {
        let kept = Kept::new(db);
        let new = NewUser { profile: email("a@b.co"), groups: vec!["x".into()], ..new_user("alice") };
        kept.store.create_user(&new, &by("root"), NOW).unwrap();
        let change = UserChange { profile: ProfilePatch { first_name: Some("Al".into()), ..ProfilePatch::default() }, groups: Some(vec!["b".into(), "a".into()]), ..UserChange::default() };
        let alice = kept.store.update_user(&kept.read("alice"), &change, &by("root"), after(9)).unwrap().done().unwrap();
        assert_eq!((alice.profile.first_name.as_str(), alice.profile.email.as_str(), alice.date_joined), ("Al", "a@b.co", NOW));
        assert_eq!(alice.groups, ["a", "b"]);
        assert_eq!(kept.last_audit(), "root|user.update|alice|192.0.2.7|{\"first_name\":\"Al\",\"groups\":[\"a\",\"b\"]}");
        let nothing = UserChange { groups: Some(Vec::new()), ..UserChange::default() };
        assert!(kept.store.update_user(&kept.read("alice"), &nothing, &by("root"), NOW).unwrap().done().unwrap().groups.is_empty());
        let rename = UserChange { username: Some("alicia".into()), ..UserChange::default() };
        let alicia = kept.store.update_user(&kept.read("alice"), &rename, &by("root"), NOW).unwrap().done().unwrap();
        assert_eq!((alicia.id, alicia.username.as_str()), (1, "alicia"));
        assert!(kept.store.user("alice").unwrap().is_none());
    }

    fn names_that_nobody_has(db) {
        let kept = Kept::new(db);
        kept.user("alice");
        for name in ["nobody", "", "ALICE", "alice ", "ali%", "alice\0", "\0"] {
            assert!(kept.store.user(name).unwrap().is_none(), "{name:?}");
        }
    }

    fn nothing_happens_to_users_who_are_not_who_was_read(db) {
        let kept = Kept::new(db);
        kept.superuser("root");
        let (gone, promoted, demoted) = (kept.user("alice"), kept.user("bob"), kept.superuser("carol"));
        assert!(kept.store.delete_user(&gone, &by("root"), NOW).unwrap().done().is_some());
        kept.user("alice");
        let up = UserChange { is_staff: Some(true), ..UserChange::default() };
        kept.store.update_user(&promoted, &up, &by("root"), NOW).unwrap().done().unwrap();
        let down = UserChange { is_superuser: Some(false), ..UserChange::default() };
        kept.store.update_user(&demoted, &down, &by("root"), NOW).unwrap().done().unwrap();
        let before = kept.everything();
        for read in [gone, promoted, demoted] {
            let change = UserChange { is_active: Some(false), ..UserChange::default() };
            assert!(kept.store.update_user(&read, &change, &by("root"), NOW).unwrap().done().is_none());
            assert!(kept.store.set_password(&read, &hash("x"), &by("root"), NOW).unwrap().done().is_none());
            assert!(kept.store.delete_user(&read, &by("root"), NOW).unwrap().done().is_none());
            assert!(kept.store.create_token(&read, &named_token("n"), &by("root"), NOW).unwrap().done().is_none());
            let how = Regenerate { all: true, grace_until: None };
            assert!(kept.store.regenerate_token(&read, &new_token(true), how, &by("root"), NOW).unwrap().done().is_none());
        }
        assert_eq!(kept.everything(), before);
    }

    fn a_user_who_was_renamed_meanwhile_is_changed_under_the_new_name(db) {
        let kept = Kept::new(db);
        let read = kept.user("alice");
        let rename = UserChange { username: Some("alicia".into()), ..UserChange::default() };
        kept.store.update_user(&read, &rename, &by("root"), NOW).unwrap().done().unwrap();
        let other = kept.user("alice");
        assert!(kept.store.set_password(&read, &hash("second"), &by("root"), NOW).unwrap().done().is_some());
        assert_eq!(kept.last_audit(), "root|user.password|alicia|192.0.2.7|{}");
        assert_eq!(kept.read("alice").password, other.password, "who has the name now is another");
        assert_ne!(kept.read("alicia").password, read.password);
    }

    fn users_who_change_their_own_account_may_have_other_rights_by_then(db) {
        let kept = Kept::new(db);
        let read = kept.user("alice");
        let login = kept.issue(&read, MULTIPLE);
        let asked_with = kept.token(&login.digest).unwrap().0;
        let change = UserChange { username: Some("alicia".into()), ..UserChange::default() };
        let read = kept.store.update_user(&read, &change, &by("root"), NOW).unwrap().done().unwrap();
        let other = kept.user("alice");
        let others = kept.token(&kept.issue(&other, MULTIPLE).digest).unwrap().0;
        let made = kept.store.create_own_token(&asked_with, &read, &named_token("n"), None, &by("alice"), NOW).unwrap();
        assert!(matches!(&made, Changed::Done(OwnChange::Done(token)) if token.user_id == read.id), "{made:?}");
        assert!(kept.last_audit().starts_with("alice|token.create|alicia|"), "{}", kept.last_audit());
        let staff = UserChange { is_staff: Some(true), ..UserChange::default() };
        kept.store.update_user(&read, &staff, &by("root"), NOW).unwrap().done().unwrap();
        let made = kept.store.create_own_token(&asked_with, &read, &named_token("n"), None, &by("alice"), NOW).unwrap();
        assert!(matches!(made, Changed::UserChanged), "scopes were judged by the rights before: {made:?}");
        assert!(kept.store.revoke_login_tokens(read.id, &by("alice"), NOW).unwrap().is_some());
        assert!(kept.last_audit().starts_with("alice|token.revoke|alicia|"), "{}", kept.last_audit());
        assert!(!kept.is_live(&login));
        assert!(kept.store.delete_user(&other, &by("root"), NOW).unwrap().done().is_some());
        let before = kept.everything();
        let none = kept.store.create_own_token(&others, &other, &named_token("n"), None, &by("alice"), NOW).unwrap();
        assert!(matches!(none, Changed::Done(OwnChange::TokenEnded)), "{none:?}");
        assert!(kept.store.revoke_login_tokens(other.id, &by("alice"), NOW).unwrap().is_none());
        assert_eq!(kept.everything(), before);
    }

    fn the_last_active_superuser_stays(db) {
        let kept = Kept::new(db);
        kept.superuser("first");
        kept.superuser("second");
        kept.user("ordinary");
        let off = UserChange { is_active: Some(false), ..UserChange::default() };
        assert!(kept.store.update_user(&kept.read("second"), &off, &by("root"), NOW).unwrap().done().is_some());
        let before = kept.everything();
        for (flag, change) in [
            ("inactive", off.clone()),
            ("demoted", UserChange { is_superuser: Some(false), profile: new_email("x@y.zz"), ..UserChange::default() }),
        ] {
            let refused = kept.store.update_user(&kept.read("first"), &change, &by("root"), NOW);
            assert!(matches!(refused, Err(StoreError::LastSuperuser)), "{flag}: {refused:?}");
        }
        let refused = kept.store.delete_user(&kept.read("first"), &by("root"), NOW);
        assert!(matches!(refused, Err(StoreError::LastSuperuser)), "{refused:?}");
        assert_eq!(kept.everything(), before);
        let harmless = UserChange { is_active: Some(true), is_superuser: Some(true), profile: new_email("x@y.zz"), ..UserChange::default() };
        assert!(kept.store.update_user(&kept.read("first"), &harmless, &by("root"), NOW).unwrap().done().is_some());
        assert!(kept.store.delete_user(&kept.read("second"), &by("root"), NOW).unwrap().done().is_some(), "an inactive one is not the last active one");
        assert!(kept.store.delete_user(&kept.read("ordinary"), &by("root"), NOW).unwrap().done().is_some());
    }

    fn a_new_password_ends_login_tokens_and_spares_named_ones(db) {
        let kept = Kept::new(db);
        let (alice, bob) = (kept.user("alice"), kept.user("bob"));
        let (one, two, other) = (kept.issue(&alice, MULTIPLE), kept.issue(&alice, MULTIPLE), kept.issue(&bob, MULTIPLE));
        let named = named_token("ci");
        kept.store.create_token(&kept.read("alice"), &named, &by("root"), NOW).unwrap().done().unwrap();
        assert!(kept.store.set_password(&kept.read("alice"), &hash("second"), &by("staff"), after(1)).unwrap().done().is_some());
        assert_eq!([&one, &two, &named, &other].map(|token| kept.is_live(token)), [false, false, true, true]);
        assert_eq!(kept.store.user("alice").unwrap().unwrap().password.as_str(), "second");
        assert_eq!(kept.last_audit(), "staff|user.password|alice|192.0.2.7|{}");
        let facts = kept.token(&one.digest).unwrap().0;
        assert_eq!((facts.revoked_at, facts.revoked_by.as_deref()), (Some(after(1)), Some("staff")));
    }

    fn a_hash_is_replaced_only_while_it_is_the_one_that_was_checked(db) {
        let kept = Kept::new(db);
        let alice = kept.user("alice");
        assert!(kept.store.rehash_password(alice.id, &hash("other"), &hash("new")).unwrap().done().is_none());
        assert!(kept.store.rehash_password(99, &hash("first"), &hash("new")).unwrap().done().is_none());
        assert_eq!(kept.store.user("alice").unwrap().unwrap().password.as_str(), "first");
        assert!(kept.store.rehash_password(alice.id, &hash("first"), &hash("new")).unwrap().done().is_some());
        assert_eq!(kept.store.user("alice").unwrap().unwrap().password.as_str(), "new");
    }

    fn a_deleted_user_takes_tokens_and_memberships_along(db) {
        let kept = Kept::new(db);
        let alice = kept.store.create_user(&NewUser { groups: vec!["g".into()], ..new_user("alice") }, &by("root"), NOW).unwrap();
        let token = kept.issue(&alice, MULTIPLE);
        assert!(kept.store.delete_user(&kept.read("alice"), &by("root"), NOW).unwrap().done().is_some());
        assert!(kept.token(&token.digest).is_none());
        assert_eq!(kept.sql("select count(*) from tokens"), "0");
        assert_eq!(kept.sql("select count(*) from user_groups"), "0");
        assert_eq!(kept.last_audit(), "root|user.delete|alice|192.0.2.7|{\"id\":1}");
    }

    fn pages_of_users_come_by_id_and_know_the_whole_length(db) {
        let kept = Kept::new(db);
        assert!(!kept.store.has_users().unwrap());
        for name in ["e", "d", "c", "b", "a"] {
            kept.user(name);
        }
        let page = |number| {
            let page = kept.store.list_users(&UserFilter::default(), PageRequest { number, size: 2 }).unwrap();
            assert_eq!(page.count, 5);
            page.results.into_iter().map(|user| user.username).collect::<Vec<_>>()
        };
        assert_eq!((page(1), page(3)), (vec!["e".into(), "d".into()], vec!["a".into()]));
        assert!(page(4).is_empty() && page(u32::MAX).is_empty());
        assert_eq!(kept.store.list_users(&UserFilter::default(), ALL).unwrap().results.len(), 5);
        assert!(kept.store.has_users().unwrap());
    }

    fn groups_come_in_the_same_order_whatever_the_database_sorts_by(db) {
        let kept = Kept::new(db);
        if kept.database.postgres.is_some() {
            kept.sql("alter table groups alter column name type text collate \"en-x-icu\"");
        }
        let new = NewUser { groups: ["b", "A", "a", "B", "é"].map(String::from).to_vec(), ..new_user("alice") };
        assert_eq!(kept.store.create_user(&new, &by("root"), NOW).unwrap().groups, ["A", "B", "a", "b", "é"]);
    }
}
