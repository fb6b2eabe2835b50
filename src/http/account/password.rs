//! Changes the user's own password.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::PASSWORD_RULES;
use super::sign_in::after_new_password;
use super::signed_in::{SignedIn, refusal};
use crate::domain::password::Password;
use crate::http::console::cookies::Cookie;
use crate::http::console::form::{Form, FormFaults};
use crate::http::console::frame::Frame;
use crate::http::console::page::{PageResult, html, see_other};
use crate::http::console::visitor::PostedForm;
use crate::http::console::widgets::Field;
use crate::http::state::State;
use crate::service::Error;

/// Django's message (`django/contrib/auth/forms.py::SetPasswordMixin`).
const MISMATCH: &str = "The two password fields didn\u{2019}t match.";

#[derive(Template)]
#[template(path = "account/password.html")]
struct PasswordPage {
    frame: Frame,
    form_token: String,
    username: String,
    old: Field,
    new: [Field; 2],
}

/// The two fields for a new password.
pub fn new_password_fields(name: &'static str, faults: &FormFaults) -> [Field; 2] {
    [
        Field::password_named(name, "New password", "new-password").required().hint(PASSWORD_RULES).with(faults),
        Field::password_named("again", "New password, again", "new-password").required().with(faults),
    ]
}

/// The new password in a form.
///
/// # Errors
/// [`Error::Invalid`] when the two fields differ.
pub fn new_password(form: &Form, name: &str) -> Result<Password, Error> {
    if form.get(name) == form.get("again") {
        Ok(Password::new(form.get(name).to_owned()))
    } else {
        Err(Error::invalid("again", MISMATCH))
    }
}

/// The form.
pub async fn show(signed_in: SignedIn) -> PageResult {
    Ok(page(&signed_in, StatusCode::OK, &FormFaults::default()))
}

/// Changes the password. The session ends with the older login tokens, so the user signs in again.
pub async fn change(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    request: HttpRequest,
    state: State,
) -> PageResult {
    let changed = async {
        let new = new_password(&form, "new_password")?;
        let old = Password::new(form.get("old_password").to_owned());
        state.service.accounts.change_own_password_signed_in(&signed_in.account, old, new).await
    };
    match changed.await {
        Ok(()) => {
            let mut answer = see_other(&after_new_password());
            let forget = Cookie::AccountSession.forget(&request, &state);
            answer.headers_mut().append(SET_COOKIE, forget);
            Ok(answer)
        }
        Err(Error::Invalid(faults)) => Ok(page(&signed_in, StatusCode::BAD_REQUEST, &faults.into())),
        Err(other) => Err(refusal(other)),
    }
}

fn page(signed_in: &SignedIn, status: StatusCode, faults: &FormFaults) -> HttpResponse {
    let page = PasswordPage {
        frame: signed_in.frame("Password", "password"),
        form_token: signed_in.form_token(),
        username: signed_in.user().username.clone(),
        old: Field::password_named("old_password", "Current password", "current-password").required().with(faults),
        new: new_password_fields("new_password", faults),
    };
    html(status, &page)
}
