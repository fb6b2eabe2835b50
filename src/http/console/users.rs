//! The list of users.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;

use super::listing::{Listing, Pager};
use super::page::{Frame, PageResult, html};
use super::signed_in::SignedIn;
use super::widgets::{Moment, user_link};
use crate::domain::user::{User, UserFilter, UserOrder};
use crate::http::state::State;

#[derive(Template)]
#[template(path = "console/users.html")]
struct UsersPage {
    frame: Frame,
    search: String,
    ordering: String,
    columns: [Column; 2],
    rows: Vec<Row>,
    count: i64,
    pager: Pager,
}

struct Row {
    link: String,
    joined: Moment,
    user: User,
}

/// A column by which the list can be ordered.
struct Column {
    link: String,
    /// For `aria-sort`.
    sort: &'static str,
}

impl Column {
    /// Its link reverses the order if the list is sorted by this column already.
    fn of(name: &str, listing: &Listing) -> Self {
        let descending = format!("-{name}");
        let ordering = listing.get("ordering");
        let sort = match ordering {
            _ if ordering == name => "ascending",
            _ if ordering == descending => "descending",
            _ => "none",
        };
        Self { link: listing.link("ordering", if sort == "ascending" { &descending } else { name }), sort }
    }
}

/// A page of users, those found by `search` if there is one.
pub async fn list(signed_in: SignedIn, request: HttpRequest, state: State) -> PageResult {
    let listing = Listing::of(&request)?;
    let search = listing.get("search");
    let ordering = listing.get("ordering");
    let filter = UserFilter { search: search.to_owned(), order: UserOrder::parse(ordering), ..UserFilter::default() };
    let page = state.service.accounts.list_users(filter, listing.page, &signed_in.caller).await?;
    let row = |user: User| Row { link: user_link(&user.username), joined: Moment(user.date_joined), user };
    let page = UsersPage {
        frame: signed_in.frame("Users", "users"),
        search: search.to_owned(),
        ordering: ordering.to_owned(),
        columns: [Column::of("username", &listing), Column::of("date_joined", &listing)],
        count: page.count,
        pager: listing.pager(page.count)?,
        rows: page.results.into_iter().map(row).collect(),
    };
    Ok(html(StatusCode::OK, &page))
}
