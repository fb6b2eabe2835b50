//! Sessions of the console: begun only by whoever still is who was checked.

use jeton::domain::session::SessionKey;
use jeton::domain::user::UserChange;

use super::{Kept, NOW, after, by, hash};
use crate::on_both;

/// A staff member, as they were read before somebody changed them.
fn stella(kept: &Kept) -> jeton::domain::user::User {
    kept.user("stella");
    kept.sql("update users set is_staff = true where username = 'stella'");
    kept.read("stella")
}

on_both! {
    fn who_changed_since_their_password_was_checked_gets_none(db) {
        let kept = Kept::new(db);
        let checked = stella(&kept);
        let begin = |key: &SessionKey| kept.store.create_session(&checked, &key.digest(), &by("stella"), NOW).unwrap().done().is_some();
        let change = |change: UserChange| {
            kept.store.update_user(&kept.read("stella"), &change, &by("root"), NOW).unwrap().done().unwrap();
        };
        for (is_active, is_staff) in [(false, true), (true, false)] {
            change(UserChange { is_active: Some(is_active), is_staff: Some(is_staff), ..UserChange::default() });
            assert!(!begin(&SessionKey::generate()), "{is_active} {is_staff}");
            change(UserChange { is_active: Some(true), is_staff: Some(true), ..UserChange::default() });
        }
        assert!(begin(&SessionKey::generate()), "as they were");
        kept.store.set_password(&kept.read("stella"), &hash("second"), &by("root"), NOW).unwrap().done().unwrap();
        assert!(!begin(&SessionKey::generate()), "another password");
        kept.store.delete_user(&kept.read("stella"), &by("root"), NOW).unwrap().done().unwrap();
        assert!(!begin(&SessionKey::generate()), "gone");
        assert_eq!(kept.sql("select count(*) from sessions"), "0");
    }

    fn a_late_request_makes_no_session_older(db) {
        let kept = Kept::new(db);
        let (checked, key) = (stella(&kept), SessionKey::generate());
        assert!(kept.store.create_session(&checked, &key.digest(), &by("stella"), NOW).unwrap().done().is_some());
        let seen = || kept.sql("select seen_at from sessions");
        kept.store.use_session(&key.digest(), false, after(20)).unwrap().unwrap();
        let latest = seen();
        kept.store.use_session(&key.digest(), false, after(10)).unwrap().unwrap();
        assert_eq!(seen(), latest);
    }

    fn a_notice_is_taken_by_who_takes_it(db) {
        let kept = Kept::new(db);
        let (checked, key) = (stella(&kept), SessionKey::generate());
        assert!(kept.store.create_session(&checked, &key.digest(), &by("stella"), NOW).unwrap().done().is_some());
        kept.store.set_notice(&key.digest(), "Saved.").unwrap();
        let told = |take| kept.store.use_session(&key.digest(), take, NOW).unwrap().unwrap().1;
        assert_eq!((told(false), told(true), told(true)), (None, Some("Saved.".to_owned()), None));
    }
}
