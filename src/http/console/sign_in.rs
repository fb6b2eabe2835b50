//! The sign-in page.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::cookies::Cookie;
use super::form::{Form, FormFaults};
use super::page::{Frame, PageResult, html, see_other, throttled, with_retry_after};
use super::widgets::Field;
use crate::domain::password::Password;
use crate::domain::session::SessionKey;
use crate::domain::user::LoginName;
use crate::http::drf::query::Query;
use crate::http::error::whole_seconds;
use crate::http::extract::Anyone;
use crate::http::peer::client_address;
use crate::http::state::{AppState, State};
use crate::logging::RequestContext;
use crate::service::{Error, Faults, Login};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage {
    frame: Frame,
    form_token: String,
    next: String,
    fault: String,
    username: Field,
    password: Field,
}

/// The form. A user who is signed in already is redirected.
pub async fn show(_: Anyone, request: HttpRequest, state: State) -> PageResult {
    let query = Query::of(&request);
    let next = query.get("next").trim();
    if let Some(key) = Cookie::Session.sent(&request, &state)
        && state.service.sign_in.session(&key, false).await?.is_some()
    {
        return Ok(see_other(allowed_next(next)));
    }
    Ok(page(&request, &state, StatusCode::OK, "", next, &FormFaults::default()))
}

/// Signs in.
pub async fn sign_in(_: Anyone, request: HttpRequest, payload: web::Payload, state: State) -> PageResult {
    let form = Form::read(&request, payload).await?;
    let (username, next) = (form.text("username"), form.get("next"));
    let again = |status, faults: &FormFaults| page(&request, &state, status, &username, next, faults);
    let is_own_form = Cookie::Form.sent(&request, &state).is_some_and(|key| key.has_form_token(form.get(Form::TOKEN)));
    if !is_own_form {
        return Ok(again(StatusCode::FORBIDDEN, &non_field("This form was open for too long. Please try again.")));
    }
    let password = form.get("password");
    let mut faults = Faults::default();
    for (field, text) in [("username", username.as_str()), ("password", password)] {
        if text.is_empty() {
            faults.add(field, "This field is required.");
        }
    }
    if let Err(error) = faults.into_result() {
        return Ok(again(StatusCode::BAD_REQUEST, &FormFaults::of(error)?));
    }
    let login = Login {
        // Whatever logins at the API take, staff may sign in by their username: the first superuser may have no e-mail
        // address.
        name: LoginName { text: username.clone(), by: state.options.login.by.or_username() },
        password: Password::new(password.to_owned()),
        address: client_address(&request, &state),
    };
    let previous = Cookie::Session.sent(&request, &state);
    let signed_in = match state.service.sign_in.sign_in(login, previous).await {
        Ok(signed_in) => signed_in,
        Err(Error::Throttled(wait)) => {
            let page = again(StatusCode::TOO_MANY_REQUESTS, &non_field(&throttled(wait)));
            return Ok(with_retry_after(page, whole_seconds(wait)));
        }
        Err(error) => return Ok(again(StatusCode::BAD_REQUEST, &FormFaults::of(error)?)),
    };
    RequestContext::set_user(&signed_in.username);
    let mut answer = see_other(allowed_next(next));
    answer.headers_mut().append(SET_COOKIE, Cookie::Session.set(&signed_in.key, &request, &state));
    answer.headers_mut().append(SET_COOKIE, Cookie::Form.forget(&request, &state));
    Ok(answer)
}

fn non_field(sentence: &str) -> FormFaults {
    let mut faults = Faults::default();
    faults.add(Faults::NON_FIELD, sentence);
    faults.into()
}

fn page(
    request: &HttpRequest,
    state: &AppState,
    status: StatusCode,
    username: &str,
    next: &str,
    faults: &FormFaults,
) -> HttpResponse {
    let known = Cookie::Form.sent(request, state);
    let key = known.clone().unwrap_or_else(SessionKey::generate);
    let name = Field::text("username", "Username", username).autocomplete("username").required().with(faults);
    let password = Field::password("Password", "current-password").required().with(faults);
    let page = SignInPage {
        frame: Frame::plain("Sign in"),
        form_token: key.form_token(),
        next: allowed_next(next).to_owned(),
        fault: faults.non_field(),
        username: if username.is_empty() { name.clone().autofocus() } else { name },
        password: if username.is_empty() { password } else { password.autofocus() },
    };
    let mut answer = html(status, &page);
    if known.is_none() {
        answer.headers_mut().append(SET_COOKIE, Cookie::Form.set(&key, request, state));
    }
    answer
}

/// The page after signing in. Only pages of the console are allowed, so that a link cannot redirect to another site.
fn allowed_next(next: &str) -> &str {
    const OVERVIEW: &str = "/console/";
    let path = next.split(['?', '#']).next().unwrap_or_default();
    // Encoded dots and slashes, which browsers may decode in a path.
    let lower = path.to_ascii_lowercase();
    let is_plain = path.starts_with(OVERVIEW)
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !path.split('/').skip(1).any(|segment| segment == "." || segment == "..")
        && !lower.contains("/%2e")
        && !lower.contains("%2f")
        && !lower.contains("%5c")
        && !path.contains("/.%");
    if is_plain { next } else { OVERVIEW }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_console_come_next() {
        for inner in
            ["/console/", "/console/users?search=a%2Fb&page=2", "/console/users/@al.ice", "/console/users/@..x"]
        {
            assert_eq!(allowed_next(inner), inner);
        }
        for outer in [
            "",
            "/",
            "/console",
            "/consoles/",
            "console/",
            "https://evil.test/console/",
            "//evil.test/console/",
            "/\\evil.test",
            "/console/\\..\\..",
            "/console/../docs/",
            "/console/./../docs",
            "/console/%2e%2e/docs",
            "/console/.%2e/docs",
            "/console/%2E./docs",
            "/console/x\r\nSet-Cookie: a=b",
            "/console/ü",
            "/console/..",
            "javascript:alert(1)",
            "/console/x%2f..%2f..",
            "/console/%5c..",
        ] {
            assert_eq!(allowed_next(outer), "/console/", "{outer}");
        }
    }
}
