//! `/admin/users/{username}/tokens/` and `/admin/tokens/{id}`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::page::Page;
use crate::http::drf::body;
use crate::http::drf::fields::Fields;
use crate::http::drf::pages::ListQuery;
use crate::http::error::HttpError;
use crate::http::own::tokens::{Created, named_token, token_id};
use crate::http::{AppState, caller, drf};
use crate::service::Rights;

/// A user's live tokens.
pub async fn list(
    request: HttpRequest,
    username: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    caller.require(Rights::Staff)?;
    let query = ListQuery::of(&request)?;
    let page = state.service.list_tokens(Some(&username), query.page, &caller).await?;
    let page = Page { count: page.count, results: page.results.into_iter().map(|(token, _)| token).collect() };
    Ok(drf::answer(StatusCode::OK, &query.answer(&request, &state, page)?))
}

/// Makes a named token for a user.
pub async fn create(
    request: HttpRequest,
    username: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    state.service.require_power_over(&username, &caller).await?;
    let body = body::read_known(&request, payload, body::MAX_BODY).await?;
    let data = body::parse(&request, body)?;
    let mut fields = Fields::of(&data)?;
    let wanted = named_token(&mut fields);
    fields.finish()?;
    let (token, facts) = state.service.create_named_token(&username, wanted, &caller).await?;
    Ok(Created::answer(&token, &facts))
}

/// Revokes anybody's token.
pub async fn revoke(
    request: HttpRequest,
    id: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    caller.require(Rights::Staff)?;
    state.service.revoke_token(token_id(&id)?, None, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
