//! `GET /changes`: what has changed, for services that cache answers of introspection.

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
                "For services that cache answers of introspection. The answer has every change that was committed \
                 before the request arrived. It takes at most a quarter of `JETON_REVOCATION_BOUND`.",
            )
            .query(
                "after",
                text(),
                "The cursor of the previous answer. Without it, the answer has a cursor to begin with.",
            )
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
    /// The cursor for the next request.
    #[schema(example = json!("7365120947128310237-16384-16443-00000001-1764424800000000-1764424790000000-740-740-"))]
    cursor: String,
    /// Whether everything that is cached must be discarded: the cursor is too old, or from another database, or from
    /// before another database server took over, or so much has changed that it is not listed, as after an import.
    reset: bool,
    #[schema(example = json!([{ "token": 7 }, { "user": 3 }, { "client": "reports" }]))]
    changes: Vec<OneChange>,
}

/// One change: a token, a user or a client, by its id.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(description = "A token, a user (with groups and rights), or a client was created, changed or removed.")]
pub enum OneChange {
    Token(i64),
    User(i64),
    Client(String),
}

impl OneChange {
    /// `None` for a change that concerns only the caches of nodes.
    fn of(change: Change) -> Option<Self> {
        match change {
            Change::Token(id) => Some(Self::Token(id)),
            Change::User(id) => Some(Self::User(id)),
            Change::Client(client_id) => Some(Self::Client(client_id)),
            // A created token is in the list as a token, too. For `Everything` the answer has `reset`.
            Change::Created(_) | Change::Everything => None,
        }
    }
}

async fn changes(HeadIntrospector { name }: HeadIntrospector, query: Query, state: State) -> Answered {
    state.service.introspection.note_follower(name);
    let after = Some(query.get("after")).filter(|after| !after.is_empty());
    let Feed { cursor, changes } = state.service.introspection.changes(after).await.map_err(HttpError::OAuthService)?;
    let answer = ChangesAnswer {
        cursor: cursor.as_str().to_owned(),
        reset: changes.is_none(),
        changes: changes.unwrap_or_default().into_iter().filter_map(OneChange::of).collect(),
    };
    Ok(answer::json(StatusCode::OK, &answer))
}
