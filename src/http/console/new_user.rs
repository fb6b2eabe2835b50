//! Creates a user.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;

use super::form::FormFaults;
use super::frame::Frame;
use super::page::{PageResult, html, see_other};
use super::signed_in::SignedIn;
use super::user_form::{GroupBoxes, UserForm};
use super::visitor::PostedForm;
use super::widgets::{Field, user_link};
use crate::domain::password::Password;
use crate::domain::user::NewUser;
use crate::http::state::State;

#[derive(Template)]
#[template(path = "console/new_user.html")]
struct NewUserPage {
    frame: Frame,
    form_token: String,
    fault: String,
    fields: Vec<Field>,
    groups: GroupBoxes,
    user_form: UserForm,
    may_grant: bool,
}

/// The empty form.
pub async fn show(signed_in: SignedIn, state: State) -> PageResult {
    page(&signed_in, &state, StatusCode::OK, UserForm::default(), &FormFaults::default()).await
}

/// Creates the user.
pub async fn create(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    request: HttpRequest,
    state: State,
) -> PageResult {
    let user_form = UserForm::submitted(&form);
    let password = form.get("password");
    let wanted = user_form.clone();
    let user = NewUser {
        username: wanted.username,
        profile: wanted.profile,
        is_active: true,
        is_staff: wanted.is_staff,
        is_superuser: wanted.is_superuser,
        groups: wanted.groups,
        password: (!password.is_empty()).then(|| Password::new(password.to_owned())),
    };
    let created = state.service.accounts.create_user(user.into(), &signed_in.caller);
    match signed_in.run_once(&request, &form, &state, created).await? {
        Ok(user) => {
            signed_in.notify(&state, format!("{} was created.", user.username)).await;
            Ok(see_other(&user_link(&user.username)))
        }
        Err(error) => page(&signed_in, &state, StatusCode::BAD_REQUEST, user_form, &FormFaults::of(error)?).await,
    }
}

async fn page(
    signed_in: &SignedIn,
    state: &State,
    status: StatusCode,
    user_form: UserForm,
    faults: &FormFaults,
) -> PageResult {
    let mut fields = user_form.other_fields(faults);
    let hint = "At least 8 characters. Empty: the user cannot log in until a password is set";
    let password = Field::password("Password", "new-password").hint(hint).with(faults);
    let name = user_form.name_field(faults);
    fields.splice(0..0, [if faults.is_empty() { name.autofocus() } else { name }, password]);
    let page = NewUserPage {
        frame: signed_in.frame("New user", "users"),
        form_token: signed_in.form_token(),
        fault: faults.non_field(),
        fields,
        groups: user_form.group_boxes(faults, &signed_in.caller, state).await?,
        user_form,
        may_grant: signed_in.is_superuser(),
    };
    Ok(html(status, &page))
}
