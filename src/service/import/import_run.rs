//! The state of an import of a Django project.

use std::sync::Arc;

use super::Progress;
use crate::domain::audit::Actor;
use crate::domain::time::Timestamp;
use crate::service::Sealer;
use crate::store::DjangoSource;

/// A running import.
pub struct ImportRun {
    pub source: DjangoSource,
    pub sealer: Option<Arc<Sealer>>,
    pub scope: String,
    pub token_prefix: Option<String>,
    pub max_memory_kib: u32,
    pub by: Actor,
    pub now: Timestamp,
    pub on_progress: Box<dyn FnMut(Progress) + Send>,
}

/// Whether a pass over the source writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    Check,
    Write,
}
