//! `jeton audit`.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::output::json_array;
use super::table::{Cell, Column, table, text, whole};
use super::{Failure, with_service};
use crate::config::Config;
use crate::domain::audit::{Action, Entry, Filter};
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::domain::time::Timestamp;

#[derive(Args)]
pub struct AuditArguments {
    /// Only entries by this actor
    #[arg(long)]
    actor: Option<String>,
    /// Only entries of this action
    #[arg(long, value_parser = PossibleValuesParser::new(Action::ALL.map(Action::as_str)))]
    action: Option<String>,
    /// Only entries about this user or client
    #[arg(long)]
    target: Option<String>,
    /// Only entries at this time or later, for example 2026-11-23 or 2026-11-23T08:00:00Z
    #[arg(long, value_parser = moment)]
    since: Option<Timestamp>,
    /// Only entries before this time
    #[arg(long, value_parser = moment)]
    until: Option<Timestamp>,
    /// How many entries at most
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Print a JSON array of the admin API's objects
    #[arg(long)]
    json: bool,
}

pub fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write a date, or a time such as 2026-11-23T08:00:00Z".into())
}

/// Prints entries of the audit log.
pub fn audit(arguments: AuditArguments, config: &Config) -> Result<(), Failure> {
    let AuditArguments { actor, action, target, since, until, limit, json } = arguments;
    let mut filter = Filter { actor, action, target, since, until, ..Filter::default() };
    with_service(config, |service, caller| async move {
        let mut entries: Vec<Entry> = Vec::new();
        while entries.len() < limit {
            let page = PageRequest::number(1, MAX_PAGE_SIZE);
            let page = service.accounts.list_audit(filter.clone(), page, Some(0), &caller).await?;
            let last = page.results.len() < MAX_PAGE_SIZE as usize;
            entries.extend(page.results);
            if last {
                break;
            }
            // Not by page number: new entries would push entries onto the next page, where they are shown twice.
            filter.before_id = entries.last().map(|entry| entry.id);
        }
        entries.truncate(limit);
        if json {
            return json_array(&entries);
        }
        let row = |entry: Entry| -> Vec<Cell> {
            let Entry { id: _, at, actor, action, target, address, details } = entry;
            vec![at.into(), actor.into(), action.into(), target.into(), address.into(), details.to_string().into()]
        };
        table(&COLUMNS, &entries.into_iter().map(row).collect::<Vec<_>>())
    })
}

const COLUMNS: [Column; 6] = [
    whole("AT"),
    text("ACTOR"),
    whole("ACTION"),
    text("TARGET"),
    whole("ADDRESS").left_out(1),
    text("DETAILS").left_out(2),
];
