//! A user's page: their fields, their tokens, and all actions.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::form::FormFaults;
use super::listing::{Listing, Pager};
use super::page::{Frame, PageResult, Refusal, html, see_other};
use super::signed_in::SignedIn;
use super::token_form::{TokenForm, TokenRow};
use super::user_form::UserForm;
use super::visitor::PostedForm;
use super::widgets::{Field, Moment, MomentOr, moment_or, user_link};
use crate::domain::password::Password;
use crate::domain::profile::ProfileField;
use crate::domain::user::{User, UserChange};
use crate::http::state::{AppState, State};
use crate::service::{TokenListFilter, UserPatch};

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
    user_form: UserForm,
    user_form_fault: String,
    edition: String,
    fields: Vec<Field>,
    password: Field,
    tokens: Vec<TokenRow>,
    pager: Pager,
    token_fields: Vec<Field>,
    user: User,
}

/// The refused form of the page, with its content and its faults.
pub enum Refused {
    None,
    UserForm(UserForm, FormFaults),
    Password(FormFaults),
    Token(TokenForm, FormFaults),
}

/// The page.
pub async fn show(signed_in: SignedIn, request: HttpRequest, username: web::Path<String>, state: State) -> PageResult {
    page(&request, &state, &signed_in, &username, Refused::None).await
}

/// The page, with the faults of a refused form.
pub async fn page(
    request: &HttpRequest,
    state: &AppState,
    signed_in: &SignedIn,
    username: &str,
    refused: Refused,
) -> PageResult {
    let user = state.service.accounts.user(username, &signed_in.caller).await?;
    let listing = Listing::of(request)?;
    let tokens =
        state.service.tokens.list_tokens(&TokenListFilter::of_user(username), listing.page, &signed_in.caller).await?;
    let status = if matches!(refused, Refused::None) { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let (mut user_form, mut wanted) = (UserForm::of(&user), TokenForm::default());
    let [mut user_form_faults, mut password_faults, mut token_faults] = <[FormFaults; 3]>::default();
    match refused {
        Refused::None => {}
        Refused::UserForm(submitted, faults) => (user_form, user_form_faults) = (submitted, faults),
        Refused::Password(faults) => password_faults = faults,
        Refused::Token(submitted, faults) => (wanted, token_faults) = (submitted, faults),
    }
    let mut fields = user_form.other_fields(&user_form_faults);
    fields.insert(0, user_form.name_field(&user_form_faults));
    let page = UserPage {
        frame: signed_in.frame(&user.username, "users"),
        form_token: signed_in.form_token(),
        link: user_link(&user.username),
        audit_link: super::audit::link_of_target(&user.username),
        profile: profile(&user),
        joined: Moment(user.date_joined),
        last_login: moment_or(user.last_login, "never"),
        may_change: signed_in.caller.require_power_over(&user).is_ok(),
        may_grant: signed_in.is_superuser(),
        user_form_fault: user_form_faults.non_field(),
        edition: user.edition(),
        fields,
        user_form,
        password: Field::password("Password", "new-password").required().with(&password_faults),
        pager: listing.pager(tokens.count)?,
        tokens: tokens.results.into_iter().map(|listed| TokenRow::of(listed.token)).collect(),
        token_fields: wanted.fields(&token_faults),
        user,
    };
    Ok(html(status, &page))
}

/// The profile as the page shows it: the full name, and the other fields that are not empty.
fn profile(user: &User) -> Vec<(&'static str, String)> {
    let others = ProfileField::ALL
        .into_iter()
        .filter(|field| !matches!(field, ProfileField::FirstName | ProfileField::LastName));
    let others = others.map(|field| (field.label(), user.profile.get(field).clone()));
    let shown = std::iter::once(("Name", user.profile.full_name())).chain(others);
    shown.filter(|(_, text)| !text.is_empty()).collect()
}

/// Changes the user's fields.
pub async fn save(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    request: HttpRequest,
    username: web::Path<String>,
    state: State,
) -> PageResult {
    let user_form = UserForm::submitted(&form);
    let target = signed_in.user_to_change(&state, &username).await?;
    // Only superusers have check boxes for these. From others, an unchecked one means nothing.
    let flag = |is_checked: bool| (is_checked || signed_in.is_superuser()).then_some(is_checked);
    let change = UserChange {
        is_staff: flag(user_form.is_staff),
        is_superuser: flag(user_form.is_superuser),
        ..user_form.clone().changes_of(target.user())
    };
    let patch = UserPatch {
        // Saving an old page must not restore flags and groups that somebody has removed since.
        edition: Some(form.get("edition")).filter(|edition| !edition.is_empty()).map(ToOwned::to_owned),
        ..UserPatch::from(change)
    };
    match state.service.accounts.update_user(&target, patch).await {
        Ok(user) => to_user_page(&state, &signed_in, &user.username, "Saved.").await,
        Err(error) => {
            let faults = FormFaults::of(error)?;
            page(&request, &state, &signed_in, &username, Refused::UserForm(user_form, faults)).await
        }
    }
}

/// Activates or deactivates the user.
pub async fn set_active(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    username: web::Path<String>,
    state: State,
) -> PageResult {
    let is_active = match form.get("is_active") {
        "true" => true,
        "false" => false,
        _ => return Err(Refusal::Page(StatusCode::BAD_REQUEST, "The form does not say what to do.".into())),
    };
    let change = UserChange { is_active: Some(is_active), ..UserChange::default() };
    let target = signed_in.user_to_change(&state, &username).await?;
    let user = state.service.accounts.update_user(&target, change.into()).await?;
    let notice = if is_active {
        format!("{} is active again.", user.username)
    } else {
        format!("{} is deactivated: they cannot log in, and their tokens are not accepted.", user.username)
    };
    to_user_page(&state, &signed_in, &user.username, &notice).await
}

/// Sets the user's password.
pub async fn set_password(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    request: HttpRequest,
    username: web::Path<String>,
    state: State,
) -> PageResult {
    let password = Password::new(form.get("password").to_owned());
    let target = signed_in.user_to_change(&state, &username).await?;
    let set = state.service.accounts.set_password(&target, password);
    match signed_in.run_once(&request, &form, &state, set).await? {
        Ok(()) => {
            let notice = "The password is set. Older login tokens are revoked.";
            to_user_page(&state, &signed_in, &username, notice).await
        }
        Err(error) => {
            let faults = FormFaults::of(error)?;
            page(&request, &state, &signed_in, &username, Refused::Password(faults)).await
        }
    }
}

/// Redirects to a user's page with a notice.
pub async fn to_user_page(state: &AppState, signed_in: &SignedIn, username: &str, notice: &str) -> PageResult {
    signed_in.notify(state, notice).await;
    Ok::<HttpResponse, _>(see_other(&user_link(username)))
}
