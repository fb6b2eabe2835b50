//! Sessions of the console. They begin only if the user has not changed since the password check.

use jeton::domain::session::{SessionKey, SessionKind};
use jeton::domain::user::UserChange;

use super::{NOW, TestStore, after, by, hash};
use crate::on_both;

/// A staff member, as read from the database.
fn stella(test: &TestStore) -> jeton::domain::user::User {
    test.user("stella");
    test.sql("update users set is_staff = true where username = 'stella'");
    test.read("stella")
}

on_both! {
    fn a_user_who_has_changed_since_the_check_gets_no_session(db) {
        let test = TestStore::new(db);
        let checked = stella(&test);
        let begin = |key: &SessionKey| test.store.create_session(&checked, &key.digest(), SessionKind::Console, &by("stella"), NOW).unwrap().done().is_some();
        let change = |change: UserChange| {
            test.store.update_user(&test.read("stella"), &change, &by("root"), NOW).unwrap().done().unwrap();
        };
        for (is_active, is_staff) in [(false, true), (true, false)] {
            change(UserChange { is_active: Some(is_active), is_staff: Some(is_staff), ..UserChange::default() });
            assert!(!begin(&SessionKey::generate()), "{is_active} {is_staff}");
            change(UserChange { is_active: Some(true), is_staff: Some(true), ..UserChange::default() });
        }
        assert!(begin(&SessionKey::generate()), "the user has the same rights as at the check");
        test.store.set_password(&test.read("stella"), &hash("second"), &by("root"), NOW).unwrap().done().unwrap();
        assert!(!begin(&SessionKey::generate()), "the user has another password");
        test.store.delete_user(&test.read("stella"), &by("root"), NOW).unwrap().done().unwrap();
        assert!(!begin(&SessionKey::generate()), "gone");
        assert_eq!(test.sql("select count(*) from sessions"), "0");
    }

    fn a_late_request_does_not_move_the_last_use_back(db) {
        let test = TestStore::new(db);
        let (checked, key) = (stella(&test), SessionKey::generate());
        assert!(test.store.create_session(&checked, &key.digest(), SessionKind::Console, &by("stella"), NOW).unwrap().done().is_some());
        let seen_at = || test.sql("select seen_at from sessions");
        test.store.use_session(&key.digest(), SessionKind::Console, false, after(20)).unwrap().unwrap();
        let latest = seen_at();
        test.store.use_session(&key.digest(), SessionKind::Console, false, after(10)).unwrap().unwrap();
        assert_eq!(seen_at(), latest);
    }

    fn a_notice_is_removed_only_when_it_is_taken(db) {
        let test = TestStore::new(db);
        let (checked, key) = (stella(&test), SessionKey::generate());
        assert!(test.store.create_session(&checked, &key.digest(), SessionKind::Console, &by("stella"), NOW).unwrap().done().is_some());
        test.store.set_notice(&key.digest(), "Saved.").unwrap();
        let notice = |take| test.store.use_session(&key.digest(), SessionKind::Console, take, NOW).unwrap().unwrap().notice;
        assert_eq!((notice(false), notice(true), notice(true)), (None, Some("Saved.".to_owned()), None));
    }

    fn a_notice_is_for_its_own_session_only(db) {
        let test = TestStore::new(db);
        let (checked, key, other) = (stella(&test), SessionKey::generate(), SessionKey::generate());
        for key in [&key, &other] {
            assert!(test.store.create_session(&checked, &key.digest(), SessionKind::Console, &by("stella"), NOW).unwrap().done().is_some());
        }
        test.store.set_notice(&key.digest(), "Saved.").unwrap();
        let notice = |key: &SessionKey| test.store.use_session(&key.digest(), SessionKind::Console, true, NOW).unwrap().unwrap().notice;
        assert_eq!((notice(&other), notice(&key)), (None, Some("Saved.".to_owned())));
    }

    fn a_superuser_without_the_staff_flag_can_have_sessions(db) {
        let test = TestStore::new(db);
        test.superuser("root");
        test.sql("update users set is_staff = false");
        let (root, key) = (test.read("root"), SessionKey::generate());
        assert!(test.store.create_session(&root, &key.digest(), SessionKind::Console, &by("root"), NOW).unwrap().done().is_some());
        assert!(test.store.use_session(&key.digest(), SessionKind::Console, false, NOW).unwrap().is_some());
    }

    fn ending_a_session_does_not_end_other_sessions(db) {
        let test = TestStore::new(db);
        let (checked, key, other) = (stella(&test), SessionKey::generate(), SessionKey::generate());
        for key in [&key, &other] {
            assert!(test.store.create_session(&checked, &key.digest(), SessionKind::Console, &by("stella"), NOW).unwrap().done().is_some());
        }
        test.store.delete_session(&key.digest()).unwrap();
        assert!(test.store.use_session(&key.digest(), SessionKind::Console, false, NOW).unwrap().is_none());
        assert!(test.store.use_session(&other.digest(), SessionKind::Console, false, NOW).unwrap().is_some());
    }
}
