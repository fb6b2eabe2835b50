//! Whose word about its clients counts, and a word in the log about those whose word might be meant to.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;

use crate::domain::network::Network;
use crate::domain::time::Uptime;

/// How long nothing more is said of an address.
const QUIET: Duration = Duration::from_hours(1);

/// How many addresses are told of within that time. Whoever may connect may send such headers, from many addresses too.
const MAX_TOLD: usize = 64;

/// `JETON_TRUSTED_PROXIES`.
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    /// When who was told of, by network.
    told: Mutex<HashMap<Network, Uptime>>,
}

impl TrustedProxies {
    /// Those of these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self { networks, told: Mutex::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Says in the log that this peer speaks for others and is not believed. None is a peer on a Unix socket.
    pub(super) fn tell_of(&self, peer: Option<IpAddr>, header: &str, now: Uptime) {
        if !self.is_news(peer, now) {
            return;
        }
        let known: Vec<String> = self.networks.iter().map(written).collect();
        // Of a Unix socket any address will do: it is trusted where anybody is.
        let peer_text = peer.map_or_else(|| "127.0.0.1".to_owned(), |peer| peer.to_string());
        let who = peer.map_or_else(|| "the Unix socket".to_owned(), |peer| peer.to_string());
        let setting = [known, vec![peer_text]].concat().join(",");
        log::warn!(
            // As operators' filters know it, wherever this file lies.
            target: "jeton::http::trusted_proxies",
            "a request from {who} carries {header}, which is not believed: its limits and its audit entries are those of \
             {who}. If that is a proxy of yours, set JETON_TRUSTED_PROXIES={setting}"
        );
    }

    fn is_news(&self, peer: Option<IpAddr>, now: Uptime) -> bool {
        let network = Network::of(peer);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now.since(*at) < QUIET);
        if told.len() >= MAX_TOLD || told.contains_key(&network) {
            return false;
        }
        told.insert(network, now);
        true
    }
}

/// A network as it is written in the setting: a single address without its length.
fn written(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const START: Uptime = Uptime::from_nanos(1_000_000_000_000_000);

    #[test]
    fn an_address_is_news_once_an_hour_and_a_network_is_one() {
        let proxies = TrustedProxies::new(Vec::new());
        let is_news = |peer: &str, seconds| {
            proxies.is_news(Some(peer.parse().unwrap()), START.after(Duration::from_secs(seconds)))
        };
        assert_eq!(
            [is_news("192.0.2.1", 0), is_news("192.0.2.1", 3599), is_news("192.0.2.1", 3600)],
            [true, false, true]
        );
        assert_eq!([is_news("192.0.2.2", 3600), is_news("192.0.2.2", 3601)], [true, false]);
        assert_eq!(
            [is_news("2001:db8::1", 3600), is_news("2001:db8::2", 3600), is_news("2001:db8:0:1::1", 3600)],
            [true, false, true]
        );
        assert_eq!([proxies.is_news(None, START), proxies.is_news(None, START)], [true, false]);
    }

    #[test]
    fn many_addresses_fill_neither_the_memory_nor_the_log() {
        let proxies = TrustedProxies::new(Vec::new());
        let news =
            |at| (0..10_000_u32).filter(|n| proxies.is_news(Some(IpAddr::V4(Ipv4Addr::from_bits(*n))), at)).count();
        assert_eq!([news(START), news(START.after(QUIET))], [MAX_TOLD, MAX_TOLD]);
        assert_eq!(proxies.told.lock().unwrap().len(), MAX_TOLD);
    }
}
