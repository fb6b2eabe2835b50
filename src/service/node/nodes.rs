//! The nodes of the same database: their versions, and whether they are in contact with it.

use std::time::Duration;

use crate::domain::node_name::{NodeName, is_older};
use crate::domain::time::Timestamp;
use crate::service::Node;
use crate::store::{JetonSessions, Store, StoreError, own_node_name};

/// A node reads the changes several times a second. One that has not for this long is cut off, or its process hangs.
const SILENT_AFTER: Duration = Duration::from_secs(10);

/// A node, or sessions whose name does not say which node they belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedNode {
    /// Its version, host and process. `None`: an older version, which does not say them, or a command, or a node whose
    /// `DATABASE_URL` gives its sessions another name.
    pub name: Option<NodeName>,
    /// The address that it reaches the database from; `None` if that is a Unix socket, or is not known.
    pub address: Option<String>,
    /// Since when it is connected.
    pub since: Option<Timestamp>,
    /// How long the database has heard nothing of it, if that is too long.
    pub silent_for: Option<Duration>,
    /// Whether it is the node that lists them.
    pub is_this: bool,
    /// Whether another one has a newer version.
    pub is_older: bool,
}

/// The nodes that are connected to a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nodes {
    /// By their names; those without one are last.
    pub nodes: Vec<ListedNode>,
    /// Whether a transaction pooler hides nodes.
    pub are_hidden: bool,
}

/// The nodes of this database, for somebody who is not a node.
///
/// # Errors
/// [`StoreError`].
pub fn list_nodes(store: &Store) -> Result<Nodes, StoreError> {
    listed(store, None)
}

impl Node {
    /// The nodes of this database, this one too. Without the database's answer, this one alone.
    pub(super) async fn list_nodes(&self) -> Option<Nodes> {
        let started = self.started;
        self.try_count(move |store| listed(store, Some(started))).await
    }
}

fn listed(store: &Store, started: Option<Timestamp>) -> Result<Nodes, StoreError> {
    let nodes = nodes_of(store.list_sessions_of_nodes()?, started.map(|started| (own_node_name(), started)));
    Ok(Nodes { nodes, are_hidden: store.is_behind_pooler() })
}

/// `own`: the name of the node that lists them, and its start.
fn nodes_of(sessions: Vec<JetonSessions>, own: Option<(NodeName, Timestamp)>) -> Vec<ListedNode> {
    let (named, others): (Vec<_>, Vec<_>) = sessions
        .into_iter()
        .map(|sessions| (NodeName::parse(&sessions.name), sessions))
        .partition(|(name, _)| name.is_some());
    // A node has more sessions than the one with its name, and they come from the same address.
    let is_of_named_node = |sessions: &JetonSessions| {
        named.iter().any(|(_, one)| one.address == sessions.address) || own.is_some() && sessions.is_own_address
    };
    let others: Vec<_> = others.into_iter().filter(|(_, sessions)| !is_of_named_node(sessions)).collect();
    let mut nodes: Vec<ListedNode> = named
        .into_iter()
        .chain(others)
        .map(|(name, sessions)| {
            let silent_for = sessions.silent_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            ListedNode {
                silent_for: silent_for.filter(|silent| name.is_some() && *silent > SILENT_AFTER),
                is_this: name.is_some() && name == own.as_ref().map(|(name, _)| name.clone()),
                is_older: false,
                address: sessions.address,
                since: sessions.since,
                name,
            }
        })
        .collect();
    if let Some((name, started)) = own
        && !nodes.iter().any(|node| node.is_this)
    {
        nodes.push(ListedNode {
            name: Some(name),
            address: None,
            since: Some(started),
            silent_for: None,
            is_this: true,
            is_older: false,
        });
    }
    mark_older(&mut nodes);
    let order = |node: &ListedNode| match &node.name {
        Some(name) => (false, name.host.clone(), name.process, node.address.clone()),
        None => (true, String::new(), 0, node.address.clone()),
    };
    nodes.sort_by_cached_key(order);
    nodes
}

fn mark_older(nodes: &mut [ListedNode]) {
    let versions: Vec<String> = nodes.iter().filter_map(|node| Some(node.name.as_ref()?.version.clone())).collect();
    for node in nodes {
        node.is_older =
            node.name.as_ref().is_some_and(|name| versions.iter().any(|version| is_older(&name.version, version)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_750_000_000_000_000);

    fn sessions(name: &str, address: &str) -> JetonSessions {
        JetonSessions {
            name: name.into(),
            address: Some(address.into()),
            is_own_address: address == "10.0.0.1",
            since: Some(START),
            silent_seconds: Some(0.2),
        }
    }

    fn own() -> NodeName {
        NodeName { version: "0.10.0".into(), host: "web-1".into(), process: 1 }
    }

    /// Host, version, whether it is this one, whether it is older.
    fn shown(nodes: &[ListedNode]) -> Vec<(&str, &str, bool, bool)> {
        let of = |node: &ListedNode| (node.is_this, node.is_older);
        let shown = nodes.iter().map(|node| {
            let name = node.name.as_ref().map_or(("", ""), |name| (name.host.as_str(), name.version.as_str()));
            (name.0, name.1, of(node).0, of(node).1)
        });
        shown.collect()
    }

    #[test]
    fn nodes_are_told_apart_by_their_names_and_older_ones_are_marked() {
        let seen = vec![
            sessions("jeton", "10.0.0.1"),
            sessions("jeton", "10.0.0.2"),
            sessions("jeton", "10.0.0.3"),
            sessions("jeton/0.10.0 on web-1 (1)", "10.0.0.1"),
            sessions("jeton/0.9.2 on web-2 (1)", "10.0.0.2"),
        ];
        let nodes = nodes_of(seen.clone(), Some((own(), START)));
        assert_eq!(
            shown(&nodes),
            [("web-1", "0.10.0", true, false), ("web-2", "0.9.2", false, true), ("", "", false, false)],
            "the third address has a node of a version before names, or a command"
        );
        assert_eq!(nodes[2].address.as_deref(), Some("10.0.0.3"));
        assert!(shown(&nodes_of(seen, None)).iter().all(|node| !node.2), "a command is no node");
    }

    #[test]
    fn a_node_knows_itself_where_sessions_have_a_name_of_the_operators() {
        let seen = vec![sessions("tokens", "10.0.0.1"), sessions("tokens", "10.0.0.2")];
        let nodes = nodes_of(seen.clone(), Some((own(), START)));
        assert_eq!(shown(&nodes), [("web-1", "0.10.0", true, false), ("", "", false, false)]);
        assert_eq!(nodes[0].since, Some(START));
        assert_eq!(nodes_of(seen, None).len(), 2);
    }

    #[test]
    fn a_node_is_silent_after_some_seconds() {
        let silent = |seconds: f64| {
            let seen = JetonSessions { silent_seconds: Some(seconds), ..sessions("jeton/0.9.2 on web-2 (1)", "::1") };
            nodes_of(vec![seen], None)[0].silent_for
        };
        assert_eq!((silent(9.0), silent(-0.1), silent(41.5)), (None, None, Some(Duration::from_millis(41_500))));
    }
}
