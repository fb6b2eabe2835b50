//! `/` leads browsers to the pages that are for them. For all other clients there is nothing.

use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::console::cookies::starts_at_console;
use crate::http::console::page::see_other;
use crate::http::state::State;

/// The route.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/").guard(fn_guard(is_browser)).to(start));
}

/// Whether a page is asked for.
fn is_browser(context: &GuardContext<'_>) -> bool {
    let head = context.head();
    let accepted = head.headers().get_all(ACCEPT).flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_html = |range: &[u8]| {
        let media_type = range.split(|byte| *byte == b';').next().unwrap_or_default();
        media_type.trim_ascii().eq_ignore_ascii_case(b"text/html")
    };
    [Method::GET, Method::HEAD].contains(&head.method) && accepted.into_iter().any(is_html)
}

/// To the console, if this browser is signed in there; to the user's own account otherwise.
async fn start(request: HttpRequest, state: State) -> HttpResponse {
    let mut answer = see_other(if starts_at_console(&request, &state) { "/console/" } else { "/account/" });
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Cookie"));
    answer
}
