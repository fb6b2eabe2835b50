//! The places that accepted credentials came from.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use actix_http::RequestHead;

use crate::http::peer::{origin, origin_parts};
use crate::service::Service;

/// Where accepted credentials came from. A request from a new place goes to the router once, and again from time to
/// time, because the router knows proxies and notes who authenticated from where.
#[derive(Default)]
pub(super) struct Origins {
    hasher: RandomState,
    known: RefCell<HashSet<u64>>,
    since: Cell<u64>,
}

impl Origins {
    /// How many places a worker knows at most.
    const MAX_KNOWN: usize = 4_096;

    /// For how many sweeps of the limits on failures a place stays known: a few minutes.
    const SWEEPS: u64 = 60;

    /// Whether accepted credentials have come from where this request comes from.
    pub(super) fn knows(&self, head: &RequestHead, service: &Service) -> bool {
        let (mut known, sweeps) = (self.known.borrow_mut(), service.introspection.limit_sweeps());
        if known.len() >= Self::MAX_KNOWN || sweeps - self.since.get() > Self::SWEEPS {
            known.clear();
            self.since.set(sweeps);
        }
        let parts = origin_parts(head);
        let hash = self.hasher.hash_one(parts);
        known.contains(&hash) || (service.introspection.knows_client_origin(&origin(head)) && known.insert(hash))
    }
}
