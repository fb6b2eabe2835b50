//! The state of an import of a Django project.

use std::sync::Arc;

use serde_json::json;

use super::Progress;
use super::names::NewNames;
use crate::domain::audit::Actor;
use crate::domain::django::DjangoUser;
use crate::domain::time::Timestamp;
use crate::domain::user::ImportedUser;
use crate::service::Sealer;
use crate::store::DjangoSource;

/// How an import goes about it.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Users get ids of jeton's, and their key becomes their external id.
    pub new_ids: bool,
    /// What stands before external ids.
    pub external_prefix: String,
    /// Whether existing users are updated: what has changed at the source, and not here, is changed here, too.
    pub update: bool,
    /// Whether rows that cannot be imported are left out.
    pub skip_bad: bool,
    /// Whether flags of the last import from this source may be left out.
    pub changed_flags: bool,
}

/// A running import.
pub struct ImportRun {
    pub source: DjangoSource,
    pub options: ImportOptions,
    pub sealer: Option<Arc<Sealer>>,
    pub scope: String,
    pub token_prefix: Option<String>,
    pub max_memory_kib: u32,
    pub by: Actor,
    pub now: Timestamp,
    pub names: NewNames,
    pub on_progress: Box<dyn FnMut(Progress) + Send>,
}

impl ImportRun {
    /// Whether users keep their ids.
    pub fn keeps_ids(&self) -> bool {
        self.source.has_integer_keys() && !self.options.new_ids
    }

    /// The name of the source, which is the same at each import from it, from its database or from a dump, whichever
    /// table the users are read from.
    pub fn source_name(&self) -> String {
        let prefix = (!self.keeps_ids()).then_some(&self.options.external_prefix);
        json!([prefix]).to_string()
    }

    /// The external id of the user with this key; `None` if the key is the id.
    pub fn external_id(&self, key: &str) -> Option<String> {
        let shown = || format!("{}{}", self.options.external_prefix, self.source.shown_key(key));
        (!self.keeps_ids()).then(shown)
    }

    /// The user as they would be written, with a placeholder for an id that is not assigned yet.
    pub fn user(&self, user: DjangoUser, placeholder: i64) -> ImportedUser {
        let DjangoUser { key, user, date_joined, last_login, has_null_flag: _ } = user;
        let id = if self.keeps_ids() { key.parse().ok() } else { None };
        ImportedUser {
            id: id.unwrap_or(placeholder),
            external_id: self.external_id(&key),
            user,
            date_joined: date_joined.unwrap_or(self.now),
            last_login,
        }
    }
}

/// Whether a pass over the source writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    Check,
    Write,
}
