//! Writing the usage of tokens: at most once a minute for each token, whichever node writes.

use std::time::Duration;

use jeton::domain::time::Timestamp;
use jeton::domain::token::UsedBy;
use jeton::store::{LockedRows, NewToken, TokenUse};

use super::{NOW, TestStore, after, by, named_token};
use crate::on_both;
use crate::support::app::Kind;

const MINUTE: Duration = Duration::from_mins(1);

/// A token that never expires, and one that expires in an hour.
fn two_tokens(test: &TestStore) -> [i64; 2] {
    let alice = test.user("alice");
    [None, Some(after(3600))].map(|expires_at| {
        let new = NewToken { expires_at, ..named_token("n") };
        test.store.create_token(&alice, &new, &by("alice"), NOW).unwrap().done().unwrap().id
    })
}

fn used(id: i64, last_used_at: Timestamp, expires_at: Option<Timestamp>) -> TokenUse {
    TokenUse { id, last_used_at, last_used_by: UsedBy::client("billing"), expires_at }
}

fn used_by(id: i64, last_used_at: Timestamp, client: &str, expires_at: Option<Timestamp>) -> TokenUse {
    TokenUse { last_used_by: UsedBy::client(client), ..used(id, last_used_at, expires_at) }
}

fn record(test: &TestStore, uses: &[TokenUse]) {
    for locked in [LockedRows::Skip, LockedRows::Wait] {
        assert!(test.store.record_usage(uses, MINUTE, locked).unwrap().is_empty());
    }
}

/// `last_used_at` and `expires_at` of both tokens, as they are stored.
fn stored(test: &TestStore) -> String {
    test.sql("select last_used_at, expires_at from tokens order by id").replace("+00", "")
}

on_both! {
    fn a_use_is_written_when_the_last_one_is_a_minute_old(db) {
        let test = TestStore::new(db);
        let [plain, _] = two_tokens(&test);
        let written = || stored(&test).lines().next().unwrap().to_owned();
        for (moment, expected) in [
            (NOW, "2025-06-15 15:06:40.123456|"),
            (NOW.after(MINUTE - Duration::from_micros(1)), "2025-06-15 15:06:40.123456|"),
            (NOW.after(MINUTE), "2025-06-15 15:07:40.123456|"),
            (NOW.before(MINUTE * 9), "2025-06-15 15:07:40.123456|"),
        ] {
            record(&test, &[used(plain, moment, None)]);
            assert_eq!(written(), expected, "{moment}");
        }
    }

    fn the_user_of_the_last_use_is_written_with_it(db) {
        let test = TestStore::new(db);
        let [plain, expiring] = two_tokens(&test);
        let written = |id| test.sql(&format!("select last_used_at, last_used_by from tokens where id = {id}")).replace("+00", "");
        for (moment, client, expected) in [
            (NOW, "billing", "2025-06-15 15:06:40.123456|billing"),
            (NOW.after(MINUTE - Duration::from_micros(1)), "reports", "2025-06-15 15:06:40.123456|billing"),
            (NOW.after(MINUTE), "reports", "2025-06-15 15:07:40.123456|reports"),
            (NOW, "late", "2025-06-15 15:07:40.123456|reports"),
        ] {
            record(&test, &[used_by(plain, moment, client, None)]);
            assert_eq!(written(plain), expected, "{moment}");
        }
        // A wrong clock has written a time far ahead.
        test.sql(&format!("update tokens set last_used_at = '2031-01-01 00:00:00', last_used_by = 'wrong' where id = {plain}"));
        record(&test, &[used_by(plain, after(200), "billing", None)]);
        assert_eq!(written(plain), "2025-06-15 15:10:00.123456|billing");

        record(&test, &[used_by(expiring, after(500), "billing", None)]);
        record(&test, &[used_by(expiring, after(100), "late", Some(after(7200)))]);
        assert_eq!(written(expiring), "2025-06-15 15:15:00.123456|billing", "only the expiry is extended");
    }

    fn an_existing_expiry_is_extended_at_once_and_never_shortened(db) {
        let test = TestStore::new(db);
        let [plain, expiring] = two_tokens(&test);
        record(&test, &[used(expiring, NOW, None)]);
        record(&test, &[used(plain, NOW, Some(after(7200))), used(expiring, after(1), Some(after(7200)))]);
        let rows = stored(&test);
        let (first, second) = rows.split_once('\n').unwrap();
        assert_eq!(first, "2025-06-15 15:06:40.123456|");
        assert!(second.ends_with("|2025-06-15 17:06:40.123456"), "{second}");
        record(&test, &[used(expiring, after(2), Some(after(3600)))]);
        assert_eq!(stored(&test), rows);
    }

    fn the_later_time_and_the_later_expiry_of_two_uses_are_stored(db) {
        let test = TestStore::new(db);
        let [_, expiring] = two_tokens(&test);
        let (early, late) = (after(100), after(500));
        let stored = |moment: &str, expiry: &str| {
            let row = test.sql(&format!("select last_used_at, expires_at from tokens where id = {expiring}"));
            assert_eq!(row.replace("+00", ""), format!("2025-06-15 {moment}.123456|2025-06-15 {expiry}.123456"));
        };
        record(&test, &[used(expiring, late, Some(after(4000)))]);
        stored("15:15:00", "16:13:20");
        record(&test, &[used(expiring, early, Some(after(7200)))]);
        stored("15:15:00", "17:06:40");
        record(&test, &[used(expiring, after(900), Some(after(5000)))]);
        stored("15:21:40", "17:06:40");
    }

    fn a_deleted_token_does_not_block_other_tokens(db) {
        let test = TestStore::new(db);
        let [plain, expiring] = two_tokens(&test);
        test.sql(&format!("delete from tokens where id = {expiring}"));
        record(&test, &[used(expiring, NOW, None), used(plain, NOW, None), used(4711, NOW, None)]);
        assert_eq!(stored(&test), "2025-06-15 15:06:40.123456|");
    }
}

#[test]
fn locked_rows_are_skipped_or_waited_for() {
    let test = TestStore::new(Kind::Postgres);
    let [locked, free] = two_tokens(&test);
    let mut session = test.database.writer();
    session.run(&format!("select 1 from tokens where id = {locked} for update;"));
    let uses = [used(locked, NOW, None), used(free, NOW, None)];
    assert_eq!(test.store.record_usage(&uses, MINUTE, LockedRows::Skip).unwrap(), [locked]);
    assert_eq!(test.sql("select id from tokens where last_used_at is not null"), free.to_string());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| test.store.record_usage(&uses, MINUTE, LockedRows::Wait).unwrap());
        test.database.wait_for_blocked(1);
        session.run("commit;");
        assert!(waiting.join().unwrap().is_empty());
    });
    assert_eq!(test.sql("select count(*) from tokens where last_used_at is not null"), "2");
}
