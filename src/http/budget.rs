//! Bounds the memory of request bodies: of all together, and of each network. Bytes are counted when they arrive, not
//! when they are announced, so that a client that announces much and sends little takes little from others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web::Bytes;

use crate::domain::network::Network;

const MIB: usize = 1024 * 1024;
/// Each body counts for at least this many bytes, so that the number of bodies is bounded too.
const MIN_CLAIM: usize = 1024;

/// The memory in use. A process has one budget for each kind of caller.
#[derive(Clone, Debug)]
pub struct Budget {
    held: Arc<Mutex<Held>>,
    /// The limit of all bodies together, in bytes.
    total: usize,
    /// The limit of one network's bodies.
    share: usize,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_network: HashMap<Network, usize>,
}

/// The memory of one body. It is returned when this is dropped.
pub struct Claim {
    budget: Budget,
    network: Network,
    size: usize,
}

impl Budget {
    /// For bodies of callers who are not authenticated yet.
    #[must_use]
    pub fn for_unauthenticated() -> Self {
        Self { held: Arc::default(), total: 16 * MIB, share: 2 * MIB }
    }

    /// For bodies of callers who were authenticated by the head.
    #[must_use]
    pub fn for_authenticated() -> Self {
        Self { held: Arc::default(), total: 48 * MIB, share: 24 * MIB }
    }

    /// Starts to count a body from this address. `None` if there is no room.
    pub fn claim(&self, address: Option<IpAddr>) -> Option<Claim> {
        let mut claim = Claim { budget: self.clone(), network: Network::of(address), size: 0 };
        claim.grow(MIN_CLAIM).then_some(claim)
    }
}

impl Claim {
    /// Counts the body with its current size. False if there is no room.
    pub fn grow(&mut self, size: usize) -> bool {
        let more = size.saturating_sub(self.size);
        let mut held = self.budget.held.lock().unwrap_or_else(PoisonError::into_inner);
        let share = held.by_network.get(&self.network).copied().unwrap_or_default() + more;
        if held.total + more > self.budget.total || share > self.budget.share {
            return false;
        }
        held.total += more;
        held.by_network.insert(self.network, share);
        self.size += more;
        true
    }

    /// The body together with its claim, which lasts as long as the body.
    pub fn attach_to(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Claimed { bytes, _claim: self })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut held = self.budget.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total -= self.size;
        let share = held.by_network.get(&self.network).copied().unwrap_or_default();
        if share <= self.size {
            held.by_network.remove(&self.network);
        } else {
            held.by_network.insert(self.network, share - self.size);
        }
    }
}

struct Claimed {
    bytes: Bytes,
    _claim: Claim,
}

impl AsRef<[u8]> for Claimed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as a request has it")]
    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn each_network_has_a_limit_and_so_have_all_together() {
        let budget = Budget::for_unauthenticated();
        let mut one = budget.claim(address("2001:db8::1")).unwrap();
        assert!(one.grow(budget.share) && one.grow(budget.share) && one.grow(1) && !one.grow(budget.share + 1));
        assert!(budget.claim(address("2001:db8::ffff:2")).is_none(), "the same /64");
        let others: Vec<_> = (1..8)
            .map(|number| {
                let mut claim = budget.claim(address(&format!("2001:db8:0:{number}::1"))).unwrap();
                assert!(claim.grow(budget.share));
                claim
            })
            .collect();
        assert!(budget.claim(address("192.0.2.1")).is_none() && budget.claim(None).is_none(), "all is taken");
        let body = one.attach_to(Bytes::from_static(b"body"));
        assert_eq!(body, "body");
        drop((body, others));
        let held = budget.held.lock().unwrap();
        assert!(held.total == 0 && held.by_network.is_empty(), "{held:?}");
    }

    #[test]
    fn small_bodies_are_bounded_in_number() {
        let budget = Budget::for_unauthenticated();
        let held: Vec<_> = std::iter::from_fn(|| budget.claim(address("192.0.2.1"))).take(10_000).collect();
        assert_eq!(held.len(), budget.share / MIN_CLAIM);
    }
}
