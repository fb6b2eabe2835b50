//! Uses of tokens as they are written: once a minute a token, whoever writes.

use std::time::Duration;

use jeton::domain::time::Timestamp;
use jeton::store::{LockedRows, NewToken, TokenUse};

use super::{Kept, NOW, after, by, named_token};
use crate::on_both;
use crate::support::app::Kind;

const MINUTE: Duration = Duration::from_mins(1);

/// A token that never expires, and one that does in an hour.
fn two_tokens(kept: &Kept) -> [i64; 2] {
    let alice = kept.user("alice");
    [None, Some(after(3600))].map(|expires_at| {
        let new = NewToken { expires_at, ..named_token("n") };
        kept.store.create_token(&alice, &new, &by("alice"), NOW).unwrap().done().unwrap().id
    })
}

fn used(id: i64, last_used_at: Timestamp, expires_at: Option<Timestamp>) -> TokenUse {
    TokenUse { id, last_used_at, expires_at }
}

fn record(kept: &Kept, uses: &[TokenUse]) {
    for locked in [LockedRows::Skip, LockedRows::Wait] {
        assert!(kept.store.record_usage(uses, MINUTE, locked).unwrap().is_empty());
    }
}

/// What is kept of both tokens: `last_used_at`, `expires_at`.
fn stored(kept: &Kept) -> String {
    kept.sql("select last_used_at, expires_at from tokens order by id").replace("+00", "")
}

on_both! {
    fn a_use_is_written_when_the_last_one_is_a_minute_old(db) {
        let kept = Kept::new(db);
        let [plain, _] = two_tokens(&kept);
        let written = || stored(&kept).lines().next().unwrap().to_owned();
        for (moment, expected) in [
            (NOW, "2025-06-15 15:06:40.123456|"),
            (NOW.after(MINUTE - Duration::from_micros(1)), "2025-06-15 15:06:40.123456|"),
            (NOW.after(MINUTE), "2025-06-15 15:07:40.123456|"),
            (NOW.before(MINUTE * 9), "2025-06-15 15:07:40.123456|"),
        ] {
            record(&kept, &[used(plain, moment, None)]);
            assert_eq!(written(), expected, "{moment}");
        }
    }

    fn an_expiry_is_moved_at_once_and_only_ahead_and_only_where_there_is_one(db) {
        let kept = Kept::new(db);
        let [plain, ending] = two_tokens(&kept);
        record(&kept, &[used(ending, NOW, None)]);
        record(&kept, &[used(plain, NOW, Some(after(7200))), used(ending, after(1), Some(after(7200)))]);
        let rows = stored(&kept);
        let (first, second) = rows.split_once('\n').unwrap();
        assert_eq!(first, "2025-06-15 15:06:40.123456|");
        assert!(second.ends_with("|2025-06-15 17:06:40.123456"), "{second}");
        record(&kept, &[used(ending, after(2), Some(after(3600)))]);
        assert_eq!(stored(&kept), rows);
    }

    fn of_two_uses_the_later_moment_and_the_later_expiry_stand(db) {
        let kept = Kept::new(db);
        let [_, ending] = two_tokens(&kept);
        let (early, late) = (after(100), after(500));
        let stored = |moment: &str, expiry: &str| {
            let row = kept.sql(&format!("select last_used_at, expires_at from tokens where id = {ending}"));
            assert_eq!(row.replace("+00", ""), format!("2025-06-15 {moment}.123456|2025-06-15 {expiry}.123456"));
        };
        record(&kept, &[used(ending, late, Some(after(4000)))]);
        stored("15:15:00", "16:13:20");
        record(&kept, &[used(ending, early, Some(after(7200)))]);
        stored("15:15:00", "17:06:40");
        record(&kept, &[used(ending, after(900), Some(after(5000)))]);
        stored("15:21:40", "17:06:40");
    }

    fn a_token_that_is_gone_is_no_reason_to_wait(db) {
        let kept = Kept::new(db);
        let [plain, ending] = two_tokens(&kept);
        kept.sql(&format!("delete from tokens where id = {ending}"));
        record(&kept, &[used(ending, NOW, None), used(plain, NOW, None), used(4711, NOW, None)]);
        assert_eq!(stored(&kept), "2025-06-15 15:06:40.123456|");
    }
}

#[test]
fn rows_that_somebody_holds_are_passed_over_or_waited_for() {
    let kept = Kept::new(Kind::Postgres);
    let [held, free] = two_tokens(&kept);
    let mut session = kept.database.writer();
    session.run(&format!("select 1 from tokens where id = {held} for update;"));
    let uses = [used(held, NOW, None), used(free, NOW, None)];
    assert_eq!(kept.store.record_usage(&uses, MINUTE, LockedRows::Skip).unwrap(), [held]);
    assert_eq!(kept.sql("select id from tokens where last_used_at is not null"), free.to_string());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| kept.store.record_usage(&uses, MINUTE, LockedRows::Wait).unwrap());
        kept.database.wait_for_blocked(1);
        session.run("commit;");
        assert!(waiting.join().unwrap().is_empty());
    });
    assert_eq!(kept.sql("select count(*) from tokens where last_used_at is not null"), "2");
}
