//! The audit log: written with the change, or neither is.

use jeton::store::{Regenerate, UserChange};

use super::{Kept, NOW, by, hash, named_token, new_token, new_user, secret};
use crate::on_both;

on_both! {
    fn the_store_stays_as_it_was_when_the_audit_log_cannot_be_written(db) {
        let kept = Kept::new(db);
        kept.superuser("root");
        kept.user("alice");
        kept.store.create_client("api", &secret(), &by("root"), NOW).unwrap();
        kept.store.create_token(&kept.read("alice"), &named_token("ci"), &by("root"), NOW).unwrap();
        let before = kept.everything();
        let (refuse, allow) = match kept.database.postgres {
            Some(_) => ("alter table audit_log add constraint x check (false) not valid", "alter table audit_log drop constraint x"),
            None => ("create trigger x before insert on audit_log begin select raise(abort, 'no'); end", "drop trigger x"),
        };
        kept.sql(refuse);
        let (store, who) = (&kept.store, by("root"));
        let change = UserChange { email: Some("x@y.zz".into()), ..Default::default() };
        let regenerate = Regenerate { all: true, grace_until: None };
        assert!(store.create_user(&new_user("bob"), &who, NOW).is_err());
        assert!(store.update_user(&kept.read("alice"), &change, &who, NOW).is_err());
        assert!(store.set_password(&kept.read("alice"), &hash("x"), &who, NOW).is_err());
        assert!(store.delete_user(&kept.read("alice"), &who, NOW).is_err());
        assert!(store.create_token(&kept.read("alice"), &named_token("x"), &who, NOW).is_err());
        assert!(store.regenerate_token(&kept.read("alice"), &new_token(true), regenerate, &who, NOW).is_err());
        assert!(store.revoke_token(1, &who, NOW).is_err());
        assert!(store.create_client("new", &secret(), &who, NOW).is_err());
        assert!(store.rotate_client("api", &secret(), &who, NOW).is_err());
        assert!(store.delete_client("api", &who, NOW).is_err());
        kept.sql(allow);
        assert_eq!(kept.everything(), before);
    }
}
