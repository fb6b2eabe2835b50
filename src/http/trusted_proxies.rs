//! The trusted proxies, and a warning about hosts that look like a proxy and are not trusted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::network::Network;
use crate::domain::time::Uptime;

/// The shortest time between two warnings about one peer (IPv6 by /64).
const WARNING_INTERVAL: Duration = Duration::from_hours(1);

/// The most peers that are warned about within that time. Anybody can send such headers, from many addresses.
const MAX_WARNED: usize = 64;

/// `JETON_TRUSTED_PROXIES`.
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    /// When the last warning about each untrusted peer was logged, by its address (IPv6 by /64).
    warned: Mutex<HashMap<Network, Uptime>>,
}

impl TrustedProxies {
    /// The proxies in these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self { networks, warned: Mutex::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    pub fn has(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Warns that this peer sends forwarding headers but is not trusted. `None` is a peer on a Unix socket.
    pub fn warn_of_untrusted(&self, peer: Option<IpAddr>, header: &str, now: Uptime) {
        if !self.is_due(peer, now) {
            return;
        }
        let known: Vec<String> = self.networks.iter().map(as_setting).collect();
        // A Unix socket is trusted as soon as any address is, so any address will do.
        let peer_text = peer.map_or_else(|| "127.0.0.1".to_owned(), |peer| peer.to_string());
        let who = peer.map_or_else(|| "the Unix socket".to_owned(), |peer| peer.to_string());
        let setting = [known, vec![peer_text]].concat().join(",");
        log::warn!(
            // Operators' log filters use this name, so it stays when the file moves.
            target: "jeton::http::trusted_proxies",
            "ignored {header} in a request from {who}, which is not a trusted proxy: limits and audit entries take \
             {who} for the client. If it is your proxy, set JETON_TRUSTED_PROXIES={setting}"
        );
    }

    fn is_due(&self, peer: Option<IpAddr>, now: Uptime) -> bool {
        let network = Network::of(peer);
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.retain(|_, at| now.since(*at) < WARNING_INTERVAL);
        if warned.len() >= MAX_WARNED || warned.contains_key(&network) {
            return false;
        }
        warned.insert(network, now);
        true
    }
}

/// A network as the setting has it: a single address without its prefix length.
fn as_setting(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const START: Uptime = Uptime::from_nanos(1_000_000_000_000_000);

    #[test]
    fn the_warning_comes_once_an_hour_for_each_address_or_ipv6_network() {
        let proxies = TrustedProxies::new(Vec::new());
        let is_due = |peer: &str, seconds| {
            proxies.is_due(Some(peer.parse().unwrap()), START.after(Duration::from_secs(seconds)))
        };
        assert_eq!([is_due("192.0.2.1", 0), is_due("192.0.2.1", 3599), is_due("192.0.2.1", 3600)], [true, false, true]);
        assert_eq!([is_due("192.0.2.2", 3600), is_due("192.0.2.2", 3601)], [true, false]);
        assert_eq!(
            [is_due("2001:db8::1", 3600), is_due("2001:db8::2", 3600), is_due("2001:db8:0:1::1", 3600)],
            [true, false, true]
        );
        assert_eq!([proxies.is_due(None, START), proxies.is_due(None, START)], [true, false]);
    }

    #[test]
    fn many_addresses_fill_neither_the_memory_nor_the_log() {
        let proxies = TrustedProxies::new(Vec::new());
        let warnings =
            |at| (0..10_000_u32).filter(|n| proxies.is_due(Some(IpAddr::V4(Ipv4Addr::from_bits(*n))), at)).count();
        assert_eq!([warnings(START), warnings(START.after(WARNING_INTERVAL))], [MAX_WARNED, MAX_WARNED]);
        assert_eq!(proxies.warned.lock().unwrap().len(), MAX_WARNED);
    }
}
