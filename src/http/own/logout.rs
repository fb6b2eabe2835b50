//! `POST /logout/` and `POST /logoutall/` (Knox, `knox/views.py`).

use actix_web::HttpResponse;

use crate::http::endpoint::{Endpoint, Operation};
use crate::http::error::Answered;
use crate::http::extract::{NoBody, TokenHolder};
use crate::http::state::State;

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let unread = "The request body could not be read.";
    vec![
        Operation::post("/logout/", "logout", "Revoke the token of the request")
            .describe("As in Knox. A named token may revoke itself too.")
            .answers_nothing(204, "It is revoked.")
            .refuses(400, "The body cannot be read.", unread)
            .revokes()
            .to(logout)
            .cross_origin(),
        Operation::post("/logoutall/", "logoutall", "Revoke all login tokens of the caller")
            .describe("As in Knox. Named tokens stay valid.")
            .answers_nothing(204, "They are revoked.")
            .refuses(400, "The body cannot be read.", unread)
            .revokes()
            .to(logoutall)
            .cross_origin(),
    ]
}

/// Revokes the token of the request.
async fn logout(TokenHolder { holder, caller }: TokenHolder, _: NoBody, state: State) -> Answered {
    state.service.tokens.logout(&holder, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Revokes all login tokens of the request's user.
async fn logoutall(TokenHolder { holder, caller }: TokenHolder, _: NoBody, state: State) -> Answered {
    state.service.tokens.logoutall(&holder, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
