//! `jeton doctor`: checks the database and the secret keys, and lists the nodes. Changes nothing.

use clap::Args;
use serde::Serialize;

use super::Failure;
use super::output::line;
use super::table::{Cell, table, whole};
use crate::config::Config;
use crate::domain::time::Timestamp;
use crate::server::{open_store, read_sealer};
use crate::service::{ListedNode, count_seals, list_nodes};
use crate::store::{MetaKey, StoreError};

/// How the report is printed.
#[derive(Args)]
pub struct DoctorArguments {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    database: String,
    secret_keys: Vec<KeyReport>,
    /// Login tokens that none of the keys opens.
    sealed_under_none: u64,
    /// The nodes that are connected to a PostgreSQL database.
    nodes: Vec<NodeReport>,
    /// Whether a transaction pooler hides nodes.
    nodes_hidden: bool,
}

/// A node. What is not known is null.
#[derive(Serialize)]
struct NodeReport {
    host: Option<String>,
    process: Option<u32>,
    version: Option<String>,
    address: Option<String>,
    connected_since: Option<Timestamp>,
    /// How many seconds the database has heard nothing of it, if that is too long.
    silent_seconds: Option<u64>,
    /// Whether another node has a newer version.
    is_older: bool,
}

impl NodeReport {
    fn of(node: ListedNode) -> Self {
        let (host, process, version) =
            node.name.map_or((None, None, None), |name| (Some(name.host), Some(name.process), Some(name.version)));
        let silent_seconds = node.silent_for.map(|silent| silent.as_secs());
        let (address, connected_since, is_older) = (node.address, node.since, node.is_older);
        Self { host, process, version, address, connected_since, silent_seconds, is_older }
    }

    fn state(&self) -> String {
        let older = if self.is_older { ", older version" } else { "" };
        match self.silent_seconds {
            Some(seconds) => format!("not heard for {seconds} s{older}"),
            None => format!("connected{older}"),
        }
    }
}

#[derive(Serialize)]
struct KeyReport {
    /// The setting; for `JETON_SECRET_KEY_FALLBACKS`, also the number of the key in it.
    key: String,
    /// Whether it is the database's current key: the one that new seals are made under.
    is_current: bool,
    /// Login tokens that it seals.
    sealed: u64,
}

/// Prints the report.
pub fn doctor(arguments: &DoctorArguments, config: &Config) -> Result<(), Failure> {
    let report = report(config)?;
    if arguments.json {
        let json = serde_json::to_string(&report).map_err(|error| Failure::new(error.to_string()))?;
        return line(&json);
    }
    line(&format!("the database {} answers, and its schema fits this version", report.database))?;
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for key in report.secret_keys {
        let is_current = if key.is_current { "yes" } else { "" };
        rows.push(vec![key.key.into(), key.sealed.to_string().into(), is_current.into()]);
    }
    rows.push(vec!["none of these".into(), report.sealed_under_none.to_string().into(), "".into()]);
    table(&[whole("SECRET KEY"), whole("SEALED LOGIN TOKENS"), whole("CURRENT")], &rows)?;
    print_nodes(report.nodes, report.nodes_hidden)
}

fn print_nodes(nodes: Vec<NodeReport>, are_hidden: bool) -> Result<(), Failure> {
    if are_hidden {
        eprintln!("a transaction pooler stands before the database and hides connections: nodes may be missing");
    }
    if nodes.is_empty() {
        return Ok(());
    }
    line("")?;
    let row = |node: NodeReport| {
        let state = node.state();
        let process = node.process.map(|id| id.to_string());
        let (host, version, address) = (node.host, node.version, node.address);
        vec![host.into(), process.into(), version.into(), address.into(), node.connected_since.into(), state.into()]
    };
    let columns = ["NODE", "PROCESS", "VERSION", "ADDRESS", "CONNECTED SINCE", "STATE"].map(whole);
    table(&columns, &nodes.into_iter().map(row).collect::<Vec<Vec<Cell>>>())
}

fn report(config: &Config) -> Result<Report, Failure> {
    let failed = |error: StoreError| Failure::new(error.to_string());
    let store = open_store(config)?;
    store.require_schema().map_err(failed)?;
    let sealer = read_sealer(config)?;
    let counts = count_seals(&store, sealer.as_ref()).map_err(failed)?;
    let current = store.meta(MetaKey::SecretKeyCheck).map_err(failed)?;
    let nodes = list_nodes(&store).map_err(failed)?;
    let place = sealer.as_ref().zip(current).and_then(|(sealer, current)| sealer.position_of(&current));
    let name = |at: usize| match at {
        0 => "JETON_SECRET_KEY".to_owned(),
        at => format!("JETON_SECRET_KEY_FALLBACKS {at}"),
    };
    let keys = counts.by_key.iter().enumerate();
    let secret_keys =
        keys.map(|(at, sealed)| KeyReport { key: name(at), is_current: place == Some(at), sealed: *sealed });
    Ok(Report {
        database: config.database.url.to_string(),
        secret_keys: secret_keys.collect(),
        sealed_under_none: counts.unopenable,
        nodes: nodes.nodes.into_iter().map(NodeReport::of).collect(),
        nodes_hidden: nodes.are_hidden,
    })
}
