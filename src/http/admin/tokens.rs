//! `/admin/users/{username}/tokens/` and `/admin/tokens/{id}`.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::json;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, OneOfBuilder};

use crate::domain::token::TokenForStaff;
use crate::http::answer;
use crate::http::drf::pagination::ListQuery;
use crate::http::endpoint::{BODIES, Endpoint, Operation, fields, format, text};
use crate::http::error::Answered;
use crate::http::extract::{Body, TokenId};
use crate::http::own::tokens::{Created, lifetime_schema, named_token, named_token_schema};
use crate::http::state::State;
use crate::service::{ChangeableUser, EXTENDED_BY_USE, EndTime, Error, NewEnd, Staff, TokenListFilter};

const PATH: &str = "/admin/users/{username}/tokens/";

/// A change that does not say to what.
const NEITHER: &str = "Send expires_at or expires_in.";
const BOTH: &str = "Send either expires_at or expires_in, not both.";

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::get(PATH, "list_tokens", "A user's live tokens")
            .answers_page::<TokenForStaff>("The tokens without their keys, by id.")
            .to(list),
        Operation::post(PATH, "create_token", "Create a named token for a user")
            .describe("With the scope `jeton:admin` it has its user's rights on jeton, too.")
            .body(BODIES, named_token_schema(), &json!({ "name": "ci", "scope": "reports:read", "expires_in": "90d" }))
            .answers::<Created>(201, "The token and its key, which is shown only once.")
            .secret()
            .refuses_bad_fields("name", "This field is required.")
            .may_not_exist("There is no such user.")
            .to(create),
        update_endpoint(),
        Operation::delete("/admin/tokens/{id}", "revoke_token", "Revoke anybody's token")
            .answers_nothing(204, "It is revoked.")
            .may_not_exist("There is no live token with this id.")
            .revokes()
            .to(revoke),
    ]
}

fn update_endpoint() -> Endpoint {
    let moment = text().format(Some(format("date-time"))).examples([json!("2026-12-31T23:59:59Z")]);
    let moment = OneOfBuilder::new().item(moment).item(ObjectBuilder::new().schema_type(Type::Null));
    let body = fields()
        .property("expires_at", moment.description(Some("The time, or null for never.")))
        .property("expires_in", lifetime_schema().description(Some("The time from now, or null for never.")));
    Operation::patch("/admin/tokens/{id}", "update_token", "Move the end of anybody's token")
        .describe(
            "`expires_at` or `expires_in` says when it ends: a replaced token then, with its grace period, and any \
             other by its expiry. A token that has ended does not come back. Only superusers may do this for staff \
             and superusers.",
        )
        .body(BODIES, body, &json!({ "expires_in": "90d" }))
        .answers::<TokenForStaff>(200, "The token, without its key.")
        .refuses_bad_fields("expires_in", NEITHER)
        .refuses_as("The next use would move this end.", &Error::Conflict(EXTENDED_BY_USE.into()))
        .may_not_exist("There is no live token with this id.")
        .revokes()
        .to(update)
}

/// A user's live tokens.
async fn list(caller: Staff, query: ListQuery, username: web::Path<String>, state: State) -> Answered {
    let page = state.service.tokens.list_tokens(&TokenListFilter::of_user(&username), query.page, &caller).await?;
    query.answer(&state, page.map(|listed| TokenForStaff(listed.token)))
}

/// Creates a named token for a user.
async fn create(target: ChangeableUser, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let wanted = named_token(&mut fields);
    fields.finish()?;
    Ok(Created::answer(&state.service.tokens.create_named_token(&target, wanted).await?))
}

/// Moves the end of anybody's token.
async fn update(caller: Staff, TokenId(id): TokenId, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let sent = (fields.is_sent("expires_at"), fields.is_sent("expires_in"));
    let (at, span) = (fields.nullable_moment("expires_at"), fields.nullable_duration("expires_in"));
    fields.finish()?;
    let end = match sent {
        (true, false) => at.map(EndTime::At),
        (false, true) => span.map(EndTime::In),
        (false, false) => return Err(Error::invalid("expires_in", NEITHER).into()),
        (true, true) => return Err(Error::invalid("expires_in", BOTH).into()),
    };
    state.service.tokens.update_token(id, None, NewEnd::Shown(end), &caller).await?;
    let found = state.service.tokens.token(id, None, &caller).await?;
    Ok(answer::json(StatusCode::OK, &TokenForStaff(found.token)))
}

/// Revokes anybody's token.
async fn revoke(caller: Staff, TokenId(id): TokenId, state: State) -> Answered {
    state.service.tokens.revoke_token(id, None, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
