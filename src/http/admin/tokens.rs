//! `/admin/users/{username}/tokens/` and `/admin/tokens/{id}`.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::domain::token::TokenForStaff;
use crate::http::drf::pagination::ListQuery;
use crate::http::endpoint::{BODIES, Endpoint, Operation};
use crate::http::error::Answered;
use crate::http::extract::{Body, TokenId};
use crate::http::own::tokens::{Created, named_token, named_token_schema};
use crate::http::state::State;
use crate::service::{ChangeableUser, Staff, TokenListFilter};

const PATH: &str = "/admin/users/{username}/tokens/";

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
        Operation::delete("/admin/tokens/{id}", "revoke_token", "Revoke anybody's token")
            .answers_nothing(204, "It is revoked.")
            .may_not_exist("There is no live token with this id.")
            .revokes()
            .to(revoke),
    ]
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

/// Revokes anybody's token.
async fn revoke(caller: Staff, TokenId(id): TokenId, state: State) -> Answered {
    state.service.tokens.revoke_token(id, None, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
