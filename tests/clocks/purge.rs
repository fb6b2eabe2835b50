//! A node whose clock may be wrong deletes nothing.

use std::sync::Arc;
use std::time::Duration;

use jeton::domain::time::{Clock, Timestamp};
use jeton::server::{Schema, open_service};
use jeton::service::{Batches, PurgeRound, Service};
use jeton::store::Purge;

use crate::on_both;
use crate::support::app::{App, Kind, TestDatabase};
use crate::support::http::Request;

const FORTY_DAYS: i64 = 40 * 24 * 3600; // in seconds
const HOUR: Duration = Duration::from_hours(1);

/// A node without background work, its clock, and its database, which has two entries in the audit log, one of them old.
struct Node {
    service: Service,
    clock: Clock,
    database: Arc<TestDatabase>,
}

impl Node {
    fn new(kind: Kind) -> Self {
        let (database, clock) =
            (Arc::new(TestDatabase::new(kind)), Clock::fixed(Timestamp::from_micros(1_750_000_000_123_456)));
        let node = Self::on(database, clock);
        node.database
            .sql("insert into audit_log (at, actor, action, target) values ('2025-06-15 00:00:00', 'x', 'x', 'young')");
        node.database.sql(
            "insert into audit_log (at, actor, action, target) values ('2025-05-10 15:06:40.123456', 'x', 'x', 'old')",
        );
        node
    }

    fn on(database: Arc<TestDatabase>, clock: Clock) -> Self {
        let service = open_service(&database.config(&[]), clock.clone(), Schema::Migrate).unwrap();
        Self { service, clock, database }
    }

    /// Purges the audit log, and returns the targets that are left.
    fn left_after_purge(&self) -> String {
        actix_rt::System::new().block_on(async {
            let mut round = PurgeRound::of(Purge::AuditLog);
            while self.service.node.purge(&mut round).await.unwrap() == Batches::More {}
            self.service.node.note_time().await.unwrap();
        });
        self.database.sql("select target from audit_log order by id").replace('\n', " ")
    }

    fn metric(&self, name: &str) -> String {
        let text = actix_rt::System::new().block_on(async { self.service.metrics_text() });
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect("it is there").to_owned()
    }

    fn overdue(&self) -> String {
        self.metric("jeton_purge_overdue_seconds{rows=\"audit_log\"}")
    }

    fn clock_state(&self) -> String {
        self.service.node.clock_state().to_string()
    }
}

on_both! {
    fn nothing_is_purged_for_an_hour_after_the_clock_was_set(db) {
        for seconds in [FORTY_DAYS, -FORTY_DAYS, 3, -3] {
            let node = Node::new(db);
            assert_eq!(node.clock_state(), "ok");
            node.clock.set_ahead(seconds);
            assert_eq!(node.left_after_purge(), "young old", "{seconds}");
            // The clock is set back within two seconds.
            node.clock.advance(Duration::from_secs(2));
            node.clock.set_ahead(0);
            assert_eq!(node.left_after_purge(), "young old", "{seconds}");
            let direction = if seconds > 0 { "back" } else { "forward" };
            assert_eq!(node.clock_state(), format!("set {direction} by {}.0 s", seconds.abs()));
            assert_eq!(node.metric("jeton_clock_jumps_total"), "2");
            assert_eq!(node.overdue(), format!("{}", 6 * 24 * 3600 + 2));
            node.clock.advance(HOUR);
            assert_eq!((node.clock_state().as_str(), node.left_after_purge().as_str()), ("ok", "young"), "{seconds}");
            assert_eq!(node.overdue(), "0");
        }
    }

    fn two_seconds_do_not_count_as_a_wrong_clock(db) {
        let node = Node::new(db);
        for seconds in [2, 0, -2] {
            node.clock.set_ahead(seconds);
            assert_eq!(node.clock_state(), "ok", "{seconds}");
        }
        assert_eq!((node.left_after_purge().as_str(), node.metric("jeton_clock_jumps_total").as_str()), ("young", "0"));
    }

    fn readyz_reports_a_wrong_clock_and_stays_200(db) {
        let app = App::start(db);
        let clock = || {
            let answer = app.send(Request::new("GET", "/readyz"));
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()["clock"].clone()
        };
        assert_eq!(clock(), "ok");
        app.clock.set_ahead(FORTY_DAYS);
        let state = clock();
        let state = state.as_str().unwrap();
        // PostgreSQL's clock may have been compared already.
        assert!(["set forward by 3456000.0 s", "3456000.0 s ahead of the database's"].contains(&state), "{state}");
        app.clock.advance(HOUR);
        app.clock.set_ahead(FORTY_DAYS + 2);
        let expected = if db == Kind::Postgres { "3456002.0 s ahead of the database's" } else { "ok" };
        crate::support::eventually("a comparison of the clocks", Duration::from_secs(20), || (clock() == expected).then_some(()));
    }
}

#[test]
fn a_node_whose_clock_differs_from_the_databases_purges_nothing() {
    for seconds in [FORTY_DAYS, -FORTY_DAYS, 3, -3] {
        let node = Node::new(Kind::Postgres);
        let other = Node::on(node.database.clone(), node.clock.another());
        other.clock.set_ahead(seconds);
        // The clock is wrong from this node's start on, so the node sees no jump.
        let other = Node::on(other.database, other.clock);
        for _ in 0..3 {
            assert_eq!(other.left_after_purge(), "young old", "{seconds}");
            other.clock.advance(HOUR * 24);
        }
        assert_eq!(other.metric("jeton_clock_difference_seconds"), seconds.to_string());
        let state = if seconds > 0 { "ahead of" } else { "behind" };
        assert_eq!(other.clock_state(), format!("{}.0 s {state} the database's", seconds.abs()));
        assert_eq!(node.left_after_purge(), "young", "{seconds}: a node with the right clock purges");
    }
}

/// SQLite has no clock of its own. A start is compared with the last time that a node has trusted.
#[test]
fn a_start_long_after_the_last_trusted_time_purges_nothing_for_an_hour() {
    let node = Node::new(Kind::Sqlite);
    let database = node.database.clone();
    let late = || {
        let clock = node.clock.another();
        clock.set_ahead(FORTY_DAYS);
        Node::on(database.clone(), clock)
    };
    // An older jeton has stored no trusted time. Its newest audit entry serves as one.
    for trusted in [false, true] {
        if trusted {
            let again = Node::on(database.clone(), node.clock.clone());
            assert_eq!((again.left_after_purge().as_str(), again.clock_state().as_str()), ("young", "ok"));
            database.sql(
                "insert into audit_log (at, actor, action, target) values ('2025-05-10 00:00:00', 'x', 'x', 'old')",
            );
        }
        // A time does not become trusted by the node's own audit entries, or by another start.
        for _ in 0..2 {
            let late = late();
            let before = late.left_after_purge();
            assert!(before.contains("young") && before.contains("old"), "{trusted}: {before}");
            let after = if trusted { "40.0 days" } else { "40.6 days" };
            assert_eq!(late.clock_state(), format!("{after} after it was last trusted"));
            late.database.sql(
                "insert into audit_log (at, actor, action, target) values ('2025-07-25 00:00:00', 'x', 'x', 'late')",
            );
        }
        if !trusted {
            database.sql("delete from audit_log where target = 'late'");
        }
    }
    let late = late();
    late.left_after_purge();
    late.clock.advance(HOUR);
    assert_eq!(
        (late.left_after_purge().as_str(), late.clock_state().as_str()),
        ("late late", "ok"),
        "after an hour the time is trusted: the service was stopped for long"
    );
    let again = Node::on(database.clone(), late.clock.clone());
    again.left_after_purge();
    assert_eq!(again.clock_state(), "ok", "the trusted time is stored");
    // A node whose time is before the trusted time is not affected.
    assert_eq!((node.left_after_purge().as_str(), node.clock_state().as_str()), ("late late", "ok"));
}

/// This test uses the real clocks of the machine and of its PostgreSQL.
#[test]
fn the_database_s_clock_is_read() {
    let node = Node::on(Arc::new(TestDatabase::new(Kind::Postgres)), Clock::System);
    assert_eq!(node.metric("jeton_clock_difference_seconds"), "NaN");
    node.left_after_purge();
    let difference: f64 = node.metric("jeton_clock_difference_seconds").parse().unwrap();
    assert!(difference.abs() < 1.0 && node.clock_state() == "ok", "{difference}");
}
