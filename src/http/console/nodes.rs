//! The nodes of the database, and who follows this one, as the overview lists them.

use std::time::Duration;

use super::widgets::{MomentOr, moment_or};
use crate::domain::node_name::is_older;
use crate::service::{Follower, ListedNode};

/// A node.
pub struct NodeRow {
    /// The name of its machine; empty if its sessions do not say it.
    pub host: String,
    pub process: String,
    pub version: String,
    pub address: String,
    pub since: MomentOr,
    pub state: State,
}

/// Who follows this node's changes.
pub struct FollowerRow {
    pub name: String,
    pub program: String,
    pub address: String,
    pub heard: String,
    pub state: State,
}

/// A state in words.
pub struct State {
    pub is_ok: bool,
    pub words: String,
    pub is_older: bool,
}

impl NodeRow {
    pub fn of(node: ListedNode) -> Self {
        let state = match node.silent_for {
            Some(silent) => {
                State { is_ok: false, words: format!("not heard for {}", in_words(silent)), is_older: node.is_older }
            }
            None if node.is_this => State { is_ok: true, words: "this node".into(), is_older: node.is_older },
            None => State { is_ok: true, words: "connected".into(), is_older: node.is_older },
        };
        let (host, process, version) =
            node.name.map_or_else(Default::default, |name| (name.host, name.process.to_string(), name.version));
        Self {
            host,
            process,
            version,
            address: node.address.unwrap_or_else(|| "this machine's socket".into()),
            since: moment_or(node.since, "not known"),
            state,
        }
    }
}

impl FollowerRow {
    pub fn of(follower: Follower) -> Self {
        let is_ok = follower.is_heard();
        let asked = in_words(follower.asked_ago);
        let words = if is_ok { "follows".to_owned() } else { format!("not heard for {asked}") };
        let (program, is_older) = program(&follower.name.program);
        Self {
            name: follower.name.name,
            program,
            address: follower.name.address.map_or_else(String::new, |address| address.to_string()),
            heard: format!("{asked} ago"),
            state: State { is_ok, words, is_older },
        }
    }
}

/// What a follower's program is, by its `User-Agent`, and whether it is older than this node.
fn program(agent: &str) -> (String, bool) {
    let is_version = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let known = [("jeton/", "edge"), ("jeton-client/", "Python client")];
    let found = known.iter().find_map(|(start, name)| Some((agent.strip_prefix(start).filter(is_version)?, *name)));
    match found {
        Some((version, name)) => (format!("{name} {version}"), is_older(version, env!("CARGO_PKG_VERSION"))),
        None => (agent.to_owned(), false),
    }
}

/// A length of time for readers: in whole seconds, minutes or hours.
fn in_words(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds @ 100..6_000 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_and_older_ones_marked() {
        assert_eq!(program("jeton/0.0.9"), ("edge 0.0.9".into(), true));
        assert_eq!(program("jeton-client/999.0"), ("Python client 999.0".into(), false));
        for other in ["jeton/9.8 <x>", "jeton/", "curl/8.5.0", ""] {
            assert_eq!(program(other), (other.to_owned(), false));
        }
    }

    #[test]
    fn spans_are_in_whole_units() {
        for (seconds, words) in [(0, "0 s"), (99, "99 s"), (100, "1 min"), (5_999, "99 min"), (6_000, "1 h")] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
