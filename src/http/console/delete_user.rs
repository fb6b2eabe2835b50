//! Deletes a user, after a confirmation.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

use super::form::Form;
use super::listing::Listing;
use super::page::{PageResult, html, see_other};
use super::signed_in::SignedIn;
use super::visitor::PostedForm;
use super::widgets::{Confirmation, user_link};
use crate::http::state::State;

/// Asks for confirmation.
pub async fn confirm(
    signed_in: SignedIn,
    request: HttpRequest,
    username: web::Path<String>,
    state: State,
) -> PageResult {
    let listing = Listing::of(&request)?;
    let target = signed_in.user_to_change(&state, &username, listing.get(Form::USER)).await?;
    let username = &target.user().username;
    let page = Confirmation {
        frame: signed_in.frame(&format!("Delete {username}"), "users"),
        form_token: signed_in.form_token(),
        user_id: Some(target.user().id),
        question: format!("Delete {username}?"),
        sentence: "The account and all of its tokens will be deleted permanently. To keep the account but lock \
                   it, deactivate it instead.",
        back: user_link(username),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Deletes the user.
pub async fn delete(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    username: web::Path<String>,
    state: State,
) -> PageResult {
    let target = signed_in.user_to_change(&state, &username, form.get(Form::USER)).await?;
    state.service.accounts.delete_user(&target).await?;
    signed_in.notify(&state, format!("{username} was deleted.")).await;
    Ok(see_other("/console/users"))
}
