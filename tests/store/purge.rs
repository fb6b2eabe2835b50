//! Which rows are purged, and by which index they are found: a purge that scanned the table would slow down everything.

use std::time::Duration;

use jeton::domain::time::Timestamp;
use jeton::store::{Purge, Purged};

use super::{NOW, TestStore, after, open};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::postgres;

const DAY: Duration = Duration::from_hours(24);

/// Each kind of row, and the index by which a purge finds it.
const INDEXES: [(Purge, &str); 7] = [
    (Purge::ExpiredSeals, "tokens_sealed_expires_at"),
    (Purge::RevokedTokens, "tokens_revoked_at"),
    (Purge::ExpiredTokens, "tokens_expires_at"),
    (Purge::AuditLog, "audit_log_at"),
    (Purge::Sessions, "sessions_seen_at"),
    (Purge::LoginNetworks, "login_networks_seen_at"),
    (Purge::PasswordLinks, "password_links_expires_at"),
];

/// Fills the tables. Of each thousand tokens one is revoked, one has expired and is sealed, and ten have expired
/// without a seal.
fn fill(test: &TestStore, tokens: u32) {
    let now = "'2025-06-15 12:00:00'";
    let (numbers, digest, seal, past) = if test.database.postgres.is_some() {
        let digest = "decode(lpad(to_hex(n), 64, '0'), 'hex')";
        (format!("generate_series(1, {tokens}) as n"), digest, "'\\x01'::bytea", "timestamptz '2025-01-01 00:00:00'")
    } else {
        let numbers = "with recursive s(n) as (select 1 union all select n + 1 from s where n <";
        (format!("({numbers} {tokens}) select n from s)"), "randomblob(32)", "x'01'", "'2025-01-01 00:00:00'")
    };
    for statement in [
        format!(
            "insert into users (id, username, password, date_joined) select n, 'u' || n, '!', {now} from {numbers}"
        ),
        format!(
            "insert into tokens (user_id, digest, created_at, sealed, revoked_at, expires_at) select n, {digest}, {now}, \
             case when n % 1000 = 1 then {seal} end, case when n % 1000 = 0 then {past} end, \
             case when n % 1000 between 1 and 11 then {past} end from {numbers}"
        ),
        format!(
            "insert into audit_log (at, actor, action, target) select {now}, 'x', 'login', 'u' || n from {numbers}"
        ),
        format!("insert into audit_log (at, actor, action, target) values ({past}, 'x', 'login', 'old')"),
        format!(
            "insert into sessions (user_id, digest, created_at, seen_at) select n, {digest}, {past}, \
             case when n % 1000 = 0 then {past} else {now} end from {numbers}"
        ),
        format!(
            "insert into login_networks (user_id, network, seen_at) select n, '192.0.2.7', \
             case when n % 1000 = 0 then {past} else {now} end from {numbers}"
        ),
        format!(
            "insert into password_links (user_id, digest, created_at, expires_at) select n, {digest}, {past}, \
             case when n % 1000 = 0 then {past} else {now} end from {numbers}"
        ),
        "analyze".into(),
    ] {
        test.sql(&statement);
    }
}

fn purge(test: &TestStore, kind: Purge, before: Timestamp, most: u32) -> usize {
    test.store.purge(kind, None, before, most).unwrap().rows
}

fn counts(test: &TestStore) -> [usize; 3] {
    ["tokens", "tokens where sealed is not null", "audit_log"]
        .map(|rows| test.sql(&format!("select count(*) from {rows}")).parse().unwrap())
}

on_both! {
    fn the_oldest_rows_are_purged_first(db) {
        let test = TestStore::new(db);
        fill(&test, 20);
        for second in 1..=20 {
            let moment = NOW.before(DAY).after(Duration::from_secs(100 - second)).naive();
            test.sql(&format!("update tokens set expires_at = '{moment}' where user_id = {second}"));
        }
        assert_eq!(purge(&test, Purge::ExpiredTokens, NOW, 15), 15);
        assert_eq!(test.sql("select user_id from tokens order by user_id").replace('\n', " "), "1 2 3 4 5");
    }

    fn rows_that_ended_before_1970_are_purged(db) {
        let test = TestStore::new(db);
        fill(&test, 20);
        test.sql("update tokens set expires_at = '1969-07-20 20:17:40' where user_id <= 3");
        assert_eq!(test.store.oldest(Purge::ExpiredTokens, None, NOW).unwrap(), Timestamp::parse("1969-07-20T20:17:40Z"));
        let later = Timestamp::parse("1970-01-01").unwrap();
        assert_eq!((purge(&test, Purge::ExpiredTokens, later, 2), purge(&test, Purge::ExpiredTokens, later, 9)), (2, 1));
    }

    fn each_kind_of_row_is_purged_separately_and_up_to_the_limit(db) {
        let test = TestStore::new(db);
        fill(&test, 2000);
        let [tokens, sealed, entries] = counts(&test);
        assert_eq!([tokens, sealed, entries], [2000, 2, 2001]);
        assert_eq!(purge(&test, Purge::ExpiredSeals, NOW, 1), 1);
        assert_eq!(counts(&test), [tokens, 1, entries]);
        assert_eq!(purge(&test, Purge::ExpiredSeals, NOW, 10), 1);
        assert_eq!(purge(&test, Purge::ExpiredSeals, NOW, 10), 0, "the other expired tokens have no seal");
        assert_eq!(purge(&test, Purge::RevokedTokens, NOW, 10), 2);
        assert_eq!(counts(&test), [tokens - 2, 0, entries]);
        assert_eq!(purge(&test, Purge::ExpiredTokens, NOW, 15), 15);
        assert_eq!(purge(&test, Purge::ExpiredTokens, NOW, 15), 7);
        assert_eq!(counts(&test), [tokens - 24, 0, entries]);
        assert_eq!(purge(&test, Purge::AuditLog, NOW.before(DAY), 10), 1);
        assert_eq!(purge(&test, Purge::AuditLog, after(1), 7), 7);
        assert_eq!(counts(&test), [tokens - 24, 0, entries - 8]);
    }
}

#[test]
fn postgres_finds_each_kind_of_row_by_its_index() {
    let cluster = postgres::private();
    let database = TestDatabase::of(&cluster);
    let test = TestStore { store: open(&database), database };
    test.store.migrate().unwrap();
    fill(&test, 5000);
    for setting in ["session_preload_libraries = ''auto_explain''", "auto_explain.log_min_duration = 0"] {
        let alter = format!("execute format('alter database %I set {setting}', current_database())");
        test.sql(&format!("do $$ begin {alter}; end $$"));
    }
    let test = TestStore { store: open(&test.database), database: test.database };
    for (kind, index) in INDEXES {
        let before = cluster.log_text().len();
        assert!(purge(&test, kind, NOW.before(DAY), 10) > 0, "{kind:?}");
        let plan = cluster.log_text()[before..].to_owned();
        assert!(plan.contains(&format!("Index Scan using {index}")), "{kind:?}: {plan}");
        assert!(!plan.contains("Seq Scan"), "{kind:?}: {plan}");
    }
}

#[test]
fn sqlite_finds_each_kind_of_row_by_its_index() {
    let test = TestStore::new(Kind::Sqlite);
    fill(&test, 5000);
    for (kind, index) in INDEXES {
        let (table, due, moment) = match kind {
            Purge::ExpiredSeals => ("tokens", "sealed is not null and", "expires_at"),
            Purge::RevokedTokens => ("tokens", "", "revoked_at"),
            Purge::ExpiredTokens => ("tokens", "", "expires_at"),
            Purge::AuditLog => ("audit_log", "", "at"),
            Purge::Sessions => ("sessions", "", "seen_at"),
            Purge::LoginNetworks => ("login_networks", "", "seen_at"),
            Purge::PasswordLinks => ("password_links", "", "expires_at"),
        };
        let rows = format!("select id from {table} where {due} {moment} < ?1 order by {moment} limit ?2");
        let plan = test.sql(&format!("explain query plan delete from {table} where id in ({rows})"));
        assert!(plan.contains(&format!("INDEX {index} ({moment}<?)")), "{kind:?}: {plan}");
        assert!(!plan.lines().any(|line| line.contains("SCAN") || line.contains("TEMP B-TREE")), "{kind:?}: {plan}");
    }
}

#[test]
fn rows_that_another_node_is_purging_are_skipped() {
    let test = TestStore::new(Kind::Postgres);
    fill(&test, 1000);
    let mut other = test.database.writer();
    other.run("select id from tokens where expires_at is not null order by expires_at, id limit 4 for update;");
    for kind in [Purge::ExpiredSeals, Purge::ExpiredTokens] {
        purge(&test, kind, NOW, 100);
    }
    assert_eq!(test.sql("select count(*) from tokens where expires_at is not null"), "4");
    other.run("commit;");
    assert_eq!(purge(&test, Purge::ExpiredTokens, NOW, 100), 4);
}

/// While an older transaction is open, purged rows are still in the index, and a batch should not read them again.
#[test]
fn a_batch_begins_after_the_rows_that_earlier_batches_have_purged() {
    let test = TestStore::new(Kind::Postgres);
    fill(&test, 20);
    let moment = |second: u64| NOW.before(DAY).after(Duration::from_secs(second));
    for second in 1..=20 {
        test.sql(&format!("update tokens set expires_at = '{}' where user_id = {second}", moment(second)));
    }
    let batch = |from, most| test.store.purge(Purge::ExpiredTokens, from, moment(16), most).unwrap();
    let first = batch(None, 5);
    assert_eq!(first, Purged { rows: 5, end: Some(moment(5)) });
    test.sql(&format!("update tokens set expires_at = '{}' where user_id = 20", moment(1)));
    let second = batch(first.end, 9);
    assert_eq!(second, Purged { rows: 9, end: Some(moment(14)) });
    let third = batch(second.end, 9);
    assert_eq!(third, Purged { rows: 1, end: Some(moment(15)) });
    assert_eq!(batch(third.end, 9), Purged { rows: 0, end: third.end });
    assert_eq!(batch(None, 9).rows, 1, "the next round begins with the oldest row");
}
