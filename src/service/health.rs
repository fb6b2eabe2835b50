//! Whether requests can be served.

use super::{Error, Service};
use crate::store::{SchemaState, Store};

impl Service {
    /// Whether the database answers and its schema is the one this binary knows.
    pub async fn ready(&self) -> Result<bool, Error> {
        Ok(self.db(Store::schema_state).await? == SchemaState::Current)
    }
}
