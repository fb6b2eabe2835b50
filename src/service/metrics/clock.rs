//! Metrics of the node's clock, and of rows that are not purged while it is wrong.

use std::time::Duration;

use prometheus::{Gauge, GaugeVec, IntCounter, Opts, Registry};

use crate::store::Purge;

/// Metrics of the node's clock, and of rows that are not purged while it is wrong.
pub struct ClockMetrics {
    pub difference: Gauge,
    pub jumps: IntCounter,
    overdue: GaugeVec,
}

impl ClockMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let difference = "How far this node's clock is ahead of the database's; NaN: not compared yet";
        let jumps = "How often this node's clock was set by more than two seconds";
        let overdue = "How long the oldest row that is due to be purged has been due; 0: there is none";
        let overdue = Opts::new("jeton_purge_overdue_seconds", overdue);
        let metrics = Self {
            difference: Gauge::new("jeton_clock_difference_seconds", difference).expect("a valid name"),
            jumps: IntCounter::new("jeton_clock_jumps_total", jumps).expect("a valid name"),
            overdue: GaugeVec::new(overdue, &["rows"]).expect("a valid name"),
        };
        metrics.difference.set(f64::NAN);
        for what in Purge::ALL {
            metrics.overdue(what, Duration::ZERO);
        }
        let all: [Box<dyn prometheus::core::Collector>; 3] =
            [Box::new(metrics.difference.clone()), Box::new(metrics.jumps.clone()), Box::new(metrics.overdue.clone())];
        for collector in all {
            registry.register(collector).expect("each name is registered once");
        }
        metrics
    }

    pub fn overdue(&self, what: Purge, span: Duration) {
        self.overdue.with_label_values(&[what.as_str()]).set(span.as_secs_f64());
    }
}
