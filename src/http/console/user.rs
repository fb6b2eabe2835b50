//! One user: who they are, their tokens, and all that can be done to them.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::account::Account;
use super::form::FormFaults;
use super::listing::{Listing, Pager};
use super::page::{Answered, Frame, Refusal, html, see_other};
use super::parts::{Field, Moment, MomentOr, moment_or, user_link};
use super::token_form::{TokenRow, Wanted};
use super::visitor::{Visitor, posted, visitor};
use crate::domain::password::Password;
use crate::domain::profile::ProfileField;
use crate::domain::user::{User, UserChange};
use crate::http::AppState;
use crate::service::UserPatch;

#[derive(Template)]
#[template(path = "console/user.html")]
struct UserPage {
    frame: Frame,
    form_token: String,
    link: String,
    audit_link: String,
    profile: Vec<(&'static str, String)>,
    joined: Moment,
    last_login: MomentOr,
    may_change: bool,
    may_grant: bool,
    account: Account,
    account_fault: String,
    edition: String,
    fields: Vec<Field>,
    password: Field,
    tokens: Vec<TokenRow>,
    pager: Pager,
    token_fields: Vec<Field>,
    user: User,
}

/// Which of the page's forms was refused, what it said, and why.
pub enum Refused {
    None,
    Account(Account, FormFaults),
    Password(FormFaults),
    Token(Wanted, FormFaults),
}

/// The page.
pub async fn show(request: HttpRequest, username: web::Path<String>, state: web::Data<AppState>) -> Answered {
    let visitor = visitor(&request, &state).await?;
    page(&request, &state, &visitor, &username, Refused::None).await
}

/// The page again, with what was wrong with one of its forms.
pub async fn page(
    request: &HttpRequest,
    state: &AppState,
    visitor: &Visitor,
    username: &str,
    refused: Refused,
) -> Answered {
    let user = state.service.accounts.user(username, &visitor.caller).await?;
    let listing = Listing::of(request)?;
    let tokens = state.service.tokens.list_tokens(Some(username), listing.page, &visitor.caller).await?;
    let status = if matches!(refused, Refused::None) { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let (mut account, mut wanted) = (Account::of(&user), Wanted::default());
    let [mut account_faults, mut password_faults, mut token_faults] = <[FormFaults; 3]>::default();
    match refused {
        Refused::None => {}
        Refused::Account(asked, faults) => (account, account_faults) = (asked, faults),
        Refused::Password(faults) => password_faults = faults,
        Refused::Token(asked, faults) => (wanted, token_faults) = (asked, faults),
    }
    let mut fields = account.other_fields(&account_faults);
    fields.insert(0, account.name_field(&account_faults));
    let page = UserPage {
        frame: visitor.frame(&user.username, "users"),
        form_token: visitor.form_token(),
        link: user_link(&user.username),
        audit_link: super::audit::link_of_target(&user.username),
        profile: profile(&user),
        joined: Moment(user.date_joined),
        last_login: moment_or(user.last_login, "never"),
        may_change: visitor.caller.require_power_over(&user).is_ok(),
        may_grant: visitor.is_superuser(),
        account_fault: account_faults.elsewhere(),
        edition: user.edition(),
        fields,
        account,
        password: Field::password("Password", "new-password").required().with(&password_faults),
        pager: listing.pager(tokens.count)?,
        tokens: tokens.results.into_iter().map(|(token, _)| TokenRow::of(token)).collect(),
        token_fields: wanted.fields(&token_faults),
        user,
    };
    Ok(html(status, &page))
}

/// What is told of a profile: the whole name, and the other fields that are filled in.
fn profile(user: &User) -> Vec<(&'static str, String)> {
    let others = ProfileField::ALL
        .into_iter()
        .filter(|field| !matches!(field, ProfileField::FirstName | ProfileField::LastName));
    let others = others.map(|field| (field.label(), user.profile.get(field).clone()));
    let shown = std::iter::once(("Name", user.profile.full_name())).chain(others);
    shown.filter(|(_, text)| !text.is_empty()).collect()
}

/// Changes who they are.
pub async fn save(
    request: HttpRequest,
    username: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Answered {
    let (visitor, form) = posted(&request, payload, &state).await?;
    let account = Account::wanted(&form);
    let user = state.service.accounts.user(&username, &visitor.caller).await?;
    // Whoever may not grant these has no boxes for them: none ticked says nothing then.
    let flag = |ticked: bool| (ticked || visitor.is_superuser()).then_some(ticked);
    let change = UserChange {
        is_staff: flag(account.is_staff),
        is_superuser: flag(account.is_superuser),
        ..account.clone().changes_of(&user)
    };
    let patch = UserPatch {
        // Who saves a page of yesterday would give back what others took away since: flags and groups.
        edition: Some(form.get("edition")).filter(|edition| !edition.is_empty()).map(ToOwned::to_owned),
        ..UserPatch::from(change)
    };
    match state.service.accounts.update_user(&username, patch, &visitor.caller).await {
        Ok(user) => back(&state, &visitor, &user.username, "Saved.").await,
        Err(error) => {
            let faults = FormFaults::of(error)?;
            page(&request, &state, &visitor, &username, Refused::Account(account, faults)).await
        }
    }
}

/// Activates or deactivates them.
pub async fn set_active(
    request: HttpRequest,
    username: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Answered {
    let (visitor, form) = posted(&request, payload, &state).await?;
    let is_active = match form.get("is_active") {
        "true" => true,
        "false" => false,
        _ => return Err(Refusal::Page(StatusCode::BAD_REQUEST, "The form does not say what to do.".into())),
    };
    let change = UserChange { is_active: Some(is_active), ..UserChange::default() };
    let user = state.service.accounts.update_user(&username, change.into(), &visitor.caller).await?;
    let notice = if is_active {
        format!("{} is active again.", user.username)
    } else {
        format!("{} is deactivated: no login, and no token is good.", user.username)
    };
    back(&state, &visitor, &user.username, &notice).await
}

/// Sets their password.
pub async fn set_password(
    request: HttpRequest,
    username: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Answered {
    let (visitor, form) = posted(&request, payload, &state).await?;
    let password = Password::new(form.get("password").to_owned());
    let set = state.service.accounts.set_password(&username, password, &visitor.caller);
    match visitor.once(&request, &form, &state, set).await? {
        Ok(()) => {
            let notice = "The password is set. Login tokens made before are revoked.";
            back(&state, &visitor, &username, notice).await
        }
        Err(error) => {
            let faults = FormFaults::of(error)?;
            page(&request, &state, &visitor, &username, Refused::Password(faults)).await
        }
    }
}

/// On to a user's page, which says what was done.
pub async fn back(state: &AppState, visitor: &Visitor, username: &str, notice: &str) -> Answered {
    visitor.notify(state, notice).await;
    Ok::<HttpResponse, _>(see_other(&user_link(username)))
}
