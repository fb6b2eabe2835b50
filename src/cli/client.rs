//! `jeton client ...`.

use std::time::Duration;

use clap::Subcommand;

use super::output::{json_array, line};
use super::prompt::confirm;
use super::table::{Cell, table, text, whole};
use super::wait::Wait;
use super::{Failure, with_service};
use crate::config::Config;
use crate::domain::client::{ClientDetails, ClientDetailsChange};
use crate::domain::duration;
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::service::{Error, RotateOptions, RotatedClient};

/// What can be done to clients.
#[derive(Subcommand)]
pub enum ClientCommand {
    /// Register a client and print its secret, which is shown only once
    Create {
        /// The id by which the client will identify itself
        client_id: String,
        /// What the client is for
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        /// Who runs it
        #[arg(long, default_value = "", hide_default_value = true)]
        owner: String,
    },
    /// Change what is written about a client
    #[command(group = clap::ArgGroup::new("details").args(["note", "owner"]).required(true).multiple(true))]
    Update {
        /// The client's id
        client_id: String,
        /// What the client is for
        #[arg(long)]
        note: Option<String>,
        /// Who runs it
        #[arg(long)]
        owner: Option<String>,
    },
    /// List clients
    List {
        /// Print a JSON array of the admin API's objects
        #[arg(long)]
        json: bool,
    },
    /// Give a client a new secret and print it, only once; the old one stops working now, or after --grace
    Rotate {
        /// The client's id
        client_id: String,
        /// How long the old secret stays valid, for example 1h
        #[arg(long, value_name = "TIME", value_parser = duration::parse)]
        grace: Option<Duration>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Delete a client
    Delete {
        /// The client's id
        client_id: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        wait: Wait,
    },
}

impl ClientCommand {
    /// Whether it waits at its end.
    pub const fn wait(&self) -> Wait {
        match self {
            Self::Rotate { wait, .. } | Self::Delete { wait, .. } => *wait,
            Self::Create { .. } | Self::Update { .. } | Self::List { .. } => Wait::NO,
        }
    }
}

pub fn run(command: ClientCommand, config: &Config) -> Result<(), Failure> {
    match command {
        ClientCommand::Create { client_id, note, owner } => with_service(config, |service, caller| async move {
            let details = ClientDetails { note, owner };
            let secret = service.accounts.create_client(&client_id, details, &caller).await?;
            line(secret.expose())
        }),
        ClientCommand::Update { client_id, note, owner } => with_service(config, |service, caller| async move {
            let change = ClientDetailsChange { note, owner };
            service.accounts.update_client(&client_id, change, &caller).await.map_err(no_such_client(&client_id))?;
            eprintln!("updated client {client_id}");
            Ok(())
        }),
        ClientCommand::List { json } => with_service(config, |service, caller| async move {
            let (mut clients, mut number) = (Vec::new(), 1);
            loop {
                let page = service.accounts.list_clients(PageRequest::number(number, MAX_PAGE_SIZE), &caller).await?;
                let last = page.results.len() < MAX_PAGE_SIZE as usize;
                clients.extend(page.results);
                if last {
                    break;
                }
                number += 1;
            }
            if json {
                return json_array(&clients);
            }
            let rows: Vec<Vec<Cell>> = clients
                .into_iter()
                .map(|client| {
                    let ClientDetails { note, owner } = client.details;
                    vec![
                        client.client_id.into(),
                        client.usage.last_used_at.into(),
                        client.usage.requests_today.to_string().into(),
                        client.usage.requests_yesterday.to_string().into(),
                        client.created_at.into(),
                        client.rotated_at.into(),
                        client.usage.previous_secret_last_used_at.into(),
                        owner.into(),
                        note.into(),
                    ]
                })
                .collect();
            let columns = [
                text("CLIENT ID"),
                whole("LAST USED"),
                whole("REQUESTS TODAY").left_out(5),
                whole("REQUESTS YESTERDAY").left_out(4),
                whole("CREATED").left_out(1),
                whole("ROTATED").left_out(2),
                whole("OLD SECRET USED").left_out(3),
                text("OWNER"),
                text("NOTE"),
            ];
            table(&columns, &rows)
        }),
        ClientCommand::Rotate { client_id, grace, .. } => with_service(config, |service, caller| async move {
            let options = RotateOptions { grace, ..RotateOptions::default() };
            let rotated = service.accounts.rotate_client(&client_id, options, &caller).await;
            let RotatedClient { secret, old_until } = rotated.map_err(no_such_client(&client_id))?;
            if let Some(until) = old_until {
                eprintln!("the old secret stays valid until {until}");
            }
            line(secret.expose())
        }),
        ClientCommand::Delete { client_id, yes, .. } => with_service(config, |service, caller| async move {
            confirm(&format!("Delete client {client_id}?"), yes)?;
            service.accounts.delete_client(&client_id, &caller).await.map_err(no_such_client(&client_id))?;
            eprintln!("deleted client {client_id}");
            Ok(())
        }),
    }
}

fn no_such_client(client_id: &str) -> impl FnOnce(Error) -> Failure {
    let client_id = client_id.to_owned();
    move |error| match error {
        Error::NotFound => Failure::new(format!("client {client_id} does not exist")),
        other => other.into(),
    }
}
