//! `jeton token list`.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::names::no_such_user;
use crate::cli::output::json_array;
use crate::cli::table::{Cell, Column, table, text, whole};
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::domain::duration;
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::domain::token::{ListedToken, TokenForStaff, UsedBy};
use crate::service::{Service, Superuser, TokenListFilter};

#[derive(Args)]
pub struct List {
    /// Only this user's tokens
    username: Option<String>,
    /// Only tokens that expire within this time, for example 14d
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    expiring: Option<Duration>,
    /// Only tokens that nobody has used for this time, for example 90d
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    unused: Option<Duration>,
    /// Print a JSON array of the admin API's objects, with usernames
    #[arg(long)]
    json: bool,
}

/// The admin API's object, and whose token it is.
#[derive(Serialize)]
struct WithUsername {
    #[serde(flatten)]
    token: TokenForStaff,
    username: String,
}

const COLUMNS: [Column; 10] = [
    whole("ID"),
    text("USER"),
    whole("KIND").left_out(2),
    text("NAME"),
    whole("KEY").left_out(5),
    text("SCOPE").left_out(3),
    whole("CREATED").left_out(1),
    whole("EXPIRES"),
    whole("LAST USED"),
    text("LAST USED BY").left_out(4),
];

/// Prints live tokens.
pub fn list(arguments: List, config: &Config) -> Result<(), Failure> {
    with_service(config, |service, caller| async move {
        let json = arguments.json;
        let tokens = all(arguments, &service, &caller).await?;
        if json {
            let shown = |ListedToken { token, username, .. }| WithUsername { token: TokenForStaff(token), username };
            let shown: Vec<_> = tokens.into_iter().map(shown).collect();
            return json_array(&shown);
        }
        table(&COLUMNS, &tokens.into_iter().map(row).collect::<Vec<_>>())
    })
}

async fn all(arguments: List, service: &Service, caller: &Superuser) -> Result<Vec<ListedToken>, Failure> {
    let List { username, expiring, unused, json: _ } = arguments;
    let filter = TokenListFilter { username, expiring, unused };
    let (mut tokens, mut number): (Vec<ListedToken>, u32) = (Vec::new(), 1);
    loop {
        let page = PageRequest::number(number, MAX_PAGE_SIZE);
        let page = service.tokens.list_tokens(&filter, page, caller).await;
        let page = page.map_err(no_such_user(filter.username.as_deref().unwrap_or_default()))?;
        let last = page.results.len() < MAX_PAGE_SIZE as usize;
        tokens.extend(page.results);
        if last {
            return Ok(tokens);
        }
        number += 1;
    }
}

fn row(ListedToken { token, username, is_user_active }: ListedToken) -> Vec<Cell> {
    let (kind, expires) = (token.kind().as_str(), token.ends_at());
    let username = if is_user_active { username } else { format!("{username} (inactive)") };
    vec![
        token.id.to_string().into(),
        username.into(),
        kind.into(),
        token.name.into(),
        Cell::KeyStart(token.key_start),
        token.scope.into(),
        token.created_at.into(),
        expires.into(),
        token.last_used_at.into(),
        token.last_used_by.as_ref().map(UsedBy::as_str).into(),
    ]
}
