//! `/console/`: web pages for staff. They are rendered on the server and work without a script. What is
//! `pub(in crate::http)` serves the pages of `/account/`, too.

mod account;
mod activity;
pub(in crate::http) mod assets;
mod audit;
mod audit_table;
pub(in crate::http) mod browser_session;
mod bulk;
mod clients;
pub(in crate::http) mod cookies;
mod delete_user;
mod details;
pub(in crate::http) mod ended_session;
mod explain;
pub(in crate::http) mod form;
pub(in crate::http) mod form_key;
pub(in crate::http) mod frame;
mod groups;
pub(in crate::http) mod listing;
pub(in crate::http) mod login_form;
mod new_user;
mod nodes;
mod overview;
pub(in crate::http) mod page;
pub(in crate::http) mod pages;
mod password_link;
mod sign_in;
mod sign_out;
mod signed_in;
mod token;
pub(in crate::http) mod token_form;
mod token_list;
mod tokens;
mod user;
mod user_filter;
pub(in crate::http) mod user_form;
mod user_tokens;
mod users;
mod users_csv;
pub(in crate::http) mod visitor;
pub(in crate::http) mod widgets;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web;

use self::signed_in::SignedIn;
use crate::http::state::State;

pub(in crate::http) use page::not_found;
pub(in crate::http) use pages::scope;
pub use pages::{WebPage, console_pages};

/// The routes of the console.
pub fn routes(config: &mut web::ServiceConfig) {
    let pages = scope(frame::CONSOLE, console_pages());
    config.service(pages.wrap(from_fn(with_security_headers)).default_service(web::to(not_found)));
}

/// Security headers of all pages: no foreign scripts, styles or frames.
const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (
        HeaderName::from_static("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    // Not `no-referrer`: with it browsers no longer say that a form comes from the same origin.
    (HeaderName::from_static("referrer-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

pub(in crate::http) async fn with_security_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, actix_web::Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let mut response = with_navigation(response).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        // A page may have a stricter one.
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// An error page with the navigation of whoever is signed in, so that they can go on from it.
async fn with_navigation(response: ServiceResponse) -> ServiceResponse {
    let refusal = response.response().error().and_then(|error| error.as_error::<page::Refusal>());
    if !refusal.is_some_and(page::Refusal::may_have_navigation) {
        return response;
    }
    let request = response.request().clone();
    let Some(state) = request.app_data::<State>() else { return response };
    let Ok(signed_in) = SignedIn::of(&request, state).await else { return response };
    let error = response.response().error().and_then(|error| error.as_error::<page::Refusal>());
    let Some(mut page) = error.map(|refusal| refusal.page(|heading| signed_in.frame(heading, ""))) else {
        return response;
    };
    let (request, old) = response.into_parts();
    for (name, value) in old.headers() {
        if !page.headers().contains_key(name) {
            page.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, page)
}
