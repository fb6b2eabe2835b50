//! Whether this node can answer introspection: from its database, or from memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::time::{Stopwatch, Uptime};
use crate::service::{Error, Node};
use crate::store::{SchemaState, Store};

/// How often the database is asked at most, however many ask for readiness.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a request waits for the answer: less than probes wait. After that the last known state is used.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// The last known state.
#[derive(Default)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Runs since the last check began.
    asked: Option<Stopwatch>,
    /// `None`: not checked since the start, which requires a usable schema.
    schema: Option<SchemaState>,
    /// The readiness that was last logged.
    logged: Option<bool>,
}

impl Health {
    // No thread panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this node can answer introspection, and the state of each part that it needs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// `ok`, or `unavailable`.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// Why the node is not ready, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "The database does not answer.")]
    pub detail: Option<&'static str>,
    /// `ok`; `down`; `forbidden`: its role may not read jeton's tables.
    #[schema(example = "ok")]
    pub database: &'static str,
    /// `ok`; `newer`: made by a newer jeton, and usable; `too_new`: made by a newer jeton, and not usable; `behind`:
    /// migrations must be run; `missing`; `foreign`: tables of another program; `unknown`: while `database` is
    /// `forbidden`. As of the last check.
    #[schema(example = "ok")]
    pub schema: &'static str,
    /// Whether it is proved that this cache has received every change, so that it may answer: `ok`; `stale`: past the
    /// bound, but within `JETON_STALE_IF_ERROR`; `none`; `off`: there is no cache.
    #[schema(example = "ok")]
    pub proof: &'static str,
    /// `ok`, or how far this node's clock is from the database's, or was set recently. Nothing is purged meanwhile.
    #[schema(example = "ok")]
    pub clock: String,
    /// `full` if the last write failed because the database's disk is full or failing. Introspection goes on; requests
    /// that write get 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "full")]
    pub disk: Option<&'static str>,
}

impl Readiness {
    /// Whether the node is ready.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.detail.is_none()
    }

    /// Whether the node is ready, and whether each part works.
    pub(in crate::service) fn parts(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("node", self.is_ready()),
            ("database", self.database == "ok"),
            ("schema", matches!(self.schema, "ok" | "newer")),
            ("proof", matches!(self.proof, "ok" | "off")),
            ("clock", self.clock == "ok"),
            ("disk", self.disk.is_none()),
        ]
    }
}

impl Node {
    /// Whether this node can answer introspection. The database is asked once a second at most, and nothing is written.
    pub async fn ready(self: &Arc<Self>) -> Readiness {
        if let Some(check) = self.check_if_due() {
            drop(tokio::time::timeout(MAX_WAIT, check).await);
        }
        let readiness = self.readiness();
        self.log_change(&readiness);
        readiness
    }

    /// The last known readiness, without waiting. Starts a check if one is due.
    pub(in crate::service) fn known_readiness(self: &Arc<Self>) -> Readiness {
        drop(self.check_if_due());
        self.readiness()
    }

    /// Starts a check if one is due. Its result is stored even if nobody waits for it.
    fn check_if_due(self: &Arc<Self>) -> Option<tokio::task::JoinHandle<()>> {
        if self.is_stopping() || !self.is_check_due() {
            return None;
        }
        let node = Arc::clone(self);
        Some(tokio::spawn(async move { node.refresh_schema().await }))
    }

    /// Whether a second has passed since the last check. The caller that gets `true` does the next one.
    fn is_check_due(&self) -> bool {
        let mut state = self.health.lock();
        let is_due = state.asked.as_ref().is_none_or(|asked| asked.elapsed() >= INTERVAL);
        if is_due {
            state.asked = Some(Stopwatch::start());
        }
        is_due
    }

    /// Asks for the state of the schema. A slow database, or one with a locked table, does not change the last known
    /// state.
    async fn refresh_schema(&self) {
        match self.schema().await {
            Ok(schema) => {
                let before = self.health.lock().schema.replace(schema.clone());
                if let SchemaState::Forbidden(why) = &schema
                    && before.as_ref() != Some(&schema)
                {
                    log::warn!("{why}");
                }
            }
            Err(error) => log::debug!("cannot read the state of the schema: {error}"),
        }
    }

    /// The state of the database's schema for this binary.
    pub(in crate::service) async fn schema(&self) -> Result<SchemaState, Error> {
        self.database.run(Store::schema_state).await
    }

    fn readiness(&self) -> Readiness {
        let is_down = self.database.store.check().is_err();
        let proof = self.cache_state();
        let state = self.health.lock();
        let (schema, fault) = match &state.schema {
            Some(SchemaState::Current) | None => ("ok", None),
            Some(SchemaState::Ahead) => ("newer", None),
            Some(SchemaState::Newer { .. }) => ("too_new", Some("The database's schema needs a newer jeton.")),
            Some(SchemaState::Behind) => ("behind", Some("The database's schema is older; run `jeton migrate`.")),
            Some(SchemaState::Missing) => ("missing", Some("The database has no schema; run `jeton migrate`.")),
            Some(SchemaState::Foreign(_)) => ("foreign", Some("The database holds the tables of another program.")),
            Some(SchemaState::Forbidden(_)) => (
                "unknown",
                Some("The database's role may not read jeton's tables; see the grants of docs/postgresql.md."),
            ),
        };
        let detail = match (is_down, proof) {
            _ if self.is_stopping() => Some("This node is stopping."),
            (true, "ok" | "stale") => None,
            (true, _) => Some("The database does not answer."),
            (false, _) => fault,
        };
        let status = if detail.is_none() { "ok" } else { "unavailable" };
        let database = match &state.schema {
            _ if is_down => "down",
            Some(SchemaState::Forbidden(_)) => "forbidden",
            _ => "ok",
        };
        let (clock, disk) = (self.clock_state().to_string(), self.disk_refuses().then_some("full"));
        Readiness { status, detail, database, schema, proof, clock, disk }
    }

    fn cache_state(&self) -> &'static str {
        self.policy.proof(self.cache.is_on(), self.cache.sync_age(Uptime::now()))
    }

    /// Logs a change once, and not for each probe.
    fn log_change(&self, readiness: &Readiness) {
        // The stop has its own line in the log.
        if self.is_stopping() {
            return;
        }
        let logged = self.health.lock().logged.replace(readiness.is_ready());
        match (logged, readiness.detail) {
            (Some(true) | None, Some(detail)) => log::warn!("not ready: {detail}"),
            (Some(false), None) => log::info!("ready again"),
            _ => {}
        }
    }
}
