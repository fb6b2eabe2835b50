//! Where users sign in to their own account.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::signed_in::SIGN_IN;
use crate::domain::session::SessionKind;
use crate::domain::user::LoginBy;
use crate::http::console::cookies::Cookie;
use crate::http::console::ended_session;
use crate::http::console::form::FormFaults;
use crate::http::console::form_key::FormKey;
use crate::http::console::frame::{ACCOUNT, Frame};
use crate::http::console::login_form::{LoginForm, login_fields};
use crate::http::console::page::{PageResult, html, see_other};
use crate::http::console::widgets::Field;
use crate::http::drf::query::Query;
use crate::http::extract::Anyone;
use crate::http::state::{AppState, State};

#[derive(Template)]
#[template(path = "account/sign_in.html")]
struct SignInPage {
    frame: Frame,
    form_token: String,
    fault: String,
    username: Field,
    password: Field,
}

/// The form's link after a new password was set.
pub fn after_new_password() -> String {
    format!("{SIGN_IN}?new=password")
}

/// The form. A user who is signed in already is redirected.
pub async fn show(_: Anyone, request: HttpRequest, state: State) -> PageResult {
    if let Some(key) = Cookie::AccountSession.sent(&request, &state)
        && state.service.sign_in.session(&key, SessionKind::Account, false).await?.is_some()
    {
        return Ok(see_other("/account/"));
    }
    Ok(page(&request, &state, StatusCode::OK, "", &FormFaults::default()))
}

/// Signs in.
pub async fn sign_in(_: Anyone, request: HttpRequest, payload: web::Payload, state: State) -> PageResult {
    let form = LoginForm::read(&request, payload, &state, Cookie::AccountForm).await?;
    let previous = Cookie::AccountSession.sent(&request, &state);
    let sign_in = |login| state.service.sign_in.sign_in(login, SessionKind::Account, previous);
    let signed_in = match form.sign_in(&request, &state, state.options.login.by, sign_in).await? {
        Ok(signed_in) => signed_in,
        Err(refused) => {
            let page = page(&request, &state, refused.status, &form.username(), &refused.faults);
            return Ok(refused.answer(page));
        }
    };
    let mut answer = see_other("/account/");
    answer.headers_mut().append(SET_COOKIE, Cookie::AccountSession.set(&signed_in.key, &request, &state));
    answer.headers_mut().append(SET_COOKIE, Cookie::AccountForm.forget(&request, &state));
    Ok(answer)
}

fn page(
    request: &HttpRequest,
    state: &AppState,
    status: StatusCode,
    username: &str,
    faults: &FormFaults,
) -> HttpResponse {
    let label = match state.options.login.by {
        LoginBy::Username => "Username",
        LoginBy::Email => "E-mail",
        LoginBy::UsernameOrEmail => "Username or e-mail",
    };
    let key = FormKey::of(Cookie::AccountForm, request, state);
    let (username, password) = login_fields(label, username, faults);
    let is_new_password = status == StatusCode::OK && Query::of(request).get("new") == "password";
    let notice = is_new_password.then(|| "The new password is set. Sign in with it.".to_owned());
    let notice = notice.or_else(|| ended_session::notice(request));
    let page = SignInPage {
        frame: Frame { notice, ..Frame::plain(ACCOUNT, "Sign in") },
        form_token: key.form_token(),
        fault: faults.non_field(),
        username,
        password,
    };
    key.bind(html(status, &page), request, state)
}
