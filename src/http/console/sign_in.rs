//! The sign-in page.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::cookies::{Cookie, start_at_console};
use super::ended_session;
use super::form::FormFaults;
use super::form_key::FormKey;
use super::frame::{CONSOLE, Frame};
use super::login_form::{LoginForm, login_fields};
use super::page::{PageResult, html, see_other};
use super::widgets::Field;
use crate::domain::session::SessionKind;
use crate::http::drf::query::Query;
use crate::http::extract::Anyone;
use crate::http::state::{AppState, State};

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
        && state.service.sign_in.session(&key, SessionKind::Console, false).await?.is_some()
    {
        return Ok(see_other(allowed_next(next)));
    }
    Ok(page(&request, &state, StatusCode::OK, "", next, &FormFaults::default()))
}

/// Signs in.
pub async fn sign_in(_: Anyone, request: HttpRequest, payload: web::Payload, state: State) -> PageResult {
    let form = LoginForm::read(&request, payload, &state, Cookie::Form).await?;
    let (username, next) = (form.username(), form.get("next"));
    let previous = Cookie::Session.sent(&request, &state);
    let sign_in = |login| state.service.sign_in.sign_in(login, SessionKind::Console, previous);
    // Whatever logins at the API take, staff may sign in by their username: the first superuser may have no e-mail
    // address.
    let by = state.options.login.by.or_username();
    let signed_in = match form.sign_in(&request, &state, by, sign_in).await? {
        Ok(signed_in) => signed_in,
        Err(refused) => {
            return Ok(refused.answer(page(&request, &state, refused.status, &username, next, &refused.faults)));
        }
    };
    let mut answer = see_other(allowed_next(next));
    answer.headers_mut().append(SET_COOKIE, Cookie::Session.set(&signed_in.key, &request, &state));
    answer.headers_mut().append(SET_COOKIE, Cookie::Form.forget(&request, &state));
    answer.headers_mut().append(SET_COOKIE, start_at_console(&request, &state));
    Ok(answer)
}

fn page(
    request: &HttpRequest,
    state: &AppState,
    status: StatusCode,
    username: &str,
    next: &str,
    faults: &FormFaults,
) -> HttpResponse {
    let key = FormKey::of(Cookie::Form, request, state);
    let (username, password) = login_fields("Username", username, faults);
    let page = SignInPage {
        frame: Frame { notice: ended_session::notice(request), ..Frame::plain(CONSOLE, "Sign in") },
        form_token: key.form_token(),
        next: allowed_next(next).to_owned(),
        fault: faults.non_field(),
        username,
        password,
    };
    key.bind(html(status, &page), request, state)
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
