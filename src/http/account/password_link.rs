//! The page that a link for a password leads to. Only its form uses the link up: mail scanners open links.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::password::{new_password, new_password_fields};
use super::sign_in::after_new_password;
use crate::domain::password_link::LinkKey;
use crate::http::console::cookies::Cookie;
use crate::http::console::form::{Form, FormFaults};
use crate::http::console::form_key::FormKey;
use crate::http::console::frame::{ACCOUNT, Frame};
use crate::http::console::page::{PageResult, Refusal, html, see_other};
use crate::http::console::widgets::{Field, Moment};
use crate::http::extract::Anyone;
use crate::http::peer::client_address;
use crate::http::state::{AppState, State};
use crate::logging::RequestContext;
use crate::service::{Error, Faults};

/// The page for whoever has an old link. It does not say whose it was.
const NOT_OPEN: &str = "This link is no longer valid: it works once, and only for a while. Ask whoever sent it for \
                        another one.";

#[derive(Template)]
#[template(path = "account/password_link.html")]
struct LinkPage {
    frame: Frame,
    form_token: String,
    username: String,
    until: Moment,
    fault: String,
    new: [Field; 2],
}

/// The form.
pub async fn show(_: Anyone, request: HttpRequest, key: web::Path<String>, state: State) -> PageResult {
    let key = parse(&key)?;
    page(&request, &state, &key, StatusCode::OK, &FormFaults::default()).await
}

/// Sets the password, and leads to the sign-in.
pub async fn set_password(
    _: Anyone,
    request: HttpRequest,
    (key, payload): (web::Path<String>, web::Payload),
    state: State,
) -> PageResult {
    let key = parse(&key)?;
    let form = Form::read(&request, payload).await?;
    if !FormKey::of(Cookie::AccountForm, &request, &state).owns_form(&form) {
        let mut faults = Faults::default();
        faults.add(Faults::NON_FIELD, "This form was open for too long. Please try again.");
        return page(&request, &state, &key, StatusCode::FORBIDDEN, &faults.into()).await;
    }
    let set = async {
        let password = new_password(&form, "password")?;
        state.service.accounts.use_password_link(&key, password, client_address(&request, &state)).await
    };
    match set.await {
        Ok(user) => {
            RequestContext::set_user(&user.username);
            let mut answer = see_other(&after_new_password());
            // The browser may be signed in as somebody else, whose account would be shown instead of the sign-in.
            if let Some(session) = Cookie::AccountSession.sent(&request, &state) {
                state.service.sign_in.sign_out(&session).await?;
                answer.headers_mut().append(SET_COOKIE, Cookie::AccountSession.forget(&request, &state));
            }
            Ok(answer)
        }
        Err(Error::Invalid(faults)) => page(&request, &state, &key, StatusCode::BAD_REQUEST, &faults.into()).await,
        Err(other) => Err(refusal(other)),
    }
}

fn parse(key: &str) -> Result<LinkKey, Refusal> {
    LinkKey::parse(key).ok_or_else(not_open)
}

fn not_open() -> Refusal {
    Refusal::Page(StatusCode::NOT_FOUND, NOT_OPEN.into())
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::NotFound => not_open(),
        other => other.into(),
    }
}

async fn page(
    request: &HttpRequest,
    state: &AppState,
    key: &LinkKey,
    status: StatusCode,
    faults: &FormFaults,
) -> Result<HttpResponse, Refusal> {
    let linked = state.service.accounts.linked_user(key).await.map_err(refusal)?;
    let form_key = FormKey::of(Cookie::AccountForm, request, state);
    let page = LinkPage {
        frame: Frame::plain(ACCOUNT, "Set your password"),
        form_token: form_key.form_token(),
        username: linked.user.username,
        until: Moment(linked.expires_at),
        fault: faults.non_field(),
        new: new_password_fields("password", faults),
    };
    Ok(form_key.bind(html(status, &page), request, state))
}
