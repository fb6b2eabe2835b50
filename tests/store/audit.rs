//! The audit log: an entry and its change are written together or not at all.

use std::time::Duration;

use jeton::domain::audit::{Action, Filter};
use jeton::domain::client::ClientDetails;
use jeton::domain::page::PageRequest;
use jeton::domain::user::{NewUser, UserChange};
use jeton::store::{LoginTokensRevoked, Regenerate};
use serde_json::json;

use super::{MULTIPLE, NOW, TestStore, by, email, hash, named_token, new_email, new_token, new_user, open, secret};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::postgres;

const DAY: Duration = Duration::from_hours(24);

on_both! {
    fn nothing_is_changed_when_the_audit_log_cannot_be_written(db) {
        let test = TestStore::new(db);
        test.superuser("root");
        test.user("alice");
        test.store.create_client("api", &ClientDetails::default(), &secret(), &by("root"), NOW).unwrap();
        test.store.create_token(&test.read("alice"), &named_token("ci"), &by("root"), NOW).unwrap().done().unwrap();
        let before = test.everything();
        let (refuse, allow) = match test.database.postgres {
            Some(_) => ("alter table audit_log add constraint x check (false) not valid", "alter table audit_log drop constraint x"),
            None => ("create trigger x before insert on audit_log begin select raise(abort, 'no'); end", "drop trigger x"),
        };
        test.sql(refuse);
        let (store, who) = (&test.store, by("root"));
        let change = UserChange { profile: new_email("x@y.zz"), ..Default::default() };
        let regenerate = Regenerate { all: true, grace_until: None };
        assert!(store.create_user(&new_user("bob"), &who, NOW).is_err());
        assert!(store.update_user(&test.read("alice"), &change, &who, NOW).is_err());
        assert!(store.set_password(&test.read("alice"), &hash("x"), &who, NOW).is_err());
        assert!(store.delete_user(&test.read("alice"), &who, NOW).is_err());
        assert!(store.create_token(&test.read("alice"), &named_token("x"), &who, NOW).is_err());
        assert!(store.regenerate_token(&test.read("alice"), &new_token(true), regenerate, &who, NOW).is_err());
        assert!(store.revoke_token(1, &who, NOW).is_err());
        assert!(store.create_client("new", &ClientDetails::default(), &secret(), &who, NOW).is_err());
        assert!(store.rotate_client("api", &secret(), None, &who, NOW).is_err());
        assert!(store.delete_client("api", &who, NOW).is_err());
        test.sql(allow);
        assert_eq!(test.everything(), before);
    }

    fn the_next_page_begins_where_the_last_one_ended_even_if_entries_are_written_meanwhile(db) {
        let test = TestStore::new(db);
        let write = |name: &str| test.store.record(&by(name), Action::Login, name, &json!({}), NOW).unwrap();
        let page = |before_id| {
            let filter = Filter { action: Some("login".into()), before_id, ..Filter::default() };
            let page = test.store.list_audit(&filter, PageRequest::number(1, 2), None).unwrap().results;
            (page.iter().map(|entry| entry.target.clone()).collect::<Vec<_>>(), page.last().map(|entry| entry.id))
        };
        for name in ["a", "b", "c", "d", "e"] {
            write(name);
        }
        let (first, end) = page(None);
        write("f");
        let (second, end) = page(end);
        let third = page(end).0;
        assert_eq!([first, second, third].map(|names| names.join(" ")), ["e d", "c b", "a"]);
    }

    fn a_change_that_changes_nothing_has_no_entry(db) {
        let test = TestStore::new(db);
        let new = NewUser { profile: email("a@b.co"), groups: vec!["a".into(), "b".into()], ..new_user("alice") };
        let alice = test.store.create_user(&new, &by("root"), NOW).unwrap();
        test.issue(&alice, MULTIPLE);
        let before = test.sql("select count(*) from audit_log");
        let same = UserChange {
            username: Some("alice".into()),
            profile: new_email("a@b.co"),
            is_active: Some(true),
            is_staff: Some(false),
            groups: Some(vec!["b".into(), "a".into()]),
            ..UserChange::default()
        };
        assert!(test.store.update_user(&alice, &same, &by("staff"), NOW).unwrap().done().is_some());
        assert_eq!(test.sql("select count(*) from audit_log"), before);
        assert!(test.store.revoke_login_tokens(alice.id, &by("alice"), NOW).unwrap() != LoginTokensRevoked::NoSuchUser);
        assert_eq!(test.last_audit(), "alice|token.revoke|alice|192.0.2.7|{\"login_tokens\":1}");
        let before = test.sql("select count(*) from audit_log");
        assert!(test.store.revoke_login_tokens(alice.id, &by("alice"), NOW).unwrap() != LoginTokensRevoked::NoSuchUser, "the user exists");
        assert_eq!(test.sql("select count(*) from audit_log"), before);
        let up = UserChange { profile: new_email("a@b.co"), is_superuser: Some(true), ..UserChange::default() };
        test.store.update_user(&alice, &up, &by("root"), NOW).unwrap().done().unwrap();
        assert_eq!(test.last_audit(), "root|user.update|alice|192.0.2.7|{\"is_staff\":true,\"is_superuser\":true}");
    }
}

/// Most entries are logins, which a list of refused ones, or of some days, must not read.
#[test]
fn refused_logins_and_days_are_found_by_their_indexes_in_postgres() {
    let cluster = postgres::private();
    let database = TestDatabase::of(&cluster);
    let test = TestStore { store: open(&database), database };
    test.store.migrate().unwrap();
    fill(&test, "generate_series(1, 20000) as n");
    for setting in ["session_preload_libraries = ''auto_explain''", "auto_explain.log_min_duration = 0"] {
        let alter = format!("execute format('alter database %I set {setting}', current_database())");
        test.sql(&format!("do $$ begin {alter}; end $$"));
    }
    let test = TestStore { store: open(&test.database), database: test.database };
    let plans = |ask: &dyn Fn()| {
        let before = cluster.log_text().len();
        ask();
        cluster.log_text()[before..].to_owned()
    };
    let list = |filter: Filter| {
        plans(&|| drop(test.store.list_audit(&filter, PageRequest::number(1, 25), Some(1000)).unwrap()))
    };
    let by_time = Filter { may_be_by_time: true, ..Filter::default() };
    let refused = Filter { action: Some("login.failed".into()), ..by_time.clone() };
    let day = Filter { since: Some(NOW.before(DAY)), until: Some(NOW), ..by_time };
    for (what, plan, index) in [
        ("the overview", plans(&|| drop(test.store.most_refused(NOW).unwrap())), "audit_log_refused"),
        ("refused logins", list(refused.clone()), "audit_log_refused"),
        ("refused logins of a day", list(Filter { action: refused.action, ..day.clone() }), "audit_log_refused"),
        ("a day", list(day), "audit_log_at"),
    ] {
        assert!(plan.contains(&format!(" {index} on audit_log")), "{what}: {plan}");
        assert!(!plan.contains("Seq Scan") && !plan.contains("audit_log_pkey"), "{what}: {plan}");
    }
}

#[test]
fn refused_logins_are_found_by_their_index_in_sqlite() {
    let test = TestStore::new(Kind::Sqlite);
    fill(&test, "(with recursive s(n) as (select 1 union all select n + 1 from s where n < 20000) select n from s)");
    for query in [
        "select id from audit_log where action = 'login.failed' order by at desc, id desc limit ?1",
        "select id from audit_log where at > ?1 and at <= ?2 and action = 'login.failed' order by at desc limit 100",
    ] {
        let plan = test.sql(&format!("explain query plan {query}"));
        assert!(plan.contains("audit_log_refused") && !plan.contains("TEMP B-TREE"), "{query}: {plan}");
    }
}

/// Adds an entry for each number and minute before [`NOW`]. One in a thousand is a refused login.
fn fill(test: &TestStore, numbers: &str) {
    let at = if test.database.postgres.is_some() {
        format!("timestamp '{}' - n * interval '1 minute'", NOW.naive())
    } else {
        format!("datetime('{}', '-' || n || ' minutes')", NOW.naive())
    };
    test.sql(&format!(
        "insert into audit_log (at, actor, action, target) select {at}, 'u' || n, \
         case when n % 1000 = 0 then 'login.failed' else 'login' end, 'u' || n from {numbers}"
    ));
    test.sql("analyze");
}
