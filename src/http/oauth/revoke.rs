//! `POST /revoke` (RFC 7009).

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use serde_json::json;

use super::callers::RevokeRequest;
use super::{KEY, OAuthCaller, paths, token_fields};
use crate::domain::audit::Actor;
use crate::http::answer;
use crate::http::endpoint::{BODIES, Endpoint, Header, Operation, fields};
use crate::http::error::{Answered, HttpError};
use crate::http::peer::client_address;
use crate::http::state::State;
use crate::service::{Error, Revoker};

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::post(paths::REVOKE, "revoke", "Revoke a token (RFC 7009)")
            .describe(
                "For a registered client, for staff, or for the holder of the token: without credentials, the token \
                 in the body is enough. An unknown token is not an error.",
            )
            .body(BODIES, token_fields(), &json!({ "token": KEY }))
            .answers_fields(200, "The token is revoked.", fields(), json!({}))
            .always_with(Header::NoStore)
            .revokes()
            .to(revoke)
            .cross_origin(),
    ]
}

/// Revokes a token. An unknown token is not an error, because it is not valid anyway (section 2.2).
async fn revoke(RevokeRequest { caller, parameters }: RevokeRequest, request: HttpRequest, state: State) -> Answered {
    let token =
        parameters.checked()?.get("token").ok_or(HttpError::invalid_request("the parameter token is missing"))?;
    let address = client_address(&request, &state);
    let revoker = match caller {
        OAuthCaller::Client(id) => Revoker::Client(Actor { name: format!("client:{id}"), address }, id),
        OAuthCaller::User(user) => {
            let acts_for_its_user = user.acts_for_its_user();
            let actor = Actor { name: user.username, address };
            if acts_for_its_user { Revoker::User(actor) } else { Revoker::Named(actor, user.token_id) }
        }
        OAuthCaller::Nobody => Revoker::Holder(address),
    };
    let is_client = matches!(revoker, Revoker::Client(..));
    state.service.tokens.revoke(token, revoker).await.map_err(|error| match error {
        Error::PermissionDenied if is_client => {
            HttpError::OAuth("unauthorized_client", "the token belongs to another client".into())
        }
        other => HttpError::OAuthService(other),
    })?;
    // Section 2.2 wants no body, but some clients read every answer as JSON.
    Ok(answer::json(StatusCode::OK, &json!({})))
}
