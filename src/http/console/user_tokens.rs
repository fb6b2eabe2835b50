//! The part of a user's page with their tokens, live and ended.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::form::FormFaults;
use super::frame::Frame;
use super::listing::{Listing, Pager};
use super::page::{PageResult, html};
use super::signed_in::SignedIn;
use super::token_form::{EndedRow, TokenForm, TokenRow};
use super::user::{Part, UserHead};
use super::widgets::Field;
use crate::domain::page::PageRequest;
use crate::http::state::{AppState, State};
use crate::service::TokenListFilter;

/// How many ended tokens a page shows.
const ENDED_PER_PAGE: u32 = 10;

#[derive(Template)]
#[template(path = "console/user_tokens.html")]
struct UserTokensPage {
    frame: Frame,
    head: UserHead,
    form_token: String,
    tokens: Vec<TokenRow>,
    pager: Pager,
    ended: Vec<EndedRow>,
    ended_pager: Pager,
    fields: Vec<Field>,
}

/// The page.
pub async fn show(signed_in: SignedIn, request: HttpRequest, username: web::Path<String>, state: State) -> PageResult {
    page(&request, &state, &signed_in, &username, &TokenForm::default(), &FormFaults::default()).await
}

/// The page, with the form for a named token as it was submitted, and its faults.
pub async fn page(
    request: &HttpRequest,
    state: &AppState,
    signed_in: &SignedIn,
    username: &str,
    wanted: &TokenForm,
    faults: &FormFaults,
) -> PageResult {
    let (service, caller) = (&state.service, &signed_in.caller);
    let user = service.accounts.user(username, caller).await?;
    let listing = Listing::of(request)?;
    let live = service.tokens.list_tokens(&TokenListFilter::of_user(username), listing.page, caller).await?;
    let ended_listing = Listing::numbered_by(request, "ended", ENDED_PER_PAGE)?;
    let ended: PageRequest = ended_listing.page;
    let ended = service.tokens.list_ended_tokens(&user, ended, caller).await?;
    let now = service.clock.now();
    let page = UserTokensPage {
        frame: signed_in.frame(&user.username, "users"),
        form_token: signed_in.form_token(),
        pager: listing.pager(live.count)?,
        tokens: live.results.into_iter().map(|listed| TokenRow::of(listed.token)).collect(),
        ended_pager: ended_listing.pager(ended.count)?,
        ended: ended.results.into_iter().map(|token| EndedRow::of(token, now)).collect(),
        fields: wanted.fields(faults),
        head: UserHead::of(user, Part::Tokens, signed_in, state).await?,
    };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    Ok(html(status, &page))
}
