//! An edge: a jeton without a database, which asks another one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::cache::Cache;
use super::policy::Policy;
use crate::domain::client::ClientSecret;
use crate::domain::time::Uptime;
use crate::store::StoreError;
use crate::upstream::Upstream;

/// This edge: its readiness and its upstream.
pub struct Edge {
    pub(super) upstream: Upstream,
    pub(super) policy: Arc<Policy>,
    pub(super) cache: Arc<Cache>,
    pub(super) stopping: AtomicBool,
    /// The readiness that was last logged.
    pub(super) logged: Mutex<Option<bool>>,
}

/// Whether this edge can answer introspection, and the state of each part that it needs.
#[derive(Debug, Serialize)]
pub struct EdgeReadiness {
    /// `ok`, or `unavailable`.
    pub status: &'static str,
    /// Why the edge is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
    /// `ok`, or `down`: no upstream answers, or it refuses this edge's credentials.
    pub upstream: &'static str,
    /// Whether `synced_at` is younger than the bound, so that cached answers may be served: `ok`, `stale`, `none` or
    /// `off`, as at a node.
    pub proof: &'static str,
}

impl EdgeReadiness {
    /// Whether the edge is ready.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.detail.is_none()
    }

    /// Whether the edge is ready, and whether each part works.
    pub(super) fn parts(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("node", self.is_ready()),
            ("upstream", self.upstream == "ok"),
            ("proof", matches!(self.proof, "ok" | "off")),
        ]
    }
}

impl Edge {
    /// Whether this edge can answer introspection: its upstream does, or its memory may.
    pub fn ready(&self) -> EdgeReadiness {
        let readiness = self.known_readiness();
        self.log_change(&readiness);
        readiness
    }

    pub(super) fn known_readiness(&self) -> EdgeReadiness {
        let age = self.cache.sync_age(Uptime::now());
        let proof = self.policy.proof(self.cache.is_on(), age);
        let down = self.upstream.check().err();
        // Before the first answer nothing is known of the upstream.
        let is_up = down.is_none() && self.upstream.has_answered();
        let detail = if self.stopping.load(Ordering::Acquire) {
            Some("This edge is stopping.")
        } else if !is_up && !matches!(proof, "ok" | "stale") {
            Some(match down {
                Some(StoreError::UpstreamRefuses) => "The upstream refuses the credentials of this edge.",
                _ => "The upstream does not answer.",
            })
        } else {
            None
        };
        let status = if detail.is_none() { "ok" } else { "unavailable" };
        EdgeReadiness { status, detail, upstream: if is_up { "ok" } else { "down" }, proof }
    }

    /// Logs a change once, and not for each probe.
    fn log_change(&self, readiness: &EdgeReadiness) {
        if self.stopping.load(Ordering::Acquire) {
            return;
        }
        let logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner).replace(readiness.is_ready());
        match (logged, readiness.detail) {
            (Some(true) | None, Some(detail)) => log::warn!("not ready: {detail}"),
            (Some(false), None) => log::info!("ready again"),
            _ => {}
        }
    }

    /// From now on this edge reports that it is not ready; it still answers requests that come.
    pub fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// From now on the edge uses these credentials of its own at its upstream.
    pub fn replace_credentials(&self, client_id: &str, secret: &ClientSecret) {
        self.upstream.replace_credentials(client_id, secret);
    }
}
