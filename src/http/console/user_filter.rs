//! What a list of users shows, by the parameters in its URL.

use super::form::FormFaults;
use super::listing::Listing;
use super::page::Refusal;
use super::widgets::{Choice, Field, MAX_GROUPS_OFFERED};
use crate::domain::time::Timestamp;
use crate::domain::user::{LastLogin, UserFilter, UserOrder};
use crate::http::state::AppState;
use crate::service::{Error, Faults, Staff};

/// How many users of a list are counted and have pages, and how many a CSV file has. In a longer list, one looks for a
/// user by a search or a filter.
pub const MAX_FOUND: u32 = 10_000;

/// The same for a search, in which each user that is counted costs more.
const MAX_FOUND_BY_SEARCH: u32 = 1_000;

/// How many users of this list are counted and have pages.
pub fn max_found(listing: &Listing) -> u32 {
    if listing.get("search").is_empty() { MAX_FOUND } else { MAX_FOUND_BY_SEARCH }
}

/// The parameters that filter the list.
pub const FILTERS: [&str; 5] = ["is_active", "role", "group", "logins", "before"];

const ACTIVE: [(&str, &str); 3] = [("", "any"), ("true", "active"), ("false", "inactive")];
const ROLE: [(&str, &str); 4] = [("", "any"), ("user", "user"), ("staff", "staff"), ("superuser", "superuser")];
const LOGINS: [(&str, &str); 2] = [("", "any"), ("never", "never logged in")];

/// The filter, and the faults of its texts.
pub struct ReadFilter {
    pub filter: UserFilter,
    pub faults: FormFaults,
}

/// Reads the parameters.
pub fn read(listing: &Listing) -> ReadFilter {
    let search = listing.get("search").to_owned();
    let mut faults = Faults::default();
    let before = Some(listing.get("before")).filter(|text| !text.is_empty());
    let moment = before.and_then(Timestamp::parse);
    if before.is_some() && moment.is_none() {
        faults.add("before", "Enter a date such as 2026-11-25.");
    }
    let last_login = match (listing.get("logins"), moment) {
        ("never", None) => Some(LastLogin::Never),
        ("never", Some(moment)) => Some(LastLogin::NotSince(moment)),
        (_, Some(moment)) => Some(LastLogin::Before(moment)),
        (_, None) => None,
    };
    let (is_staff, is_superuser) = match listing.get("role") {
        "user" => (Some(false), Some(false)),
        "staff" => (Some(true), Some(false)),
        "superuser" => (None, Some(true)),
        _ => (None, None),
    };
    let filter = UserFilter {
        or_id: search.parse().ok(),
        search,
        short_words_at_start: true,
        is_active: listing.get("is_active").parse().ok(),
        is_staff,
        is_superuser,
        group: Some(listing.get("group")).filter(|name| !name.is_empty()).map(ToOwned::to_owned),
        last_login,
        order: UserOrder::parse(listing.get("ordering")),
    };
    ReadFilter { filter, faults: faults.into() }
}

/// The controls of the filters.
pub struct FilterFields {
    pub actives: Vec<Choice>,
    pub roles: Vec<Choice>,
    /// The groups to choose from; none if they are too many.
    pub groups: Vec<Choice>,
    /// The field for a group's name, if they are too many.
    pub group: Option<Field>,
    pub logins: Vec<Choice>,
    pub before: Field,
    pub is_filtered: bool,
}

impl FilterFields {
    pub async fn of(listing: &Listing, faults: &FormFaults, caller: &Staff, state: &AppState) -> Result<Self, Error> {
        let group = listing.get("group");
        let (groups, group) = match group_choices(group, caller, state).await? {
            Some(choices) => (choices, None),
            None => (Vec::new(), Some(Field::text("group", "Group", group))),
        };
        Ok(Self {
            actives: Choice::of(&ACTIVE, listing.get("is_active")),
            roles: Choice::of(&ROLE, listing.get("role")),
            groups,
            group,
            logins: Choice::of(&LOGINS, listing.get("logins")),
            before: Field::text("before", "Last login before", listing.get("before"))
                .of_kind("date")
                .hint("UTC")
                .with(faults),
            is_filtered: FILTERS.iter().any(|name| !listing.get(name).is_empty()),
        })
    }
}

/// The existing groups; `None` if they are too many for a select.
pub async fn group_choices(chosen: &str, caller: &Staff, state: &AppState) -> Result<Option<Vec<Choice>>, Error> {
    let names = state.service.accounts.group_names(MAX_GROUPS_OFFERED + 1, caller).await?;
    if names.len() > MAX_GROUPS_OFFERED as usize {
        return Ok(None);
    }
    let choice = |name: String| Choice { is_chosen: name == chosen, label: name.clone(), value: name };
    Ok(Some(names.into_iter().map(choice).collect()))
}

/// Refuses a list with a fault in its URL where there is no form to show it.
pub fn require_valid(faults: &FormFaults) -> Result<(), Refusal> {
    let fault = faults.on("before");
    if fault.is_empty() {
        return Ok(());
    }
    Err(Refusal::Page(actix_web::http::StatusCode::BAD_REQUEST, fault))
}
