//! `jeton doctor`: checks the database and the secret keys. Changes nothing.

use clap::Args;
use serde::Serialize;

use super::Failure;
use super::output::line;
use super::table::{Cell, table, whole};
use crate::config::Config;
use crate::server::{open_store, read_sealer};
use crate::service::count_seals;
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
    table(&[whole("SECRET KEY"), whole("SEALED LOGIN TOKENS"), whole("CURRENT")], &rows)
}

fn report(config: &Config) -> Result<Report, Failure> {
    let failed = |error: StoreError| Failure::new(error.to_string());
    let store = open_store(config)?;
    store.require_schema().map_err(failed)?;
    let sealer = read_sealer(config)?;
    let counts = count_seals(&store, sealer.as_ref()).map_err(failed)?;
    let current = store.meta(MetaKey::SecretKeyCheck).map_err(failed)?;
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
    })
}
