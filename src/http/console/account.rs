//! The part of a user's page with their account: fields, password, activation, deletion.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::form::FormFaults;
use super::frame::Frame;
use super::page::{PageResult, Refusal, html, see_other};
use super::signed_in::SignedIn;
use super::user::{Part, UserHead, to_user_page};
use super::user_form::{GroupBoxes, UserForm};
use super::visitor::PostedForm;
use super::widgets::{Field, user_link};
use crate::domain::password::Password;
use crate::domain::user::UserChange;
use crate::http::state::{AppState, State};
use crate::service::UserPatch;

#[derive(Template)]
#[template(path = "console/account.html")]
struct AccountPage {
    frame: Frame,
    head: UserHead,
    form_token: String,
    may_grant: bool,
    user_form: UserForm,
    user_form_fault: String,
    edition: String,
    fields: Vec<Field>,
    groups: GroupBoxes,
    password: Field,
}

/// The refused form of the page, with its content and its faults.
enum Refused {
    None,
    UserForm(UserForm, FormFaults),
    Password(FormFaults),
}

/// The page.
pub async fn show(signed_in: SignedIn, username: web::Path<String>, state: State) -> PageResult {
    page(&state, &signed_in, &username, Refused::None).await
}

async fn page(state: &AppState, signed_in: &SignedIn, username: &str, refused: Refused) -> PageResult {
    let user = state.service.accounts.user(username, &signed_in.caller).await?;
    let status = if matches!(refused, Refused::None) { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let mut user_form = UserForm::of(&user);
    let [mut user_form_faults, mut password_faults] = <[FormFaults; 2]>::default();
    match refused {
        Refused::None => {}
        Refused::UserForm(submitted, faults) => (user_form, user_form_faults) = (submitted, faults),
        Refused::Password(faults) => password_faults = faults,
    }
    let mut fields = user_form.other_fields(&user_form_faults);
    fields.insert(0, user_form.name_field(&user_form_faults));
    let page = AccountPage {
        frame: signed_in.frame(&user.username, "users"),
        form_token: signed_in.form_token(),
        may_grant: signed_in.is_superuser(),
        user_form_fault: user_form_faults.non_field(),
        edition: user.edition(),
        fields,
        groups: user_form.group_boxes(&user_form_faults, &signed_in.caller, state).await?,
        user_form,
        password: Field::password("Password", "new-password").required().with(&password_faults),
        head: UserHead::of(user, Part::Account, signed_in, state).await?,
    };
    Ok(html(status, &page))
}

/// Changes the user's fields.
pub async fn save(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
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
        Ok(user) => to_account_page(&state, &signed_in, &user.username, "Saved.").await,
        Err(error) => {
            let faults = FormFaults::of(error)?;
            page(&state, &signed_in, &username, Refused::UserForm(user_form, faults)).await
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
            to_account_page(&state, &signed_in, &username, notice).await
        }
        Err(error) => {
            let faults = FormFaults::of(error)?;
            page(&state, &signed_in, &username, Refused::Password(faults)).await
        }
    }
}

/// Redirects to this part of a user's page with a notice.
async fn to_account_page(state: &AppState, signed_in: &SignedIn, username: &str, notice: &str) -> PageResult {
    signed_in.notify(state, notice).await;
    Ok::<HttpResponse, _>(see_other(&format!("{}/account", user_link(username))))
}
