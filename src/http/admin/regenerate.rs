//! `POST /admin/users/{username}/regenerate`: replaces a leaked key.

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::grace;
use crate::domain::duration;
use crate::http::answer;
use crate::http::drf::fields::{NOT_A_BOOLEAN, boolean};
use crate::http::drf::query::Query;
use crate::http::endpoint::{self, Endpoint, Operation, text};
use crate::http::error::Answered;
use crate::http::extract::NoBody;
use crate::http::state::State;
use crate::service::{ChangeableUser, Error, Faults, RegenerateOptions};

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let path = "/admin/users/{username}/regenerate";
    vec![
        Operation::post(path, "regenerate", "Replace a user's login tokens by a new one")
            .describe("Use it if a key has leaked. Only superusers may do this for staff and superusers.")
            .query(
                "grace",
                text().pattern(Some(duration::PATTERN)).examples([json!("1h")]),
                "How long the old tokens stay valid; by default not at all.",
            )
            .query("all", endpoint::boolean(), "Revoke named tokens too.")
            .answers::<NewKey>(200, "The new key.")
            .secret()
            .refuses_bad_parameters("grace", grace::FAULT)
            .may_not_exist("There is no such user.")
            .revokes()
            .to(regenerate),
    ]
}

/// The new key.
#[derive(Serialize, ToSchema)]
pub struct NewKey<'a> {
    /// The key.
    #[schema(example = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b")]
    token: &'a str,
}

/// Replaces the user's login tokens by a new one.
async fn regenerate(target: ChangeableUser, _: NoBody, query: Query, state: State) -> Answered {
    let options = options(query.get("grace"), query.get("all"))?;
    let login = state.service.tokens.regenerate(&target, options).await?;
    Ok(answer::json(StatusCode::OK, &NewKey { token: login.token.expose() }))
}

fn options(grace: &str, all: &str) -> Result<RegenerateOptions, Error> {
    let mut faults = Faults::default();
    let mut options = RegenerateOptions::default();
    match grace::parse(grace) {
        Ok(span) => options.grace = span,
        Err(fault) => faults.add("grace", fault),
    }
    if !all.is_empty() {
        match boolean(all) {
            Some(value) => options.all = value,
            None => faults.add("all", NOT_A_BOOLEAN),
        }
    }
    faults.into_result()?;
    Ok(options)
}
