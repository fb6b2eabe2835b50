//! `jeton user list` and `jeton user show`.

use clap::Args;

use crate::cli::output::{fields, json_array, line, object};
use crate::cli::table::{Cell, table, text, whole};
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::domain::user::{User, UserFilter};
use crate::service::{Service, Superuser};

#[derive(Args)]
pub struct List {
    /// Only users whose names, e-mail address or external id contain these words
    #[arg(long, default_value = "", hide_default_value = true)]
    search: String,
    /// Print a JSON array of the admin API's objects
    #[arg(long)]
    json: bool,
}

/// Prints users.
pub fn list(arguments: List, config: &Config) -> Result<(), Failure> {
    let List { search, json } = arguments;
    with_service(config, |service, caller| async move {
        let users = all(&service, &caller, &search).await?;
        if json {
            return json_array(&users);
        }
        let mut columns =
            vec![whole("ID"), text("USERNAME"), text("EMAIL").left_out(2), whole("ROLE"), text("GROUPS").left_out(3)];
        // Most installations have none.
        let have_external_ids = users.iter().any(|user| user.external_id.is_some());
        if have_external_ids {
            columns.push(text("EXTERNAL ID").left_out(1));
        }
        let row = |user: &User| -> Vec<Cell> {
            let mut cells = vec![
                user.id.to_string().into(),
                user.username.as_str().into(),
                user.profile.email.as_str().into(),
                role(user).into(),
                user.groups.join(",").into(),
            ];
            if have_external_ids {
                cells.push(user.external_id.clone().unwrap_or_default().into());
            }
            cells
        };
        table(&columns, &users.iter().map(row).collect::<Vec<_>>())
    })
}

async fn all(service: &Service, caller: &Superuser, search: &str) -> Result<Vec<User>, Failure> {
    let (mut users, mut number) = (Vec::new(), 1);
    loop {
        let filter = UserFilter { search: search.to_owned(), ..UserFilter::default() };
        let page =
            service.accounts.list_users(filter, PageRequest::number(number, MAX_PAGE_SIZE), None, caller).await?;
        let last = page.results.len() < MAX_PAGE_SIZE as usize;
        users.extend(page.results);
        if last {
            return Ok(users);
        }
        number += 1;
    }
}

fn role(user: &User) -> &'static str {
    match (user.is_active, user.is_superuser, user.is_staff) {
        (false, ..) => "inactive",
        (_, true, _) => "superuser",
        (_, _, true) => "staff",
        _ => "user",
    }
}

/// Prints one user, a field a line.
pub fn show(user: &User, json: bool) -> Result<(), Failure> {
    let object = object(user)?;
    if json {
        return line(&serde_json::Value::Object(object).to_string());
    }
    fields(&object, &|name, value| line(format!("{name:13} {value}").trim_end()))
}
