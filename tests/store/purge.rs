//! What is purged, and by which way it is found: a purge that walked the table would be felt by everybody.

use std::time::Duration;

use jeton::domain::time::Timestamp;
use jeton::store::{Purge, Purged};

use super::{Kept, NOW, after, open};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::postgres;

const DAY: Duration = Duration::from_hours(24);

/// Each kind, and the index that leads to it.
const INDEXES: [(Purge, &str); 6] = [
    (Purge::ExpiredSeals, "tokens_sealed_expires_at"),
    (Purge::RevokedTokens, "tokens_revoked_at"),
    (Purge::ExpiredTokens, "tokens_expires_at"),
    (Purge::AuditLog, "audit_log_at"),
    (Purge::Sessions, "sessions_seen_at"),
    (Purge::LoginNetworks, "login_networks_seen_at"),
];

/// Puts many rows into the tables: of a thousand tokens one is revoked, one is expired with its seal, ten without.
fn fill(kept: &Kept, tokens: u32) {
    let now = "'2025-06-15 12:00:00'";
    let (numbers, digest, seal, past) = if kept.database.postgres.is_some() {
        let digest = "decode(lpad(to_hex(n), 64, '0'), 'hex')";
        (format!("generate_series(1, {tokens}) as n"), digest, "'\\x01'::bytea", "timestamptz '2025-01-01 00:00:00'")
    } else {
        let numbers = "with recursive s(n) as (select 1 union all select n + 1 from s where n <";
        (format!("({numbers} {tokens}) select n from s)"), "randomblob(32)", "x'01'", "'2025-01-01 00:00:00'")
    };
    for text in [
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
        "analyze".into(),
    ] {
        kept.sql(&text);
    }
}

fn purge(kept: &Kept, what: Purge, before: Timestamp, most: u32) -> usize {
    kept.store.purge(what, None, before, most).unwrap().rows
}

fn counts(kept: &Kept) -> [usize; 3] {
    ["tokens", "tokens where sealed is not null", "audit_log"]
        .map(|rows| kept.sql(&format!("select count(*) from {rows}")).parse().unwrap())
}

on_both! {
    fn the_oldest_go_first(db) {
        let kept = Kept::new(db);
        fill(&kept, 20);
        for second in 1..=20 {
            let moment = NOW.before(DAY).after(Duration::from_secs(100 - second)).naive();
            kept.sql(&format!("update tokens set expires_at = '{moment}' where user_id = {second}"));
        }
        assert_eq!(purge(&kept, Purge::ExpiredTokens, NOW, 15), 15);
        assert_eq!(kept.sql("select user_id from tokens order by user_id").replace('\n', " "), "1 2 3 4 5");
    }

    fn each_kind_goes_alone_and_no_more_of_it_than_is_asked_for(db) {
        let kept = Kept::new(db);
        fill(&kept, 2000);
        let [tokens, sealed, entries] = counts(&kept);
        assert_eq!([tokens, sealed, entries], [2000, 2, 2001]);
        assert_eq!(purge(&kept, Purge::ExpiredSeals, NOW, 1), 1);
        assert_eq!(counts(&kept), [tokens, 1, entries]);
        assert_eq!(purge(&kept, Purge::ExpiredSeals, NOW, 10), 1);
        assert_eq!(purge(&kept, Purge::ExpiredSeals, NOW, 10), 0, "the other expired ones have none");
        assert_eq!(purge(&kept, Purge::RevokedTokens, NOW, 10), 2);
        assert_eq!(counts(&kept), [tokens - 2, 0, entries]);
        assert_eq!(purge(&kept, Purge::ExpiredTokens, NOW, 15), 15);
        assert_eq!(purge(&kept, Purge::ExpiredTokens, NOW, 15), 7);
        assert_eq!(counts(&kept), [tokens - 24, 0, entries]);
        assert_eq!(purge(&kept, Purge::AuditLog, NOW.before(DAY), 10), 1);
        assert_eq!(purge(&kept, Purge::AuditLog, after(1), 7), 7);
        assert_eq!(counts(&kept), [tokens - 24, 0, entries - 8]);
    }
}

#[test]
fn postgres_finds_each_by_its_index() {
    let cluster = postgres::private();
    let database = TestDatabase::of(&cluster);
    let kept = Kept { store: open(&database), database };
    kept.store.migrate().unwrap();
    fill(&kept, 5000);
    for setting in ["session_preload_libraries = ''auto_explain''", "auto_explain.log_min_duration = 0"] {
        let alter = format!("execute format('alter database %I set {setting}', current_database())");
        kept.sql(&format!("do $$ begin {alter}; end $$"));
    }
    let kept = Kept { store: open(&kept.database), database: kept.database };
    for (what, index) in INDEXES {
        let before = cluster.log_text().len();
        assert!(purge(&kept, what, NOW.before(DAY), 10) > 0, "{what:?}");
        let plan = cluster.log_text()[before..].to_owned();
        assert!(plan.contains(&format!("Index Scan using {index}")), "{what:?}: {plan}");
        assert!(!plan.contains("Seq Scan"), "{what:?}: {plan}");
    }
}

#[test]
fn sqlite_finds_each_by_its_index() {
    let kept = Kept::new(Kind::Sqlite);
    fill(&kept, 5000);
    for (what, index) in INDEXES {
        let (table, due, moment) = match what {
            Purge::ExpiredSeals => ("tokens", "sealed is not null and", "expires_at"),
            Purge::RevokedTokens => ("tokens", "", "revoked_at"),
            Purge::ExpiredTokens => ("tokens", "", "expires_at"),
            Purge::AuditLog => ("audit_log", "", "at"),
            Purge::Sessions => ("sessions", "", "seen_at"),
            Purge::LoginNetworks => ("login_networks", "", "seen_at"),
        };
        let rows = format!("select id from {table} where {due} {moment} < ?1 order by {moment} limit ?2");
        let plan = kept.sql(&format!("explain query plan delete from {table} where id in ({rows})"));
        assert!(plan.contains(&format!("INDEX {index} ({moment}<?)")), "{what:?}: {plan}");
        assert!(!plan.lines().any(|line| line.contains("SCAN") || line.contains("TEMP B-TREE")), "{what:?}: {plan}");
    }
}

#[test]
fn what_another_node_purges_at_the_moment_is_left_to_it() {
    let kept = Kept::new(Kind::Postgres);
    fill(&kept, 1000);
    let mut other = kept.database.writer();
    other.run("select id from tokens where expires_at is not null order by expires_at, id limit 4 for update;");
    for what in [Purge::ExpiredSeals, Purge::ExpiredTokens] {
        purge(&kept, what, NOW, 100);
    }
    assert_eq!(kept.sql("select count(*) from tokens where expires_at is not null"), "4");
    other.run("commit;");
    assert_eq!(purge(&kept, Purge::ExpiredTokens, NOW, 100), 4);
}

/// While somebody's transaction is older than a batch, its rows stand in the index as if they were there.
#[test]
fn a_batch_does_not_pass_by_what_others_have_purged() {
    let kept = Kept::new(Kind::Postgres);
    fill(&kept, 20);
    let moment = |second: u64| NOW.before(DAY).after(Duration::from_secs(second));
    for second in 1..=20 {
        kept.sql(&format!("update tokens set expires_at = '{}' where user_id = {second}", moment(second)));
    }
    let batch = |from, most| kept.store.purge(Purge::ExpiredTokens, from, moment(16), most).unwrap();
    let first = batch(None, 5);
    assert_eq!(first, Purged { rows: 5, end: Some(moment(5)) });
    kept.sql(&format!("update tokens set expires_at = '{}' where user_id = 20", moment(1)));
    let second = batch(first.end, 9);
    assert_eq!(second, Purged { rows: 9, end: Some(moment(14)) });
    let third = batch(second.end, 9);
    assert_eq!(third, Purged { rows: 1, end: Some(moment(15)) });
    assert_eq!(batch(third.end, 9), Purged { rows: 0, end: third.end });
    assert_eq!(batch(None, 9).rows, 1, "the next round begins at the beginning");
}
