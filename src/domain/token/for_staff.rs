//! A token as staff see it.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::facts::TokenFacts;
use super::used_by::UsedBy;

/// A token as staff see it: its holder is not told which services have its key.
#[derive(Clone, Debug)]
pub struct TokenForStaff(pub TokenFacts);

/// The API's object for staff.
#[derive(Serialize, ToSchema)]
struct ShownToStaff<'a> {
    #[serde(flatten)]
    token: &'a TokenFacts,
    /// By whom it was used at `last_used_at`: the id of the client that introspected it; `a gateway` at `/auth/verify`;
    /// `user <username>`, a member of staff who introspected it; `jeton itself`, whose API was called with it. Of what an
    /// edge was asked, ` via <client id>` says which edge. Null if that is not known.
    #[schema(required, example = "billing")]
    last_used_by: Option<&'a str>,
}

impl Serialize for TokenForStaff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let last_used_by = self.0.last_used_by.as_ref().map(UsedBy::as_str);
        ShownToStaff { token: &self.0, last_used_by }.serialize(serializer)
    }
}

impl PartialSchema for TokenForStaff {
    fn schema() -> RefOr<Schema> {
        ShownToStaff::schema()
    }
}

impl ToSchema for TokenForStaff {
    fn name() -> Cow<'static, str> {
        "TokenForStaff".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ShownToStaff::schemas(schemas);
    }
}
