//! Metrics of tokens that need somebody's attention.

use prometheus::{GaugeVec, Opts, Registry};

use crate::domain::token::TokenKind;
use crate::store::{ExpiringAndUnused, KindCounts};

/// Live tokens by their kind: those that end soon, and those that nobody uses.
pub struct TokenMetrics {
    expiring: GaugeVec,
    unused: GaugeVec,
}

impl TokenMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauge = |name, help| GaugeVec::new(Opts::new(name, help), &["kind"]).expect("a valid name");
        let metrics = Self {
            expiring: gauge("jeton_tokens_expiring", "Live tokens that end within 7 days; NaN: not counted yet"),
            unused: gauge("jeton_tokens_unused", "Live tokens that nobody has used for 90 days; NaN: not counted yet"),
        };
        for gauge in [&metrics.expiring, &metrics.unused] {
            for kind in [TokenKind::Login, TokenKind::Named] {
                gauge.with_label_values(&[kind.as_str()]).set(f64::NAN);
            }
            registry.register(Box::new(gauge.clone())).expect("each name is registered once");
        }
        metrics
    }

    /// Sets all of them.
    pub fn counted(&self, counted: &ExpiringAndUnused) {
        let set = |gauge: &GaugeVec, counts: KindCounts| {
            for (kind, count) in [(TokenKind::Login, counts.login), (TokenKind::Named, counts.named)] {
                #[expect(clippy::cast_precision_loss, reason = "nobody has so many tokens")]
                gauge.with_label_values(&[kind.as_str()]).set(count as f64);
            }
        };
        set(&self.expiring, counted.expiring);
        set(&self.unused, counted.unused);
    }
}
