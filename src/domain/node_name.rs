//! How a node names itself to PostgreSQL, in the `application_name` of one of its sessions.

use std::fmt;

use super::safe_text::visible;

/// The longest `application_name`, in bytes. PostgreSQL cuts longer ones.
const MAX_LEN: usize = 63;

/// A running `jeton serve`: its version, its host, and its process there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    /// The version of jeton.
    pub version: String,
    /// The name of the machine, or of the container or pod.
    pub host: String,
    /// The id of the process.
    pub process: u32,
}

impl NodeName {
    /// The name of this version of jeton. A long host name is cut, so that the whole fits into `application_name`.
    #[must_use]
    pub fn this_version(host: &str, process: u32) -> Self {
        let mut name = Self { version: env!("CARGO_PKG_VERSION").into(), host: visible(host), process };
        while name.to_string().len() > MAX_LEN && name.host.pop().is_some() {}
        name
    }

    /// Reads what [`Display`](fmt::Display) writes. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (version, rest) = text.strip_prefix("jeton/")?.split_once(" on ")?;
        let (host, process) = rest.strip_suffix(')')?.rsplit_once(" (")?;
        Some(Self { version: version.into(), host: host.into(), process: process.parse().ok()? })
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jeton/{} on {} ({})", self.version, self.host, self.process)
    }
}

/// Whether a version is older than another one: `0.9.1` is older than `0.10.0`.
#[must_use]
pub fn is_older(version: &str, than: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        // What follows the three numbers, as in `1.0.0-rc.1`, does not count.
        let numbers = version.split(['-', '+']).next().unwrap_or_default().split('.');
        numbers.map(|number| number.parse().unwrap_or(0)).collect()
    };
    numbers(version) < numbers(than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_written_reads_back() {
        for host in ["web-1", "jeton-7d9f8b6c5d-x2x4z", "a (b) on c", ""] {
            let name = NodeName::this_version(host, 4711);
            assert_eq!(NodeName::parse(&name.to_string()), Some(name), "{host}");
        }
        for other in ["jeton", "jeton/0.1.0", "jeton/0.1.0 on web-1", "jeton/0.1.0 on web-1 (x)", "psql on web-1 (1)"] {
            assert_eq!(NodeName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_long_host_name_is_cut() {
        let long = NodeName::this_version(&"ä".repeat(100), u32::MAX);
        assert!(long.to_string().len() <= MAX_LEN, "{long}");
        assert_eq!(NodeName::parse(&long.to_string()), Some(long));
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (older, newer) in [("0.9.1", "0.10.0"), ("0.1.0", "1.0.0"), ("1.2.3", "1.2.4-rc.1"), ("0.1", "0.1.1")] {
            assert!(is_older(older, newer) && !is_older(newer, older), "{older} {newer}");
        }
        assert!(!is_older("1.2.3", "1.2.3"));
    }
}
