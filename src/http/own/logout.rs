//! `POST /logout/` and `POST /logoutall/` (Knox, `knox/views.py`). Where the login is dj-rest-auth's, `/logout/` is too
//! (`dj_rest_auth/views.py::LogoutView`).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;

use crate::http::answer::{self, Detail};
use crate::http::endpoint::{Access, Endpoint, Extractor, Incoming, MayCall, Operation};
use crate::http::error::{Answered, HttpError};
use crate::http::extract::{NoBody, TokenHolder};
use crate::http::options::{LoginFormat, LoginOptions};
use crate::http::state::State;
use crate::service::{AuthenticationFault, Error};

/// dj-rest-auth's words.
const LOGGED_OUT: &str = "Successfully logged out.";
const NOT_LOGGED_IN: &str = "You should be logged in to logout. Check whether the token is passed.";

/// The endpoints of this file.
pub fn endpoints(options: &LoginOptions) -> Vec<Endpoint> {
    let unread = "The request body could not be read.";
    let logout_operation = Operation::post("/logout/", "logout", "Revoke the token of the request");
    let logout_operation = if options.format == LoginFormat::DjRestAuth {
        logout_operation
            .describe("As dj-rest-auth's `/logout/`. A named token may revoke itself too.")
            .answers_with_example::<Detail>(200, "It is revoked.", &json!({ "detail": LOGGED_OUT }))
            .refuses(400, "No token, or the body cannot be read.", NOT_LOGGED_IN)
    } else {
        logout_operation
            .describe("As in Knox. A named token may revoke itself too.")
            .answers_nothing(204, "It is revoked.")
            .refuses(400, "The body cannot be read.", unread)
    };
    vec![
        logout_operation.revokes().to(logout).cross_origin(),
        Operation::post("/logoutall/", "logoutall", "Revoke all login tokens of the caller")
            .describe("As in Knox. Named tokens stay valid.")
            .answers_nothing(204, "They are revoked.")
            .refuses(400, "The body cannot be read.", unread)
            .revokes()
            .to(logoutall)
            .cross_origin(),
    ]
}

/// The holder of the token that is to be revoked.
struct LogoutHolder(TokenHolder);

impl Extractor for LogoutHolder {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let format = incoming.state().options.login.format;
        TokenHolder::take(incoming).await.map(Self).map_err(|error| match error {
            HttpError::Service(Error::NotAuthenticated(AuthenticationFault::Missing))
                if format == LoginFormat::DjRestAuth =>
            {
                HttpError::bad_request(NOT_LOGGED_IN.to_owned())
            }
            other => other,
        })
    }
}

impl MayCall for LogoutHolder {
    const ACCESS: Access = Access::TokenHolder;
}

/// Revokes the token of the request.
async fn logout(LogoutHolder(TokenHolder { holder, caller }): LogoutHolder, _: NoBody, state: State) -> Answered {
    state.service.tokens.logout(&holder, &caller).await?;
    Ok(match state.options.login.format {
        LoginFormat::DjRestAuth => answer::detail(StatusCode::OK, LOGGED_OUT),
        LoginFormat::Drf | LoginFormat::Knox | LoginFormat::Djoser => HttpResponse::NoContent().finish(),
    })
}

/// Revokes all login tokens of the request's user.
async fn logoutall(TokenHolder { holder, caller }: TokenHolder, _: NoBody, state: State) -> Answered {
    state.service.tokens.logoutall(&holder, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
