//! Nothing is deleted by a clock that may be wrong.

use std::sync::Arc;
use std::time::Duration;

use jeton::domain::time::{Clock, Timestamp};
use jeton::server::{Schema, open_service};
use jeton::service::{Batches, PurgeRound, Service};
use jeton::store::Purge;

use crate::on_both;
use crate::support::app::{App, Kind, TestDatabase};
use crate::support::http::Request;

const DAYS: i64 = 40 * 24 * 3600;
const HOUR: Duration = Duration::from_hours(1);

/// A node that does nothing of its own accord, its clock, and its database, where entries of the audit log are, one of
/// them from long ago.
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

    /// A purge of the audit log, and what is left of it.
    fn purged(&self) -> String {
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
    fn a_clock_that_is_set_purges_nothing_for_an_hour(db) {
        for seconds in [DAYS, -DAYS, 3, -3] {
            let node = Node::new(db);
            assert_eq!(node.clock_state(), "ok");
            node.clock.set_ahead(seconds);
            assert_eq!(node.purged(), "young old", "{seconds}");
            // And back within two seconds.
            node.clock.advance(Duration::from_secs(2));
            node.clock.set_ahead(0);
            assert_eq!(node.purged(), "young old", "{seconds}");
            let direction = if seconds > 0 { "back" } else { "forward" };
            assert_eq!(node.clock_state(), format!("set {direction} by {}.0 s", seconds.abs()));
            assert_eq!(node.metric("jeton_clock_jumps_total"), "2");
            assert_eq!(node.overdue(), format!("{}", 6 * 24 * 3600 + 2));
            node.clock.advance(HOUR);
            assert_eq!((node.clock_state().as_str(), node.purged().as_str()), ("ok", "young"), "{seconds}");
            assert_eq!(node.overdue(), "0");
        }
    }

    fn a_second_or_two_are_nothing(db) {
        let node = Node::new(db);
        for seconds in [2, 0, -2] {
            node.clock.set_ahead(seconds);
            assert_eq!(node.clock_state(), "ok", "{seconds}");
        }
        assert_eq!((node.purged().as_str(), node.metric("jeton_clock_jumps_total").as_str()), ("young", "0"));
    }

    fn readiness_names_the_clock_and_goes_on(db) {
        let app = App::start(db);
        let clock = || {
            let answer = app.send(Request::new("GET", "/readyz"));
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()["clock"].clone()
        };
        assert_eq!(clock(), "ok");
        app.clock.set_ahead(DAYS);
        let told = clock();
        let told = told.as_str().unwrap();
        // Where the database has a clock of its own, that may have been asked already.
        assert!(["set forward by 3456000.0 s", "3456000.0 s ahead of the database's"].contains(&told), "{told}");
        app.clock.advance(HOUR);
        app.clock.set_ahead(DAYS + 2);
        let expected = if db == Kind::Postgres { "3456002.0 s ahead of the database's" } else { "ok" };
        crate::support::eventually("a look", Duration::from_secs(20), || (clock() == expected).then_some(()));
    }
}

#[test]
fn a_clock_that_differs_from_the_database_s_purges_nothing_until_it_is_right() {
    for seconds in [DAYS, -DAYS, 3, -3] {
        let node = Node::new(Kind::Postgres);
        let other = Node::on(node.database.clone(), node.clock.another());
        other.clock.set_ahead(seconds);
        // From its start on, so that there is nothing to see in its uptime.
        let other = Node::on(other.database, other.clock);
        for _ in 0..3 {
            assert_eq!(other.purged(), "young old", "{seconds}");
            other.clock.advance(HOUR * 24);
        }
        assert_eq!(other.metric("jeton_clock_difference_seconds"), seconds.to_string());
        let state = if seconds > 0 { "ahead of" } else { "behind" };
        assert_eq!(other.clock_state(), format!("{}.0 s {state} the database's", seconds.abs()));
        assert_eq!(node.purged(), "young", "{seconds}: a node that is right goes on");
    }
}

/// SQLite has no clock of its own, only the time that a node has believed before.
#[test]
fn a_start_long_after_the_time_that_was_last_believed_purges_nothing_for_an_hour() {
    let node = Node::new(Kind::Sqlite);
    let database = node.database.clone();
    let late = || {
        let clock = node.clock.another();
        clock.set_ahead(DAYS);
        Node::on(database.clone(), clock)
    };
    // An older jeton has noted nothing, but its audit log tells.
    for believed in [false, true] {
        if believed {
            let again = Node::on(database.clone(), node.clock.clone());
            assert_eq!((again.purged().as_str(), again.clock_state().as_str()), ("young", "ok"));
            database.sql(
                "insert into audit_log (at, actor, action, target) values ('2025-05-10 00:00:00', 'x', 'x', 'old')",
            );
        }
        // What it writes itself, and another start, prove nothing.
        for _ in 0..2 {
            let late = late();
            let before = late.purged();
            assert!(before.contains("young") && before.contains("old"), "{believed}: {before}");
            let after = if believed { "40.0 days" } else { "40.6 days" };
            assert_eq!(late.clock_state(), format!("{after} after it was last trusted"));
            late.database.sql(
                "insert into audit_log (at, actor, action, target) values ('2025-07-25 00:00:00', 'x', 'x', 'late')",
            );
        }
        if !believed {
            database.sql("delete from audit_log where target = 'late'");
        }
    }
    let late = late();
    late.purged();
    late.clock.advance(HOUR);
    assert_eq!(
        (late.purged().as_str(), late.clock_state().as_str()),
        ("late late", "ok"),
        "a service that was stopped"
    );
    let again = Node::on(database.clone(), late.clock.clone());
    again.purged();
    assert_eq!(again.clock_state(), "ok", "what was believed is kept");
    // Who is behind it has time to spare.
    assert_eq!((node.purged().as_str(), node.clock_state().as_str()), ("late late", "ok"));
}

/// By the real clocks: of this machine, and of the server that runs on it.
#[test]
fn the_database_s_clock_is_read() {
    let node = Node::on(Arc::new(TestDatabase::new(Kind::Postgres)), Clock::System);
    assert_eq!(node.metric("jeton_clock_difference_seconds"), "NaN");
    node.purged();
    let difference: f64 = node.metric("jeton_clock_difference_seconds").parse().unwrap();
    assert!(difference.abs() < 1.0 && node.clock_state() == "ok", "{difference}");
}
