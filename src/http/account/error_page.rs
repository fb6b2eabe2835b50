//! Error pages of `/account/`, in the frame of its other pages.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, REFERRER_POLICY};
use actix_web::middleware::Next;
use askama::Template;

use super::signed_in::SignedIn;
use crate::http::console::frame::{ACCOUNT, Frame};
use crate::http::console::page::ErrorSentence;
use crate::http::state::State;

#[derive(Template)]
#[template(path = "account/error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    status: u16,
    heading: &'a str,
    sentence: &'a str,
}

/// Where the page of a link for a password is, whose path holds a key.
const LINKS: &str = "/account/password/";

/// Shows error pages in this frame, with the navigation of whoever is signed in, and lets no other site, proxy or log see
/// the path of a link for a password as the page that a request came from.
pub async fn in_own_frame(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_link = request.path().strip_prefix(LINKS).is_some_and(|key| !key.is_empty());
    let mut response = next.call(request).await?.map_into_boxed_body();
    if is_link {
        response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    let sentence = response.response().extensions().get::<ErrorSentence>().map(|sentence| sentence.0.clone());
    let Some(sentence) = sentence else { return Ok(response) };
    let status = response.status();
    let heading = status.canonical_reason().unwrap_or("Error");
    let frame = error_frame(&response, status, heading).await;
    let page = ErrorPage { frame, status: status.as_u16(), heading, sentence: &sentence };
    let text = page.render().expect("templates render into memory");
    Ok(response.map_body(|_, _| BoxBody::new(text)))
}

/// With the navigation, unless jeton itself has a fault, which may be the database's.
async fn error_frame(response: &ServiceResponse, status: StatusCode, heading: &str) -> Frame {
    let request = response.request();
    if status.is_server_error() || status == StatusCode::UNAUTHORIZED {
        return Frame::plain(ACCOUNT, heading);
    }
    let Some(state) = request.app_data::<State>() else { return Frame::plain(ACCOUNT, heading) };
    match SignedIn::without_notice(request, state).await {
        Ok(signed_in) => signed_in.frame(heading, ""),
        Err(_) => Frame::plain(ACCOUNT, heading),
    }
}
