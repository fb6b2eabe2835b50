//! A user to be deleted: asked once more, then done.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

use super::page::{Answered, html, see_other};
use super::parts::{Confirmation, user_link};
use super::visitor::{posted, visitor};
use crate::http::AppState;

/// The question.
pub async fn confirm(request: HttpRequest, username: web::Path<String>, state: web::Data<AppState>) -> Answered {
    let visitor = visitor(&request, &state).await?;
    let user = state.service.accounts.user(&username, &visitor.caller).await?;
    visitor.caller.require_power_over(&user)?;
    let page = Confirmation {
        frame: visitor.frame(&format!("Delete {}", user.username), "users"),
        form_token: visitor.form_token(),
        question: format!("Delete {}?", user.username),
        sentence: "The account and all of its tokens will be gone for good. To keep the account and lock it, \
                   deactivate it instead.",
        back: user_link(&user.username),
    };
    Ok(html(StatusCode::OK, &page))
}

/// The deed.
pub async fn delete(
    request: HttpRequest,
    username: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Answered {
    let (visitor, _) = posted(&request, payload, &state).await?;
    state.service.accounts.delete_user(&username, &visitor.caller).await?;
    visitor.notify(&state, format!("{username} was deleted.")).await;
    Ok(see_other("/console/users"))
}
