//! The change log: the rows that triggers write, and the changes that come after a cursor.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jeton::domain::change::Change;
use jeton::domain::time::Timestamp;
use jeton::store::{Cursor, Purge, Reading, Since};

use super::{NOW, SINGLE, TestStore};
use crate::on_both;
use crate::support::app::{Kind, TestDatabase};
use crate::support::session::Session;

/// Reads the changes after `cursor`, and moves the cursor behind them.
#[track_caller]
fn read(test: &TestStore, cursor: &mut Cursor) -> Since {
    let reading = test.store.changes(Some(cursor)).unwrap();
    *cursor = reading.cursor;
    reading.since
}

fn begin(test: &TestStore) -> Cursor {
    let Reading { cursor, since } = test.store.changes(None).unwrap();
    assert_eq!(since, Since::Unknown);
    cursor
}

const TOKEN: &str = "insert into tokens (id, user_id, digest, created_at) values";

/// A digest of 32 bytes, as SQL of this test's database.
fn digest(test: &TestStore, byte: &str) -> String {
    let hex = byte.repeat(32);
    if test.database.postgres.is_some() { format!("'\\x{hex}'") } else { format!("x'{hex}'") }
}

on_both! {
    fn each_change_is_logged_even_if_sql_makes_it(db) {
        let test = TestStore::new(db);
        test.user("amy");
        let id: i64 = test.sql("select id from users").parse().unwrap();
        test.sql("insert into groups (id, name) values (5, 'g')");
        let mut cursor = begin(&test);
        assert_eq!(read(&test, &mut cursor), Since::Changes(Vec::new()));
        let token = format!("{TOKEN} (7, {id}, {}, '2026-01-01 00:00:00')", digest(&test, "ab"));
        let created = Change::Created(0xabab_abab_abab_abab);
        let member = format!("user_groups (user_id, group_id) values ({id}, 5)");
        let secret = digest(&test, "cd").replace(&"cd".repeat(32), &"cd".repeat(64));
        for (statement, changes) in [
            (token.as_str(), vec![Change::Token(7), created.clone()]),
            ("update tokens set scope = 'a'", vec![Change::Token(7), created]),
            ("update tokens set last_used_at = '2026-01-01 00:00:00'", vec![]),
            ("delete from tokens", vec![Change::Token(7)]),
            (&format!("insert into {member}"), vec![Change::User(id)]),
            ("delete from user_groups", vec![Change::User(id)]),
            ("update users set email = 'a@example.com'", vec![Change::User(id)]),
            ("update users set last_login = '2026-01-01 00:00:00'", vec![]),
            ("update groups set name = 'h'", vec![Change::Everything]),
            (
                &format!("insert into clients (client_id, secret_digest, created_at) values ('c', {secret}, '2026-01-01')"),
                vec![Change::Client("c".into())],
            ),
            ("delete from clients", vec![Change::Client("c".into())]),
            ("delete from users", vec![Change::User(id)]),
        ] {
            test.sql(statement);
            assert_eq!(read(&test, &mut cursor), Since::Changes(changes), "{statement}");
        }
    }

    fn a_cursor_of_another_database_and_an_invalid_cursor_give_unknown(db) {
        let (test, other) = (TestStore::new(db), TestStore::new(db));
        let foreign = begin(&other);
        for text in [foreign.as_str(), "", "x", "1-2-3-4-5-6-7-8", "9223372036854775807-ab", &"9".repeat(70_000)] {
            let mut cursor = Cursor::presented(text);
            assert_eq!(read(&test, &mut cursor), Since::Unknown, "{text:.40}");
            assert_eq!(read(&test, &mut cursor), Since::Changes(Vec::new()));
        }
    }

    fn too_many_changes_for_a_list_give_unknown(db) {
        let test = TestStore::new(db);
        let mut cursor = begin(&test);
        let many = if db == Kind::Postgres {
            "insert into changes (xid, what, subject) select pg_current_xact_id(), 'user', n::text \
             from generate_series(1, 10001) n"
        } else {
            "with recursive c(n) as (select 1 union all select n + 1 from c where n < 10001) \
             insert into changes (what, subject) select 'user', n from c"
        };
        test.sql(many);
        assert_eq!(read(&test, &mut cursor), Since::Unknown);
        assert_eq!(read(&test, &mut cursor), Since::Changes(Vec::new()));
    }

    fn a_kind_of_change_that_only_a_newer_jeton_knows_concerns_everything(db) {
        let test = TestStore::new(db);
        let mut cursor = begin(&test);
        test.sql("insert into changes (what, subject) values ('realm', '7')");
        assert_eq!(read(&test, &mut cursor), Since::Changes(vec![Change::Everything]));
    }

    fn rows_are_kept_for_an_hour_and_older_cursors_give_unknown(db) {
        // The test has its own cluster, because transactions in other databases delay the purge of rows.
        let cluster = (db == Kind::Postgres).then(crate::support::postgres::private);
        let test = cluster.as_ref().map_or_else(|| TestStore::new(db), |cluster| TestStore::on(TestDatabase::of(cluster)));
        let at = |minutes: u64| NOW.after(Duration::from_secs(60 * minutes));
        let change = || test.sql("insert into changes (what, subject) values ('user', '7')");
        let rows = || test.sql("select count(*) from changes");
        let purge = |now: Timestamp| test.store.purge_changes(now, None, 1_000).unwrap().rows;
        let (mut old, mut young) = (begin(&test), begin(&test));
        change();
        assert_eq!(purge(at(0)), 0, "the first purge only sets a mark");
        change();
        assert_eq!(purge(at(59)), 0);
        let before: u32 = rows().parse().unwrap();
        young = read_to(&test, young);
        assert!(purge(at(61)) > 0);
        assert!(rows().parse::<u32>().unwrap() < before);
        change();
        assert_eq!(read(&test, &mut young), Since::Changes(vec![Change::User(7)]), "this cursor is younger than the mark");
        assert_eq!(read(&test, &mut old), Since::Unknown, "rows after this cursor are purged");
        assert_eq!(purge(at(62)), 0, "the next mark is young");
        assert!(purge(at(150)) > 0, "the next mark is old enough");
        assert!(rows().parse::<u32>().unwrap() > 0 || db == Kind::Postgres, "the newest row stays in SQLite");
    }
}

/// Moves a cursor behind all changes.
fn read_to(test: &TestStore, mut cursor: Cursor) -> Cursor {
    assert!(matches!(read(test, &mut cursor), Since::Changes(_)));
    cursor
}

/// A transaction begins before others and ends after them. Its row is read after its commit, and not missed.
#[test]
fn a_long_transaction_s_change_is_read_once_and_after_its_commit() {
    let test = TestStore::new(Kind::Postgres);
    let mut cursor = begin(&test);
    let row = |user: u32| format!("insert into changes (what, subject) values ('user', '{user}');");
    let mut long = Session::open(&test.database);
    long.run(&format!("begin; {}", row(1)));
    let mut undone = Session::open(&test.database);
    undone.run(&format!("begin; {}", row(2)));
    for user in 3..6 {
        test.sql(&row(user));
        assert_eq!(read(&test, &mut cursor), Since::Changes(vec![Change::User(user.into())]));
    }
    undone.run("rollback;");
    assert_eq!(read(&test, &mut cursor), Since::Changes(Vec::new()));
    long.run("commit;");
    assert_eq!(read(&test, &mut cursor), Since::Changes(vec![Change::User(1)]));
    assert_eq!(read(&test, &mut cursor), Since::Changes(Vec::new()));
}

/// More transactions run than a cursor for others lists. A node that reads again and again is told each change once: else it
/// would forget, with each reading, what it has looked up since.
#[test]
fn a_node_reads_a_change_once_while_hundreds_of_transactions_run() {
    let cluster = crate::support::postgres::private_with(&["max_prepared_transactions=250"]);
    let test = TestStore::on(TestDatabase::of(&cluster));
    for number in 0..230 {
        test.sql(&format!("begin; select pg_current_xact_id(); prepare transaction 'p{number}'"));
    }
    let mut reader = test.store.change_reader(Duration::from_secs(10)).unwrap();
    let mut cut = reader.read().unwrap().cursor;
    for user in 0..20 {
        test.sql(&format!("insert into changes (what, subject) values ('user', '{user}')"));
        assert_eq!(reader.read().unwrap().since, Since::Changes(vec![Change::User(user)]));
    }
    assert_eq!(reader.read().unwrap().since, Since::Changes(Vec::new()));
    // Whoever comes with a cursor from a URL is told more than once, and misses nothing.
    for _ in 0..2 {
        let Since::Changes(changes) = read(&test, &mut cut) else { panic!("a reset") };
        assert_eq!(changes.len(), 20);
    }
}

/// A restored dump has rows with transaction ids of the old server, which the new server has not reached yet.
#[test]
fn rows_with_transaction_ids_of_the_future_are_not_returned() {
    let test = TestStore::new(Kind::Postgres);
    test.sql("insert into changes (xid, what, subject) values ('9000000000', 'user', '7')");
    let mut cursor = begin(&test);
    assert_eq!(read(&test, &mut cursor), Since::Changes(Vec::new()));
}

/// Eight sessions commit and roll back at once while two readers read. No reader misses a change, or reads one twice or
/// one that was rolled back, and a reading has every change that was committed before it began.
#[test]
fn no_reader_misses_a_change_or_reads_it_twice() {
    const SESSIONS: u32 = 8;
    const EACH: u32 = 150;
    let test = TestStore::new(Kind::Postgres);
    let is_over = AtomicBool::new(false);
    let (test, is_over) = (&test, &is_over);
    std::thread::scope(|scope| {
        let start = begin(test);
        let readers = [start.clone(), start].map(|mut cursor| {
            scope.spawn(move || {
                let (mut received, mut before) = (Vec::new(), None);
                loop {
                    let (begun, ends) = (Instant::now(), is_over.load(Ordering::Acquire));
                    let Since::Changes(changes) = read(test, &mut cursor) else { panic!("the cursor gave unknown") };
                    // Each change comes with the beginning of the previous reading, which did not have it.
                    received.extend(changes.into_iter().map(|change| (change, before)));
                    if ends {
                        return received;
                    }
                    before = Some(begun);
                }
            })
        });
        let writers = (0..SESSIONS).map(|number| {
            scope.spawn(move || {
                let mut session = Session::open(&test.database);
                let mut committed = Vec::new();
                for round in 0..EACH {
                    let user = number * EACH + round;
                    session.run(&format!("begin; insert into changes (what, subject) values ('user', '{user}');"));
                    let end = if (user * 7).is_multiple_of(5) { "rollback;" } else { "commit;" };
                    session.run(end);
                    if end == "commit;" {
                        committed.push((i64::from(user), Instant::now()));
                    }
                }
                committed
            })
        });
        let writers: Vec<_> = writers.collect();
        let committed: Vec<(i64, Instant)> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        is_over.store(true, Ordering::Release);
        let wanted: BTreeSet<i64> = committed.iter().map(|(user, _)| *user).collect();
        for reader in readers {
            let received = reader.join().unwrap();
            let user = |change: &Change| match change {
                Change::User(id) => *id,
                other => panic!("{other:?}"),
            };
            let received: Vec<(i64, Option<Instant>)> =
                received.iter().map(|(change, before)| (user(change), *before)).collect();
            assert_eq!(received.len(), wanted.len(), "no change is read twice");
            assert_eq!(received.iter().map(|(user, _)| *user).collect::<BTreeSet<_>>(), wanted);
            for (user, before) in received {
                let end = committed.iter().find(|(one, _)| *one == user).unwrap().1;
                assert!(
                    before.is_none_or(|before| before <= end),
                    "user {user}: a reading that began after the commit"
                );
            }
        }
    });
}

/// A column, a value for it, and whether a change of it is logged.
type Column = (&'static str, &'static str, bool);

/// Every column of the tables from which answers are made.
const COLUMNS: [(&str, &[Column]); 2] = [
    (
        "users",
        &[
            ("id", "id", false),
            ("username", "'amy2'", true),
            ("password", "'x'", false),
            ("email", "'a@example.com'", true),
            ("external_id", "'e'", true),
            ("first_name", "'Amy'", false),
            ("last_name", "'Lee'", false),
            ("is_active", "not is_active", true),
            ("is_staff", "not is_staff", true),
            ("is_superuser", "not is_superuser", true),
            ("date_joined", "'2026-01-02 00:00:00'", false),
            ("last_login", "'2026-01-02 00:00:00'", false),
        ],
    ),
    (
        "tokens",
        &[
            ("id", "id + 1", true),
            ("user_id", "user_id", false),
            ("digest", "DIGEST", true),
            ("sealed", "digest", false),
            ("name", "'ci'", true),
            ("scope", "'a'", true),
            ("hint", "'abc'", false),
            ("created_at", "'2026-01-02 00:00:00'", true),
            ("expires_at", "'2036-01-02 00:00:00'", true),
            ("last_used_at", "'2026-01-02 00:00:00'", false),
            ("revoked_at", "'2026-01-02 00:00:00'", true),
            ("revoked_by", "'boss'", false),
            ("client", "null", false),
            ("own", "not own", false),
            ("grace_until", "'2026-01-02 00:00:00'", true),
            ("last_used_by", "'billing'", false),
        ],
    ),
];

on_both! {
    fn a_change_of_each_column_that_an_answer_shows_is_logged(db) {
        let test = TestStore::new(db);
        test.user("amy");
        test.sql(&format!("{TOKEN} (7, (select id from users), {}, '2026-01-01 00:00:00')", digest(&test, "ab")));
        for (table, columns) in COLUMNS {
            let names = if db == Kind::Postgres {
                format!("select attname from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped")
            } else {
                format!("select name from pragma_table_info('{table}')")
            };
            let mut found: Vec<String> = test.sql(&names).lines().map(ToOwned::to_owned).collect();
            let mut listed: Vec<String> = columns.iter().map(|(name, ..)| (*name).to_owned()).collect();
            found.sort_unstable();
            listed.sort_unstable();
            assert_eq!(found, listed, "a new column of {table}: does an answer show it?");
            for (column, value, is_logged) in columns {
                let mut cursor = begin(&test);
                test.sql(&format!("update {table} set {column} = {}", value.replace("DIGEST", &digest(&test, "ef"))));
                let Since::Changes(changes) = read(&test, &mut cursor) else { panic!("the cursor gave unknown") };
                assert_eq!(!changes.is_empty(), *is_logged, "{table}.{column}: {changes:?}");
            }
        }
    }
}

/// The previous row of the log is equal, but a cursor may be behind it already.
#[test]
fn each_change_of_groups_is_logged_in_sqlite_too() {
    let test = TestStore::new(Kind::Sqlite);
    let mut cursor = begin(&test);
    test.sql("insert into groups (id, name) values (5, 'a'), (6, 'b')");
    for statement in
        ["update groups set name = 'c' where id = 5", "update groups set name = 'd' where id = 5", "delete from groups"]
    {
        test.sql(statement);
        let since = read(&test, &mut cursor);
        let is_everything = since == Since::Unknown || since == Since::Changes(vec![Change::Everything]);
        assert!(is_everything, "{statement}: {since:?}");
    }
}

/// `insert or replace` deletes the old row without its delete trigger.
#[test]
fn replaced_rows_are_logged_in_sqlite() {
    let test = TestStore::new(Kind::Sqlite);
    let amy = test.user("amy");
    test.sql(&format!("{TOKEN} (7, {}, {}, '2026-01-01 00:00:00')", amy.id, digest(&test, "ab")));
    let secret = digest(&test, "cd").replace(&"cd".repeat(32), &"cd".repeat(64));
    let client = format!("clients (id, client_id, secret_digest, created_at) values (1, 'c', {secret}, '2026-01-01')");
    test.sql(&format!("insert into {client}"));
    for (statement, change) in [
        (
            "insert or replace into users (id, username, password, is_active, date_joined) \
             select id, username, password, 0, date_joined from users",
            Change::User(amy.id),
        ),
        (
            &format!(
                "{} (7, {}, {}, '2026-01-01 00:00:00')",
                TOKEN.replace("insert", "insert or replace"),
                amy.id,
                digest(&test, "ef")
            ),
            Change::Token(7),
        ),
        (&format!("insert or replace into {client}"), Change::Client("c".into())),
    ] {
        let mut cursor = begin(&test);
        test.sql(statement);
        let Since::Changes(changes) = read(&test, &mut cursor) else { panic!("{statement}") };
        assert!(changes.contains(&change), "{statement}: {changes:?}");
    }
}

#[test]
fn a_temporary_table_or_a_search_path_does_not_divert_the_rows() {
    let test = TestStore::new(Kind::Postgres);
    let amy = test.user("amy");
    for setting in
        ["create temp table changes (xid xid8, what text, subject text, digest_prefix bytea)", "set search_path = ''"]
    {
        let mut cursor = begin(&test);
        let mut session = Session::open(&test.database);
        session.run(&format!("{setting}; update public.users set is_active = not is_active;"));
        assert_eq!(read(&test, &mut cursor), Since::Changes(vec![Change::User(amy.id)]), "{setting}");
    }
}

/// A restored dump has the mark of another server, whose transaction ids may be far ahead.
#[test]
fn the_purge_mark_of_another_server_is_ignored() {
    let test = TestStore::new(Kind::Postgres);
    test.sql("insert into meta (key, value) values ('changes_purged_to', 'elsewhere 5000000'), ('changes_mark', 'elsewhere 5000000 1')");
    let mut cursor = begin(&test);
    assert_eq!(read(&test, &mut cursor), Since::Changes(Vec::new()));
    test.sql("insert into changes (what, subject) values ('user', '7')");
    assert_eq!(test.store.purge_changes(NOW, None, 1_000).unwrap().rows, 0, "a mark of this server comes first");
    assert_eq!(read(&test, &mut cursor), Since::Changes(vec![Change::User(7)]));
}

/// Rows that were deleted stay in the index as long as an older transaction is open. Whether they belong to many
/// transactions or to one, a batch does not read them again.
#[test]
fn a_purge_reads_each_row_once_beside_an_older_transaction() {
    const ROWS: u32 = 5_000;
    let cluster = crate::support::postgres::private();
    let TestStore { store, database } = TestStore::on(TestDatabase::of(&cluster));
    database.sql("delete from changes");
    store.purge_changes(NOW, None, 1).unwrap();
    database.sql(&format!(
        "insert into changes (xid, what, subject) select least(n / 10 + 3, 250)::text::xid8, 'user', n \
         from generate_series(1, {ROWS}) n; vacuum analyze changes; select pg_stat_reset()"
    ));
    let mut older = Session::open(&database);
    older.run("begin isolation level repeatable read; select 1;");
    let (mut rows, mut last) = (0, None);
    loop {
        let batch = store.purge_changes(NOW.after(Duration::from_hours(1)), last.as_ref(), 100).unwrap();
        rows += batch.rows;
        if batch.rows < 100 {
            break;
        }
        last = batch.last;
    }
    assert_eq!((rows, database.sql("select count(*) from changes").as_str()), (ROWS as usize, "0"));
    // Sessions report what they have read when they end.
    drop(store);
    let counted = "select n_tup_del from pg_stat_user_tables where relname = 'changes'";
    crate::support::eventually("statistics", Duration::from_secs(20), || {
        (database.sql(counted) == ROWS.to_string()).then_some(())
    });
    let read: u32 = database
        .sql("select idx_tup_read from pg_stat_user_indexes where indexrelname = 'changes_pkey'")
        .parse()
        .unwrap();
    assert!((ROWS..ROWS * 2).contains(&read), "{read} rows were read");
}

#[test]
fn an_emptied_table_and_a_restarted_server_give_unknown() {
    let cluster = crate::support::postgres::private();
    let test = TestStore::on(TestDatabase::of(&cluster));
    for what in ["truncate", "restart"] {
        let mut cursor = begin(&test);
        test.sql("insert into changes (what, subject) values ('user', '7')");
        if what == "truncate" {
            test.sql("truncate changes");
        } else {
            cluster.restart();
        }
        assert_eq!(read(&test, &mut cursor), Since::Unknown, "{what}");
    }
}

/// Turning the triggers off and on is a write in SQLite, which an idle server does not make.
#[test]
fn a_purge_without_due_rows_writes_nothing_in_sqlite() {
    let test = TestStore::new(Kind::Sqlite);
    test.issue(&test.user("amy"), SINGLE);
    let log = format!("{}-wal", test.database.url.strip_prefix("sqlite://").unwrap());
    let written = || std::fs::read(&log).unwrap_or_default();
    let before = written();
    for what in Purge::ALL {
        assert_eq!(test.store.purge(what, None, NOW, 100).unwrap().rows, 0, "{what:?}");
    }
    assert!(written() == before, "the write-ahead log has grown");
    test.sql("update tokens set revoked_at = '2020-01-01 00:00:00'");
    assert_eq!(test.store.purge(Purge::RevokedTokens, None, NOW, 100).unwrap().rows, 1);
}

/// What a publisher sends is applied row by row: no trigger of a statement fires, except that of truncate.
#[test]
fn what_logical_replication_applies_is_logged_on_the_replica() {
    let cluster = crate::support::postgres::private_with(&["wal_level=logical"]);
    let [from, to] = [(); 2].map(|()| TestStore::on(TestDatabase::of(&cluster)));
    let name = |test: &TestStore| test.database.url.rsplit_once('/').unwrap().1.to_owned();
    from.sql("create publication p for table users, groups, user_groups, tokens, clients");
    from.sql("select pg_create_logical_replication_slot('s', 'pgoutput')");
    to.sql(&format!(
        "create subscription s connection 'host={} port=5432 user=jeton dbname={}' publication p \
         with (create_slot = false, slot_name = 's', copy_data = false)",
        cluster.host().replace("%2F", "/"),
        name(&from)
    ));
    let amy = from.user("amy");
    let secret = digest(&from, "cd").replace(&"cd".repeat(32), &"cd".repeat(64));
    for (statement, applied, change) in [
        ("insert into groups (id, name) values (5, 'g')", "exists (select from groups)", None),
        (
            &format!("insert into user_groups (user_id, group_id) values ({}, 5)", amy.id),
            "exists (select from user_groups)",
            Some(Change::User(amy.id)),
        ),
        ("update groups set name = 'h'", "exists (select from groups where name = 'h')", Some(Change::Everything)),
        ("delete from groups", "not exists (select from groups)", Some(Change::Everything)),
        (
            &format!("{TOKEN} (7, {}, {}, '2026-01-01 00:00:00')", amy.id, digest(&from, "ab")),
            "exists (select from tokens)",
            Some(Change::Token(7)),
        ),
        (
            "update tokens set revoked_at = now()",
            "exists (select from tokens where revoked_at is not null)",
            Some(Change::Token(7)),
        ),
        ("truncate tokens", "not exists (select from tokens)", Some(Change::Everything)),
        (
            &format!("insert into clients (client_id, secret_digest, created_at) values ('c', {secret}, now())"),
            "exists (select from clients)",
            Some(Change::Client("c".into())),
        ),
        ("update users set is_active = false", "not (select is_active from users)", Some(Change::User(amy.id))),
    ] {
        let mut cursor = begin(&to);
        from.sql(statement);
        crate::support::eventually(statement, Duration::from_secs(20), || {
            (to.sql(&format!("select {applied}")) == "t").then_some(())
        });
        let Since::Changes(changes) = read(&to, &mut cursor) else { panic!("{statement}") };
        assert!(change.iter().all(|change| changes.contains(change)), "{statement}: {changes:?}");
    }
    // Or the databases could not be dropped.
    to.sql("alter subscription s disable; alter subscription s set (slot_name = none); drop subscription s");
}
