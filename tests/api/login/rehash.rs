//! `POST /api-token-auth/` with a hash of another cost than the configured one: a good login replaces it.

use std::collections::HashSet;

use super::single::keys_of_logins_at_once;
use super::{PASSWORD, WRONG, assert_answer, with_alice};
use crate::on_both;
use crate::support::app::App;

const COSTLIER: &[(&str, &str)] =
    &[("JETON_ARGON2_MEMORY_KIB", "128"), ("JETON_ARGON2_ITERATIONS", "2"), ("JETON_ARGON2_PARALLELISM", "2")];
const OLD: &str = "$argon2id$v=19$m=64,t=1,p=1$";
const NEW: &str = "$argon2id$v=19$m=128,t=2,p=2$";

fn stored(app: &App) -> String {
    app.database.sql("select password from users where username = 'alice'")
}

on_both! {
    fn only_a_good_login_replaces_an_outdated_hash(db) {
        let app = with_alice(db, &[]);
        let key = app.login("alice", PASSWORD);
        let old = stored(&app);
        assert!(old.starts_with(OLD), "{old}");
        let costlier = app.node(COSTLIER);
        assert_answer(&costlier.try_login("alice", "wrong"), 400, WRONG, "a wrong password");
        assert_eq!(stored(&app), old);
        assert_eq!(costlier.login("alice", PASSWORD), key, "the login still returns the same key");
        let new = stored(&app);
        assert!(new.starts_with(NEW), "{new}");
        assert_eq!(costlier.login("alice", PASSWORD), key);
        assert_eq!(stored(&app), new, "a hash of the configured cost is not replaced");
        assert_answer(&costlier.try_login("alice", "wrong"), 400, WRONG, "a wrong password, and the new hash");
    }

    fn a_login_of_an_inactive_user_does_not_replace_the_hash(db) {
        let app = with_alice(db, &[]);
        app.database.sql("update users set is_active = false where username = 'alice'");
        let old = stored(&app);
        assert_answer(&app.node(COSTLIER).try_login("alice", PASSWORD), 400, WRONG, "inactive");
        assert_eq!(stored(&app), old);
    }

    fn ten_logins_at_once_replace_an_outdated_hash_and_all_succeed(db) {
        let app = with_alice(db, &[]);
        let costlier = app.node(COSTLIER);
        let keys = keys_of_logins_at_once(&[&costlier], 10);
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 1, "{keys:?}");
        assert!(stored(&app).starts_with(NEW));
    }

    fn logins_at_nodes_with_different_costs_all_succeed(db) {
        let app = with_alice(db, &[]);
        let costlier = app.node(COSTLIER);
        for _ in 0..3 {
            let keys = keys_of_logins_at_once(&[&app, &costlier], 4);
            assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 1, "{keys:?}");
        }
    }
}
