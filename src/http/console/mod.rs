//! `/console/`: web pages for staff. They are rendered on the server and work without a script.

mod assets;
mod audit;
mod clients;
mod cookies;
mod delete_user;
mod form;
mod listing;
mod new_user;
mod overview;
mod page;
mod sign_in;
mod sign_out;
mod signed_in;
mod token_form;
mod tokens;
mod user;
mod user_form;
mod users;
mod widgets;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::{Resource, Route, guard, web};

/// The routes of the console.
pub fn routes(config: &mut web::ServiceConfig) {
    // Each path works with and without its trailing slash, and has an `Allow` header in every answer.
    let at = |path: &str, allow: &'static str, routes: Vec<Route>| {
        let resource = web::resource([path.to_owned(), format!("{path}/")]);
        let resource = routes.into_iter().fold(resource, Resource::route);
        resource.default_service(web::to(page::other_method)).wrap(DefaultHeaders::new().add((ALLOW, allow)))
    };
    let page = |path, handler| at(path, "GET, HEAD", vec![handler]);
    let action = |path, handler| at(path, "POST", vec![handler]);
    let form = |path, show, submit| at(path, "GET, HEAD, POST", vec![show, submit]);
    let console = web::scope("/console")
        .wrap(from_fn(with_security_headers))
        .service(page("", get().to(overview::show)))
        .service(form("/sign-in", get().to(sign_in::show), web::post().to(sign_in::sign_in)))
        .service(action("/sign-out", web::post().to(sign_out::sign_out)))
        .service(page("/users", get().to(users::list)))
        .service(form("/users/new", get().to(new_user::show), web::post().to(new_user::create)))
        .service(form("/users/@{username}", get().to(user::show), web::post().to(user::save)))
        .service(action("/users/@{username}/active", web::post().to(user::set_active)))
        .service(action("/users/@{username}/password", web::post().to(user::set_password)))
        .service(form("/users/@{username}/delete", get().to(delete_user::confirm), web::post().to(delete_user::delete)))
        .service(action("/users/@{username}/regenerate", web::post().to(tokens::regenerate)))
        .service(action("/users/@{username}/tokens", web::post().to(tokens::create)))
        .service(action("/users/@{username}/tokens/{id}/revoke", web::post().to(tokens::revoke)))
        .service(page("/clients", get().to(clients::list)))
        .service(form("/clients/new", get().to(clients::new), web::post().to(clients::create)))
        .service(form(
            "/clients/@{client_id}/rotate",
            get().to(clients::confirm_rotate),
            web::post().to(clients::rotate),
        ))
        .service(form(
            "/clients/@{client_id}/delete",
            get().to(clients::confirm_delete),
            web::post().to(clients::delete),
        ))
        .service(page("/audit", get().to(audit::list)))
        .service(page("/assets/{name}", get().to(assets::asset)))
        .default_service(web::to(page::not_found));
    config.service(console);
}

fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
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
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}
