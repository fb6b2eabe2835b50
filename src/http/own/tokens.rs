//! `/tokens/`: a holder's own tokens.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, Type};

use crate::domain::duration;
use crate::domain::password::Password;
use crate::domain::scope;
use crate::domain::token::TokenFacts;
use crate::http::answer::{self, Detail};
use crate::http::drf::fields::{Fields, Trim};
use crate::http::drf::pagination::ListQuery;
use crate::http::endpoint::{BODIES, Endpoint, Operation, fields, format, integer, reference, text};
use crate::http::error::{Answered, OAuthError};
use crate::http::extract::{Body, TokenId};
use crate::http::state::State;
use crate::service::messages::WRONG_PASSWORD;
use crate::service::{CreatedToken, Error, LoginHolder, NamedToken};

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::get("/tokens/", "list_own_tokens", "The caller's own live tokens")
            .answers_page::<TokenFacts>("The tokens without their keys, by id.")
            .to(list)
            .cross_origin(),
        create_endpoint(),
        Operation::delete("/tokens/{id}", "revoke_own_token", "Revoke one of the caller's own tokens")
            .answers_nothing(204, "It is revoked.")
            .may_not_exist("The caller has no live token with this id.")
            .revokes()
            .to(revoke)
            .cross_origin(),
    ]
}

fn create_endpoint() -> Endpoint {
    let either = AnyOfBuilder::new().item(reference::<OAuthError>()).item(reference::<Detail>());
    let body = named_token_schema().property("password", text().format(Some(format("password")))).required("password");
    let example = json!({ "name": "ci", "scope": "", "expires_in": "90d", "password": "correct horse" });
    let mut operation = Operation::post(
        "/tokens/",
        "create_own_token",
        "Create a named token (an API key) for the caller",
    )
    .describe(
        "This needs a login token and its user's password, so that nobody can use a stolen key to create a permanent \
         one. Users can give the scopes of `JETON_USER_SCOPES`, staff any. With `JETON_NAMED_TOKEN_MAX_TTL`, \
         `expires_in` is required and may not be longer.",
    )
    .body(BODIES, body, &example)
    .answers::<Created>(201, "The token and its key, which is shown only once.")
    .secret()
    .refuses_bad_fields("password", WRONG_PASSWORD)
    .answers_either(
        403,
        "The caller has `JETON_NAMED_TOKENS_PER_USER` live named tokens already, or used a named token.",
        either,
        json!({ "error": Error::TokenLimit.to_string() }),
    )
    .counts_failures();
    operation.add::<OAuthError>();
    operation.add::<Detail>();
    operation.to(create).cross_origin()
}

/// The fields of a named token.
pub fn named_token_schema() -> ObjectBuilder {
    let scopes = text().pattern(Some(scope::PATTERN)).max_length(Some(scope::MAX_CHARS));
    fields()
        .property("name", text().min_length(Some(1)).max_length(Some(100)))
        .required("name")
        .property("scope", scopes.description(Some("Scopes as in RFC 6749, separated by spaces.")))
        .property("expires_in", lifetime_schema().description(Some("Whole seconds, or a duration such as `90d`.")))
}

/// `expires_in`.
pub fn lifetime_schema() -> OneOfBuilder {
    let seconds = integer().minimum(Some(1)).maximum(Some(duration::MAX_SECONDS));
    let span = text().pattern(Some(duration::LIFETIME_PATTERN));
    let nothing = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new().item(seconds).item(span).item(nothing)
}

/// A new token with its key, which is shown only here.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedToken)]
pub struct Created<'a> {
    #[serde(flatten)]
    facts: &'a TokenFacts,
    /// The key.
    #[schema(example = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b")]
    token: &'a str,
}

impl<'a> Created<'a> {
    /// The answer to a creation.
    pub fn answer(created: &'a CreatedToken) -> HttpResponse {
        answer::json(StatusCode::CREATED, &Self { facts: &created.facts, token: created.key.expose() })
    }
}

/// The caller's live tokens.
async fn list(asker: LoginHolder, query: ListQuery, state: State) -> Answered {
    query.answer(&state, state.service.tokens.list_own_tokens(&asker, query.page).await?)
}

/// Creates a named token for the caller.
async fn create(asker: LoginHolder, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let wanted = named_token(&mut fields);
    let password = Password::new(fields.required_text("password", Trim::No));
    fields.finish()?;
    Ok(Created::answer(&state.service.tokens.create_own_token(&asker, wanted, password).await?))
}

/// Revokes one of the caller's tokens.
async fn revoke(asker: LoginHolder, TokenId(id): TokenId, state: State) -> Answered {
    state.service.tokens.revoke_own_token(id, &asker).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Reads `name`, `scope` and `expires_in` (whole seconds, or a duration such as `90d`).
pub fn named_token(fields: &mut Fields<'_>) -> NamedToken {
    NamedToken {
        name: fields.required_text("name", Trim::Yes),
        scope: fields.optional_text("scope").unwrap_or_default(),
        expires_in: fields.nullable_duration("expires_in"),
    }
}
