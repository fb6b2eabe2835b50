//! Makes a link with which a user sets a password, and shows it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

use super::form::Form;
use super::page::{PageResult, Refusal, html};
use super::signed_in::SignedIn;
use super::visitor::PostedForm;
use super::widgets::{Moment, SecretPage, user_link};
use crate::domain::duration;
use crate::http::admin::password_link::password_link_url;
use crate::http::peer::public_url;
use crate::http::state::State;

/// Makes the link. The answer to the form itself shows it: there is no URL that shows it again.
pub async fn create(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    request: HttpRequest,
    username: web::Path<String>,
    state: State,
) -> PageResult {
    let expires_in = duration::lifetime(form.get("expires_in")).map_err(|_| {
        Refusal::Page(StatusCode::BAD_REQUEST, "The form does not say how long the link is good.".into())
    })?;
    let target = signed_in.user_to_change(&state, &username, form.get(Form::USER)).await?;
    let made = state.service.accounts.create_password_link(&target, Some(expires_in));
    let link = signed_in.run_once(&request, &form, &state, made).await??;
    let heading = format!("A password link for {username}");
    let until = Moment(link.expires_at).text();
    let page = SecretPage {
        frame: signed_in.frame(&heading, "users"),
        heading,
        sentence: format!("It works once, until {until}, and is shown only here: copy it now, and send it to them."),
        label: "Link",
        secret: password_link_url(&public_url(&request, &state), &link.key),
        back: user_link(&username),
        back_to: username.to_string(),
    };
    Ok(html(StatusCode::OK, &page))
}
