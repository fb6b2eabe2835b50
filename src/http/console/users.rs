//! The list of users: search, filters, pages. The search finds tokens, too.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;

use super::frame::Frame;
use super::listing::{Listing, Pager, number_up_to};
use super::page::{PageResult, html};
use super::signed_in::SignedIn;
use super::token_form::FoundRow;
use super::user_filter::{FILTERS, FilterFields, ReadFilter, max_found, read};
use super::widgets::{Choice, Day, DayOr, moment_or, user_link};
use crate::domain::page::MAX_PAGE_SIZE;
use crate::domain::token::{TokenSearch, copied_key};
use crate::domain::user::User;
use crate::http::state::State;

/// How many tokens a search shows at most.
const MAX_TOKENS: u32 = 20;

/// How many rows a page may have. The first is the default.
const SIZES: [(u32, &str); 3] = [(25, "25"), (100, "100"), (500, "500")];

#[derive(Template)]
#[template(path = "console/users.html")]
struct UsersPage {
    frame: Frame,
    search: String,
    /// Parameters that the search form keeps: names and values.
    kept: Vec<(&'static str, String)>,
    /// The search and the filters: names and values.
    chosen: Vec<(&'static str, String)>,
    filters: FilterFields,
    columns: [Column; 2],
    rows: Vec<Row>,
    count: String,
    /// How many users match, if the list is filtered, has more than this page, and all can be changed at once.
    matching: Option<String>,
    tokens: Vec<FoundRow>,
    is_whole_key: bool,
    csv_link: String,
    sizes: Vec<Choice>,
    pager: Pager,
}

struct Row {
    link: String,
    joined: Day,
    last_login: DayOr,
    tokens: i64,
    may_change: bool,
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
    let wanted = Listing::of(&request)?.get("rows").to_owned();
    let (size, _) = SIZES.into_iter().find(|(_, word)| *word == wanted).unwrap_or(SIZES[0]);
    let listing = Listing::numbered_by(&request, "page", size)?;
    let caller = &signed_in.caller;
    let ReadFilter { filter, faults } = read(&listing);
    let (accounts, service) = (&state.service.accounts, &state.service);
    let most = max_found(&listing);
    let page = accounts.list_users(filter, listing.page, Some(most), caller).await?;
    let ids = page.results.iter().map(|user| user.id).collect();
    let counts = service.tokens.count_tokens_by_user(ids, caller).await?;
    let search = listing.get("search").to_owned();
    let token_search = TokenSearch::of(&search);
    let is_whole_key = token_search.is_whole_key || TokenSearch::of(copied_key(&search)).is_whole_key;
    let tokens = service.tokens.find_tokens(token_search, MAX_TOKENS, caller).await?;
    let now = service.clock.now();
    let row = |user: User| Row {
        link: user_link(&user.username),
        joined: Day(user.date_joined),
        last_login: moment_or(user.last_login, "never").day(),
        tokens: counts.get(&user.id).copied().unwrap_or(0),
        may_change: caller.require_power_over(&user).is_ok(),
        user,
    };
    let size = |(_, word): (u32, &str)| Choice {
        value: listing.link("rows", word),
        label: word.to_owned(),
        is_chosen: listing.get("rows") == word || (word == SIZES[0].1 && listing.get("rows").is_empty()),
    };
    let is_chosen = FILTERS.iter().chain(&["search"]).any(|name| !listing.get(name).is_empty());
    let has_more = page.count > i64::try_from(page.results.len()).unwrap_or(i64::MAX);
    let matching = is_chosen && has_more && page.count <= MAX_PAGE_SIZE.into();
    let kept = ["ordering", "rows"].map(|name| (name, listing.get(name).to_owned()));
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let page = UsersPage {
        frame: signed_in.frame("Users", "users"),
        kept: kept.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        filters: FilterFields::of(&listing, &faults, caller, &state).await?,
        columns: ["username", "date_joined"].map(|name| Column::of(name, &listing)),
        matching: matching.then(|| page.count.to_string()),
        chosen: FILTERS.iter().chain(&["search"]).map(|name| (*name, listing.get(name).to_owned())).collect(),
        count: number_up_to(page.count, most),
        pager: listing.pager_up_to(&page, most)?,
        rows: page.results.into_iter().map(row).collect(),
        tokens: tokens.into_iter().map(|found| FoundRow::of(found, now)).collect(),
        is_whole_key,
        csv_link: listing.link_at("/console/users.csv"),
        sizes: SIZES.into_iter().map(size).collect(),
        search,
    };
    Ok(html(status, &page))
}
