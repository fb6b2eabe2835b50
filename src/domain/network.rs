//! The network that a request comes from, as limits count it. An IPv6 address counts as its /64, because whoever has
//! one address there can use all of them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// How long after a login a network counts as known for that user.
pub const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

/// One IPv4 address, one IPv6 /64, or all requests without an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// Over a Unix socket, or by a command.
    Local,
    /// A client's address. Of an IPv6 address only the first half; the rest is zero.
    Of(IpAddr),
}

impl Network {
    /// The network of a client's address; an IPv4 address written as IPv6 is IPv4.
    #[must_use]
    pub fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Local,
            Some(IpAddr::V6(address)) => {
                let first_half = address.to_bits() & (u128::MAX << 64);
                Self::Of(Ipv6Addr::from_bits(first_half).into())
            }
            Some(address) => Self::Of(address),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Of(IpAddr::V4(address)) => address.fmt(f),
            Self::Of(IpAddr::V6(address)) => write!(f, "{address}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_its_first_half() {
        for (address, network) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
            ("::1", "::/64"),
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(Network::of(Some(address.parse().unwrap())).to_string(), network, "{address}");
        }
        assert_eq!(Network::of(None).to_string(), "local");
    }
}
