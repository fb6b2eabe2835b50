//! The log has names. A user's entries are found although they were renamed, and nobody else's are taken for theirs.

use jeton::domain::audit::{Action, ActivityKind};
use jeton::domain::user::{User, UserChange};
use serde_json::json;

use super::{ALL, NOW, TestStore, by};
use crate::on_both;

/// How many entries are found at most.
const MOST: u32 = 1_000;

impl TestStore {
    fn rename(&self, from: &str, to: &str) {
        self.change(from, &UserChange { username: Some(to.into()), ..UserChange::default() });
    }

    fn change(&self, username: &str, change: &UserChange) {
        self.store.update_user(&self.read(username), change, &by("root"), NOW).unwrap().done().unwrap();
    }

    fn set_active(&self, username: &str, is_active: bool) {
        self.change(username, &UserChange { is_active: Some(is_active), ..UserChange::default() });
    }

    fn delete(&self, username: &str) {
        self.store.delete_user(&self.read(username), &by("root"), NOW).unwrap().done().unwrap();
    }

    /// A refused login with this name, which says its number.
    fn refuse(&self, username: &str, number: u32) {
        let details = json!({ "reason": "wrong_password", "number": number });
        self.store.record(&by(username), Action::LoginFailed, username, &details, NOW).unwrap();
    }

    fn activity(&self, username: &str, kind: ActivityKind) -> Vec<String> {
        let page = self.store.list_activity(username, kind, ALL, MOST).unwrap();
        assert_eq!(usize::try_from(page.count).unwrap(), page.results.len());
        let ids: Vec<i64> = page.results.iter().map(|entry| entry.id).collect();
        assert!(ids.is_sorted_by(|one, next| one > next), "{ids:?}");
        let line = |entry: &jeton::domain::audit::Entry| match entry.details["number"].as_i64() {
            Some(number) => number.to_string(),
            None => format!("{} {}", entry.action, entry.target),
        };
        page.results.iter().map(line).collect()
    }

    /// The numbers of the refused logins of a user, the newest first.
    fn refusals(&self, username: &str) -> String {
        let newest = self.store.last_login_attempt(username).unwrap();
        let newest = newest.map(|entry| entry.details["number"].to_string());
        let all = self.activity(username, ActivityKind::Logins);
        assert_eq!(newest.as_ref(), all.first());
        all.join(" ")
    }

    fn present_name(&self, former: &str) -> Option<String> {
        self.store.present_name(former).unwrap()
    }
}

on_both! {
    fn a_rename_has_an_entry_under_either_name(db) {
        let test = TestStore::new(db);
        test.user("ren1");
        let change = UserChange { username: Some("ren2".into()), is_active: Some(false), ..UserChange::default() };
        test.change("ren1", &change);
        let entries = test.sql("select actor, action, target, address, details from audit_log where id > 1 order by id");
        assert_eq!(entries.lines().collect::<Vec<_>>(), [
            r#"root|user.update|ren1|192.0.2.7|{"username":"ren2","is_active":false}"#,
            r#"root|user.update|ren2|192.0.2.7|{"renamed_from":"ren1"}"#,
        ]);
        test.set_active("ren2", true);
        assert_eq!(test.last_audit(), r#"root|user.update|ren2|192.0.2.7|{"is_active":true}"#, "and no other change has two");
    }

    fn a_renamed_user_keeps_their_activity_and_whoever_takes_the_name_does_not_get_it(db) {
        let test = TestStore::new(db);
        test.user("ren1");
        test.user("bob");
        test.refuse("ren1", 1);
        test.set_active("ren1", false);
        test.store.record(&by("ren1"), Action::UserUpdate, "bob", &json!({"number": 2}), NOW).unwrap();
        let deactivated = test.store.last_deactivation("ren1").unwrap().unwrap();
        test.rename("ren1", "ren2");
        test.refuse("ren2", 3);
        assert_eq!(test.activity("ren2", ActivityKind::All), ["3", "user.update ren1", "2", "user.update ren1", "1", "user.create ren1"]);
        assert_eq!(test.activity("ren2", ActivityKind::Changes), ["user.update ren1", "2", "user.update ren1", "user.create ren1"]);
        assert_eq!(test.refusals("ren2"), "3 1");
        assert_eq!(test.store.last_deactivation("ren2").unwrap().map(|entry| entry.id), Some(deactivated.id));

        test.refuse("ren1", 4);
        test.user("ren1");
        assert_eq!((test.activity("ren1", ActivityKind::All), test.refusals("ren1")), (vec!["user.create ren1".to_owned()], String::new()));
        assert!(test.store.last_deactivation("ren1").unwrap().is_none());
        test.set_active("ren1", false);
        assert_ne!(test.store.last_deactivation("ren1").unwrap().unwrap().id, deactivated.id);
        assert_eq!(test.store.last_deactivation("ren2").unwrap().unwrap().id, deactivated.id);
        test.refuse("ren1", 5);
        assert_eq!((test.refusals("ren1"), test.refusals("ren2")), ("5".into(), "3 1".into()));
        test.set_active("ren2", true);
        assert!(test.store.last_deactivation("ren2").unwrap().is_none(), "an activation under the new name counts");
    }

    fn names_that_go_round_and_are_swapped_stay_apart(db) {
        let test = TestStore::new(db);
        test.user("a");
        test.user("b");
        test.refuse("a", 1);
        test.refuse("b", 2);
        // Swapped, twice.
        for round in [3, 5] {
            test.rename("a", "t");
            test.rename("b", "a");
            test.rename("t", "b");
            test.refuse("a", round);
            test.refuse("b", round + 1);
        }
        assert_eq!((test.refusals("a"), test.refusals("b")), ("5 4 1".into(), "6 3 2".into()));
        // There and back, once by another case.
        test.rename("a", "A");
        test.refuse("A", 7);
        test.refuse("a", 8);
        assert_eq!(test.present_name("a").as_deref(), Some("A"));
        test.rename("A", "a");
        test.refuse("a", 9);
        assert_eq!(test.refusals("a"), "9 7 5 4 1", "8 was tried when nobody had the name");
        // Deleted and created again.
        test.delete("a");
        test.refuse("a", 10);
        test.user("a");
        test.refuse("a", 11);
        assert_eq!((test.refusals("a"), test.refusals("b")), ("11".into(), "6 3 2".into()));
        test.delete("a");
        test.rename("b", "a");
        test.refuse("a", 12);
        assert_eq!(test.refusals("a"), "12 6 3 2");
    }

    fn users_whose_beginning_the_log_does_not_have_keep_what_it_has(db) {
        let test = TestStore::new(db);
        test.user("old");
        test.user("other");
        test.refuse("old", 1);
        test.sql("delete from audit_log where action = 'user.create'");
        test.refuse("old", 2);
        assert_eq!(test.refusals("old"), "2 1");
        test.rename("old", "new");
        test.refuse("new", 3);
        assert_eq!(test.refusals("new"), "3 2 1");
        // A log that was purged up to the middle of the rename, and one of before renames had two entries.
        test.rename("other", "old");
        test.refuse("old", 4);
        test.sql("delete from audit_log where id <= (select min(id) from audit_log where target = 'old' and action = 'user.update')");
        assert_eq!((test.refusals("new"), test.refusals("old")), ("3".into(), "4".into()));
        test.sql("delete from audit_log where details like '%renamed_from%'");
        assert_eq!((test.refusals("new"), test.refusals("old")), ("3".into(), "4".into()));
    }

    fn a_former_name_leads_to_the_present_one(db) {
        let test = TestStore::new(db);
        test.user("a");
        assert_eq!((test.present_name("a"), test.present_name("nobody"), test.present_name("\0")), (None, None, None));
        test.rename("a", "b");
        test.rename("b", "c");
        for name in ["a", "b"] {
            assert_eq!(test.present_name(name).as_deref(), Some("c"), "{name}");
        }
        test.user("b");
        assert_eq!(test.present_name("a").as_deref(), Some("c"), "and not to who has the name in between now");
        test.rename("b", "d");
        assert_eq!(test.present_name("b").as_deref(), Some("d"), "who had it last");
        test.delete("c");
        assert_eq!((test.present_name("a"), test.present_name("b").as_deref()), (None, Some("d")));
        test.user("c");
        assert_eq!(test.present_name("a"), None);
        // Renamed back: the name's user is there, so nobody asks, and the answer is no other one.
        test.rename("d", "e");
        test.rename("e", "d");
        assert_eq!((test.present_name("e").as_deref(), test.present_name("b").as_deref()), (Some("d"), Some("d")));
    }

    fn a_long_history_has_an_end(db) {
        let test = TestStore::new(db);
        let mut user: User = test.user("n0");
        test.refuse("n0", 0);
        for number in 1..60 {
            let name = format!("n{number}");
            let change = UserChange { username: Some(name.clone()), ..UserChange::default() };
            user = test.store.update_user(&user, &change, &by("root"), NOW).unwrap().done().unwrap();
            test.refuse(&name, number);
        }
        let refusals: Vec<String> = (10..60).rev().map(|number| number.to_string()).collect();
        assert_eq!(test.refusals("n59"), refusals.join(" "), "50 names");
        assert_eq!((test.present_name("n0"), test.present_name("n58").as_deref()), (None, Some("n59")));
        // More changes than are read.
        let row = "('2025-06-15 10:00:00', 'root', 'token.create', 'n59')";
        test.sql(&format!("insert into audit_log (at, actor, action, target) values {}", vec![row; 2_000].join(", ")));
        assert_eq!(test.refusals("n59"), "");
        let page = test.store.list_activity("n59", ActivityKind::Changes, ALL, MOST).unwrap();
        assert_eq!((page.count, page.results.len()), (1_001, 500));
    }
}
