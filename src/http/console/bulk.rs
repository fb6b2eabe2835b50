//! One action for many users: deactivate, revoke all tokens, add to a group. They are selected one by one, or are all that
//! match the filters of the list. A page asks first, and names them all.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;

use super::form::{Form, FormFaults};
use super::frame::Frame;
use super::listing::Listing;
use super::page::{PageResult, Refusal, html, see_other};
use super::signed_in::SignedIn;
use super::user_filter::{ReadFilter, group_choices, read, require_valid};
use super::visitor::PostedForm;
use super::widgets::{Choice, Field, user_link};
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::domain::user::{User, UserChange};
use crate::http::state::{AppState, State};
use crate::service::{ChangeableUser, Error};

/// What is done to each of the users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Deactivate,
    Revoke,
    Group,
}

impl Task {
    fn parse(word: &str) -> Result<Self, Refusal> {
        match word {
            "deactivate" => Ok(Self::Deactivate),
            "revoke" => Ok(Self::Revoke),
            "group" => Ok(Self::Group),
            _ => Err(Refusal::Page(StatusCode::BAD_REQUEST, "The form does not say what to do.".into())),
        }
    }

    /// The word in forms.
    const fn word(self) -> &'static str {
        match self {
            Self::Deactivate => "deactivate",
            Self::Revoke => "revoke",
            Self::Group => "group",
        }
    }

    /// The button.
    const fn label(self) -> &'static str {
        match self {
            Self::Deactivate => "Deactivate",
            Self::Revoke => "Revoke tokens",
            Self::Group => "Add to group",
        }
    }

    /// The question about so many users.
    fn question(self, count: usize) -> String {
        let users = if count == 1 { "this user".to_owned() } else { format!("these {count} users") };
        match self {
            Self::Deactivate => format!("Deactivate {users}?"),
            Self::Revoke => format!("Revoke all tokens of {users}?"),
            Self::Group => format!("Add {users} to a group?"),
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Deactivate => {
                "They cannot log in, and their tokens are not accepted, until they are activated again."
            }
            Self::Revoke => {
                "Every key of theirs stops working, named ones too. Whoever is active can log in and gets a new one."
            }
            Self::Group => "They keep their other groups.",
        }
    }

    /// What was done to so many users.
    const fn done(self) -> &'static str {
        match self {
            Self::Deactivate => "deactivated",
            Self::Revoke => "left without a live token",
            Self::Group => "added to the group",
        }
    }
}

#[derive(Template)]
#[template(path = "console/bulk.html")]
struct BulkPage {
    frame: Frame,
    form_token: String,
    task: Task,
    users: Vec<(String, User)>,
    /// The selected users whom the visitor may not change.
    forbidden: Vec<User>,
    /// Superusers among all users of a list. They are changed only if they are selected by themselves.
    superusers: Vec<User>,
    /// Where to go if nothing is to be done.
    back: String,
    groups: Vec<Choice>,
    group: Field,
}

/// Which users were asked for.
enum Selection<'a> {
    /// Those with these ids.
    Ids(&'a [&'a str]),
    /// All that match the filters of a list.
    Matching(&'a Listing),
}

/// Asks for confirmation.
pub async fn confirm(signed_in: SignedIn, request: HttpRequest, state: State) -> PageResult {
    let listing = Listing::of(&request)?;
    let task = Task::parse(listing.get("do"))?;
    let faults = FormFaults::default();
    if listing.get("all").is_empty() {
        return page(&signed_in, &state, task, Selection::Ids(&listing.all("user")), &faults).await;
    }
    page(&signed_in, &state, task, Selection::Matching(&listing), &faults).await
}

async fn page(
    signed_in: &SignedIn,
    state: &AppState,
    task: Task,
    selection: Selection<'_>,
    faults: &FormFaults,
) -> PageResult {
    let (all, is_list) = match selection {
        Selection::Ids(ids) => (users(signed_in, state, ids).await?, false),
        Selection::Matching(listing) => (matching_users(signed_in, state, listing).await?, true),
    };
    let may_change = |user: &User| signed_in.caller.require_power_over(user).is_ok();
    let (may_be_changed, forbidden): (Vec<User>, Vec<User>) = all.into_iter().partition(may_change);
    let (superusers, users): (Vec<User>, Vec<User>) =
        may_be_changed.into_iter().partition(|user| is_list && user.is_superuser);
    if users.is_empty() {
        return Err(Refusal::Page(StatusCode::BAD_REQUEST, "No user is selected whom you may change.".into()));
    }
    let groups = group_choices("", &signed_in.caller, state).await?;
    let page = BulkPage {
        frame: signed_in.frame(task.label(), "users"),
        form_token: signed_in.form_token(),
        task,
        forbidden,
        superusers,
        back: back(&users),
        users: users.into_iter().map(|user| (user_link(&user.username), user)).collect(),
        group: Field::text("new_group", if groups.is_some() { "or a new group" } else { "Group" }, "").with(faults),
        groups: groups.unwrap_or_default(),
    };
    Ok(html(if faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST }, &page))
}

/// The page of the only user, or the list.
fn back(users: &[User]) -> String {
    match users {
        [user] => user_link(&user.username),
        _ => "/console/users".into(),
    }
}

/// All users that match the filters of a list. The page that asks names each, and exactly these are changed.
async fn matching_users(signed_in: &SignedIn, state: &AppState, listing: &Listing) -> Result<Vec<User>, Refusal> {
    let ReadFilter { filter, faults } = read(listing);
    require_valid(&faults)?;
    let whole = PageRequest::number(1, MAX_PAGE_SIZE);
    let page = state.service.accounts.list_users(filter, whole, Some(MAX_PAGE_SIZE), &signed_in.caller).await?;
    if page.count > MAX_PAGE_SIZE.into() { Err(too_many()) } else { Ok(page.results) }
}

fn too_many() -> Refusal {
    let sentence = format!("At most {MAX_PAGE_SIZE} users can be changed at once. Choose fewer, by another filter.");
    Refusal::Page(StatusCode::BAD_REQUEST, sentence)
}

/// The selected users who still exist.
async fn users(signed_in: &SignedIn, state: &AppState, ids: &[&str]) -> Result<Vec<User>, Refusal> {
    let mut ids: Vec<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > MAX_PAGE_SIZE as usize {
        return Err(too_many());
    }
    Ok(state.service.accounts.users_by_id(ids, &signed_in.caller).await?)
}

/// Does it, to each of the users whom the visitor may change.
pub async fn apply(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    request: HttpRequest,
    state: State,
) -> PageResult {
    let task = Task::parse(form.get("do"))?;
    let ids = form.all("user");
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let group =
        Some(form.text("new_group")).filter(|name| !name.is_empty()).unwrap_or_else(|| form.get("group").to_owned());
    let users = users(&signed_in, &state, &ids).await?;
    if users.is_empty() {
        return Err(Refusal::Page(StatusCode::BAD_REQUEST, "No user is selected whom you may change.".into()));
    }
    let back = back(&users);
    let outcome = apply_to_all(&signed_in, &request, &form, &state, task, users, &group).await?;
    match outcome {
        Ok(Outcome { done, failed }) => {
            let people = if done == 1 { "1 user was".to_owned() } else { format!("{done} users were") };
            let others =
                if failed.is_empty() { String::new() } else { format!(" Not changed: {}.", failed.join("; ")) };
            let notice = format!("{people} {}.{others}", task.done());
            signed_in.notify(&state, notice).await;
            Ok(see_other(&back))
        }
        Err(error) => {
            let faults = FormFaults::of(error)?;
            page(&signed_in, &state, task, Selection::Ids(&ids), &faults.moved("groups", "new_group")).await
        }
    }
}

/// How many users were changed, and who was not, and why.
#[derive(Default)]
struct Outcome {
    done: usize,
    failed: Vec<String>,
}

/// # Errors
/// A fault of the group's name, before anything was done.
async fn apply_to_all(
    signed_in: &SignedIn,
    request: &HttpRequest,
    form: &Form,
    state: &AppState,
    task: Task,
    users: Vec<User>,
    group: &str,
) -> Result<Result<Outcome, Error>, Refusal> {
    let work = async {
        let mut outcome = Outcome::default();
        for user in users {
            let username = user.username.clone();
            match apply_to(ChangeableUser::new(signed_in.caller.clone(), user), state, task, group).await {
                Ok(()) => outcome.done += 1,
                Err(error @ Error::Invalid(_)) if outcome.done == 0 => return Err(error),
                Err(error @ (Error::Store(_) | Error::Busy)) => return Err(error),
                Err(error) => outcome.failed.push(format!("{username} ({error})")),
            }
        }
        Ok(outcome)
    };
    signed_in.run_once(request, form, state, work).await
}

async fn apply_to(
    target: Result<ChangeableUser, Error>,
    state: &AppState,
    task: Task,
    group: &str,
) -> Result<(), Error> {
    let (target, service) = (target?, &state.service);
    match task {
        Task::Deactivate => {
            let change = UserChange { is_active: Some(false), ..UserChange::default() };
            service.accounts.update_user(&target, change.into()).await.map(drop)
        }
        Task::Revoke => service.tokens.revoke_all_tokens(&target).await.map(drop),
        Task::Group => service.accounts.set_member(&target, group, true).await.map(drop),
    }
}
