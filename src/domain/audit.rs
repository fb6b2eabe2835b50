//! The types of the audit log: who did what to whom, and from where.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::time::Timestamp;

/// Who makes a change and from where.
#[derive(Clone, Debug)]
pub struct Actor {
    /// A username, `client:<client_id>`, `cli:<os user>` or `system`.
    pub name: String,
    /// The address the request came from; none for commands.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// jeton itself, at start.
    #[must_use]
    pub fn system() -> Self {
        Self { name: "system".into(), address: None }
    }

    /// A command run by a user of the operating system.
    #[must_use]
    pub fn command(os_user: &str) -> Self {
        Self { name: format!("cli:{os_user}"), address: None }
    }
}

/// What was done. The names are part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A user was created.
    UserCreate,
    /// A user's fields were changed.
    UserUpdate,
    /// A user was deleted with all of their tokens.
    UserDelete,
    /// A user's password was set.
    UserPassword,
    /// A link was made with which a user can set a password.
    UserPasswordLink,
    /// A named token was created, or a login token by a command.
    TokenCreate,
    /// A token was revoked.
    TokenRevoke,
    /// A user's login tokens were replaced by a new one.
    TokenRegenerate,
    /// The end of a token was moved.
    TokenUpdate,
    /// A group was renamed.
    GroupUpdate,
    /// A group was deleted, with all memberships.
    GroupDelete,
    /// A client was created.
    ClientCreate,
    /// A client was deleted.
    ClientDelete,
    /// What is written about a client was changed.
    ClientUpdate,
    /// A client got a new secret.
    ClientRotate,
    /// Wrong client credentials: only the first of a network in a window is recorded.
    ClientFailed,
    /// Somebody logged in.
    Login,
    /// A login was refused.
    LoginFailed,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 18] = [
        Self::UserCreate,
        Self::UserUpdate,
        Self::UserDelete,
        Self::UserPassword,
        Self::UserPasswordLink,
        Self::TokenCreate,
        Self::TokenRevoke,
        Self::TokenRegenerate,
        Self::TokenUpdate,
        Self::GroupUpdate,
        Self::GroupDelete,
        Self::ClientCreate,
        Self::ClientDelete,
        Self::ClientUpdate,
        Self::ClientRotate,
        Self::ClientFailed,
        Self::Login,
        Self::LoginFailed,
    ];

    /// The name in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserCreate => "user.create",
            Self::UserUpdate => "user.update",
            Self::UserDelete => "user.delete",
            Self::UserPassword => "user.password",
            Self::UserPasswordLink => "user.password_link",
            Self::TokenCreate => "token.create",
            Self::TokenRevoke => "token.revoke",
            Self::TokenRegenerate => "token.regenerate",
            Self::TokenUpdate => "token.update",
            Self::GroupUpdate => "group.update",
            Self::GroupDelete => "group.delete",
            Self::ClientCreate => "client.create",
            Self::ClientDelete => "client.delete",
            Self::ClientUpdate => "client.update",
            Self::ClientRotate => "client.rotate",
            Self::ClientFailed => "client.failed",
            Self::Login => "login",
            Self::LoginFailed => "login.failed",
        }
    }
}

/// An entry of the audit log. As JSON it is the admin API's object.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry, description = "Who did what to whom.")]
pub struct Entry {
    /// Entries are in the order of their ids.
    #[schema(example = 4711)]
    pub id: i64,
    /// When it was done.
    pub at: Timestamp,
    /// Who did it.
    #[schema(example = "admin")]
    pub actor: String,
    /// What was done: one of the actions of the audit log.
    #[schema(example = "token.regenerate")]
    pub action: String,
    /// The user or client that it was done to.
    #[schema(example = "alice")]
    pub target: String,
    /// The address that the request came from.
    #[schema(required, example = "192.0.2.7")]
    pub address: Option<String>,
    /// Details, which depend on the action; never a secret. A user who was renamed has an entry under the old name, with
    /// the new `username`, and one under the new name, with `renamed_from`.
    #[schema(example = json!({"revoked": 1}))]
    pub details: Value,
}

/// Which entries the activity of a user shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActivityKind {
    /// All.
    #[default]
    All,
    /// Logins, and logins that were refused.
    Logins,
    /// All but these.
    Changes,
}

/// Selects entries; `None` matches all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// By exactly this actor.
    pub actor: Option<String>,
    /// Of exactly this action.
    pub action: Option<String>,
    /// Concerning exactly this target.
    pub target: Option<String>,
    /// From exactly this address.
    pub address: Option<String>,
    /// With this text in actor or target, whatever the case and without the accents.
    pub contains: Option<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Older than the entry with this id. So the next page begins where the last one ended, even if entries were
    /// written meanwhile.
    pub before_id: Option<i64>,
    /// Whether the entries may be in the order of their times, where that is quicker to find. Otherwise they have the order
    /// of events, whatever the clocks were set to, which is what a list that goes on at `before_id` needs.
    pub may_be_by_time: bool,
}
