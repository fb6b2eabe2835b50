//! `GET /changes`: what has changed, for those who remember answers.

use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::callers::HeadIntrospector;
use super::paths;
use crate::domain::change::Change;
use crate::http::answer;
use crate::http::drf::query::Query;
use crate::http::endpoint::{Endpoint, Header, Operation, text};
use crate::http::error::{Answered, HttpError};
use crate::http::state::State;
use crate::service::Feed;

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::get(paths::CHANGES, "changes", "What has changed since a cursor")
            .describe(
                "For those who remember answers of introspection. The answer comes once this node knows everything that \
                 was committed before the request arrived, at most a quarter of `JETON_REVOCATION_BOUND` later.",
            )
            .query("after", text(), "The cursor of the answer before. Without it, the answer is a cursor to begin with.")
            .answers::<ChangesAnswer>(200, "The changes, and the next cursor.")
            .always_with(Header::NoStore)
            .to(changes)
            .cross_origin()
            .frequent(),
    ]
}

/// What has changed.
#[derive(Serialize, ToSchema)]
#[schema(description = "What has changed since a cursor.")]
pub struct ChangesAnswer {
    /// From where the next request goes on.
    #[schema(example = json!("7365120947128310237-16384-16443-00000001-786297623712847-740-740-"))]
    cursor: String,
    /// Whether everything that is remembered must be forgotten: the cursor is too old, or from another database, or from
    /// before another server took over.
    reset: bool,
    #[schema(example = json!([{ "token": 7 }, { "user": 3 }, { "client": "reports" }]))]
    changes: Vec<OneChange>,
}

/// One change: a token, a user or a client, by its id.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(description = "A token, a user (with groups and rights), or a client was made, changed or ended.")]
pub enum OneChange {
    Token(i64),
    User(i64),
    Client(String),
}

impl OneChange {
    /// `None` for what concerns no answer that anybody but a node remembers.
    fn of(change: Change) -> Option<Self> {
        match change {
            Change::Token(id) => Some(Self::Token(id)),
            Change::User(id) => Some(Self::User(id)),
            Change::Client(client_id) => Some(Self::Client(client_id)),
            // Its token is in the list, too. Everything: the answer says `reset`.
            Change::Created(_) | Change::Everything => None,
        }
    }
}

async fn changes(_: HeadIntrospector, query: Query, state: State) -> Answered {
    let after = Some(query.get("after")).filter(|after| !after.is_empty());
    let Feed { cursor, changes } = state.service.introspection.changes(after).await.map_err(HttpError::OAuthService)?;
    let answer = ChangesAnswer {
        cursor: cursor.as_str().to_owned(),
        reset: changes.is_none(),
        changes: changes.unwrap_or_default().into_iter().filter_map(OneChange::of).collect(),
    };
    Ok(answer::json(StatusCode::OK, &answer))
}
