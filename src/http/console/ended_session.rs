//! What the sign-in page says to whoever sent a form when their session had ended.

use actix_web::HttpRequest;
use actix_web::http::header::REFERER;
use actix_web::http::{Method, Uri};

use crate::http::drf::query::Query;

/// What the URL of the sign-in page says then.
pub const NOT_DONE: &str = "ended=form";

/// [`NOT_DONE`] after a form. `None` after a page; and after signing out, which is done without a session.
pub fn query_after(request: &HttpRequest) -> Option<&'static str> {
    let is_form = *request.method() == Method::POST && !request.path().trim_end_matches('/').ends_with("/sign-out");
    is_form.then_some(NOT_DONE)
}

/// The sign-in page's notice.
pub fn notice(request: &HttpRequest) -> Option<String> {
    let is_told = Query::of(request).get("ended") == "form";
    is_told.then(|| "Your session had ended, so what you sent was not done. Sign in, and send it again.".to_owned())
}

/// The path of the page that has the form, as far as the browser says.
pub fn page_of_form(request: &HttpRequest) -> Option<String> {
    let page: Uri = request.headers().get(REFERER)?.to_str().ok()?.parse().ok()?;
    page.path_and_query().map(ToString::to_string)
}
