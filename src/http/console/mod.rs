//! `/console/`: web pages for staff. They are rendered on the server and work without a script.

mod account;
mod activity;
mod assets;
mod audit;
mod bulk;
mod clients;
mod cookies;
mod delete_user;
mod explain;
mod form;
mod groups;
mod listing;
mod new_user;
mod overview;
mod page;
mod pages;
mod sign_in;
mod sign_out;
mod signed_in;
mod token;
mod token_form;
mod tokens;
mod user;
mod user_filter;
mod user_form;
mod user_tokens;
mod users;
mod users_csv;
mod visitor;
mod widgets;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web;

use self::signed_in::SignedIn;
use crate::http::state::State;

pub use pages::{ConsolePage, console_pages};

/// The routes of the console.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(pages::scope().wrap(from_fn(with_security_headers)).default_service(web::to(page::not_found)));
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

async fn with_security_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, actix_web::Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let mut response = with_navigation(response).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
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
    let Some(mut page) = error.map(|refusal| refusal.page(Some(&signed_in))) else { return response };
    let (request, old) = response.into_parts();
    for (name, value) in old.headers() {
        if !page.headers().contains_key(name) {
            page.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, page)
}
