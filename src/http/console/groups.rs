//! Groups: the list, their members, a new name, deletion.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::form::FormFaults;
use super::frame::Frame;
use super::listing::{Listing, Pager, number_up_to};
use super::page::{PageResult, html, see_other};
use super::signed_in::SignedIn;
use super::visitor::{PostedForm, SuperuserSignedIn};
use super::widgets::{Confirmation, Field, group_link, user_link};
use crate::domain::group::Group;
use crate::domain::user::{User, UserFilter, UserOrder};
use crate::http::state::{AppState, State};

const GROUPS: &str = "/console/groups";

/// How many members are counted at most, in the list and on a group's page.
const MAX_COUNTED: u32 = 1_000;
const MAX_MEMBERS: u32 = 10_000;

#[derive(Template)]
#[template(path = "console/groups.html")]
struct GroupsPage {
    frame: Frame,
    rows: Vec<(String, Group, String)>,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "console/group.html")]
struct GroupPage {
    frame: Frame,
    form_token: String,
    link: String,
    group: Group,
    members: String,
    may_rename: bool,
    name: Field,
    rows: Vec<Member>,
    pager: Pager,
}

struct Member {
    link: String,
    user: User,
    may_change: bool,
}

/// The list, by name.
pub async fn list(signed_in: SignedIn, request: HttpRequest, state: State) -> PageResult {
    let listing = Listing::of(&request)?;
    let page = state.service.accounts.list_groups(listing.page, MAX_COUNTED, &signed_in.caller).await?;
    let row = |group: Group| (group_link(&group.name), group.clone(), number_up_to(group.members, MAX_COUNTED));
    let page = GroupsPage {
        frame: signed_in.frame("Groups", "users"),
        pager: listing.pager(page.count)?,
        rows: page.results.into_iter().map(row).collect(),
    };
    Ok(html(StatusCode::OK, &page))
}

/// A group and its members.
pub async fn show(signed_in: SignedIn, request: HttpRequest, name: web::Path<String>, state: State) -> PageResult {
    page(&request, &state, &signed_in, &name, None, &FormFaults::default()).await
}

async fn page(
    request: &HttpRequest,
    state: &AppState,
    signed_in: &SignedIn,
    name: &str,
    wanted: Option<String>,
    faults: &FormFaults,
) -> PageResult {
    let (accounts, caller) = (&state.service.accounts, &signed_in.caller);
    let group = accounts.group(name, MAX_MEMBERS, caller).await?;
    let listing = Listing::of(request)?;
    let filter = UserFilter { group: Some(group.name.clone()), order: UserOrder::Username, ..UserFilter::default() };
    let members = accounts.list_users(filter, listing.page, Some(MAX_MEMBERS), caller).await?;
    let row = |user: User| Member {
        link: user_link(&user.username),
        may_change: caller.require_power_over(&user).is_ok(),
        user,
    };
    let page = GroupPage {
        frame: signed_in.frame(&group.name, "users"),
        form_token: signed_in.form_token(),
        link: group_link(&group.name),
        members: number_up_to(group.members, MAX_MEMBERS),
        may_rename: signed_in.is_superuser(),
        name: Field::text("name", "Name", wanted.unwrap_or_else(|| group.name.clone())).required().with(faults),
        pager: listing.pager_up_to(&members, MAX_MEMBERS)?,
        rows: members.results.into_iter().map(row).collect(),
        group,
    };
    Ok(html(if faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST }, &page))
}

/// Renames a group.
pub async fn rename(
    PostedForm { by: SuperuserSignedIn { signed_in, superuser }, form }: PostedForm<SuperuserSignedIn>,
    request: HttpRequest,
    name: web::Path<String>,
    state: State,
) -> PageResult {
    let new = form.text("name");
    match state.service.accounts.rename_group(&name, &new, &superuser).await {
        Ok(()) => {
            signed_in.notify(&state, format!("{name} is now called {new}.")).await;
            Ok(see_other(&group_link(&new)))
        }
        Err(error) => {
            let faults = FormFaults::of(error)?;
            page(&request, &state, &signed_in, &name, Some(new), &faults).await
        }
    }
}

/// Removes a member.
pub async fn remove(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    name: web::Path<String>,
    state: State,
) -> PageResult {
    let target = signed_in.user_to_change(&state, form.get("username")).await?;
    let user = state.service.accounts.set_member(&target, &name, false).await?;
    signed_in.notify(&state, format!("{} is no longer in {name}.", user.username)).await;
    Ok(see_other(&group_link(&name)))
}

/// Asks for confirmation.
pub async fn confirm_delete(
    SuperuserSignedIn { signed_in, superuser }: SuperuserSignedIn,
    name: web::Path<String>,
    state: State,
) -> PageResult {
    let group = state.service.accounts.group(&name, MAX_COUNTED, &superuser).await?;
    let page = Confirmation {
        frame: signed_in.frame(&format!("Delete {}", group.name), "users"),
        form_token: signed_in.form_token(),
        question: format!("Delete {}?", group.name),
        sentence: "Its members stay, without this group. Services that ask for it refuse them from now on.",
        back: group_link(&group.name),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Deletes a group.
pub async fn delete(
    PostedForm { by: SuperuserSignedIn { signed_in, superuser }, .. }: PostedForm<SuperuserSignedIn>,
    name: web::Path<String>,
    state: State,
) -> PageResult {
    state.service.accounts.delete_group(&name, &superuser).await?;
    signed_in.notify(&state, format!("{name} was deleted.")).await;
    Ok(see_other(GROUPS))
}
