//! Exchanges a username and a password for a token (DRF, `rest_framework/authtoken/views.py::ObtainAuthToken`).

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::domain::audit::{Action, Actor};
use crate::domain::password::Password;
use crate::domain::safe_text::{HIDDEN, may_be_key};
use crate::domain::time::Timestamp;
use crate::domain::token::Token;
use crate::domain::user::{MAX_USERNAME_CHARS, User, bounded_username};
use crate::service::login_tokens::LoginToken;
use crate::service::sign_in::login_limits::NotAdmitted;
use crate::service::{Error, LoginRefusal, SignIn};
use crate::store::Changed;

/// The input of a login.
#[derive(Clone, Debug)]
pub struct Login {
    /// As sent, without surrounding blanks.
    pub username: String,
    /// As sent.
    pub password: Password,
    /// The client's address.
    pub address: Option<IpAddr>,
}

impl Login {
    /// The same with a bounded username, because it is held in memory while it waits.
    pub(in crate::service) fn bounded(self) -> Self {
        Self { username: bounded_username(self.username), ..self }
    }
}

/// The result of a successful login.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// The key, in the clear.
    pub token: Token,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// The token's user.
    pub user: User,
}

impl SignIn {
    /// Logs a user in. Refused logins go to the audit log. If a limit refuses several in a row, only the first of these
    /// goes there.
    ///
    /// # Errors
    /// [`Error::LoginRefused`] for an unknown user, an inactive one and a wrong password;
    /// [`Error::Throttled`], [`Error::Busy`], [`Error::TokenLimit`]; [`Error::UserChanging`].
    pub async fn login(&self, login: Login) -> Result<LoggedIn, Error> {
        let login = login.bounded();
        let by = Actor { name: login.username.clone(), address: login.address };
        self.with_login_limits(by.clone(), None, self.checked_login(login, &by)).await
    }

    /// Runs `login` within the limits on failed logins, counts its result, and records a refusal in the audit log;
    /// `via` is the place where it was tried, if it is not the API.
    pub(in crate::service) async fn with_login_limits<T>(
        &self,
        by: Actor,
        via: Option<&str>,
        login: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let details = |reason: Option<&str>| {
            let words = [("via", via), ("reason", reason)].into_iter();
            Value::Object(words.filter_map(|(name, word)| Some((name.to_owned(), json!(word?)))).collect())
        };
        let attempt = match self.admit_login(&by).await {
            Ok(attempt) => attempt,
            Err(NotAdmitted { error, is_first }) => {
                self.metrics.login(outcome(&error));
                if is_first {
                    self.record_throttled(by, details(Some("throttled"))).await;
                }
                return Err(error);
            }
        };
        let result = login.await;
        self.metrics.login(result.as_ref().err().map_or("ok", outcome));
        let refusal = match &result {
            Err(Error::LoginRefused(reason)) => Some(details(Some(reason.as_str()))),
            Err(Error::TokenLimit) => Some(details(Some("limit"))),
            _ => None,
        };
        // Every `LoginRefused` counts as a failed login, and nothing else, even if the audit log cannot be written.
        if !matches!(&result, Err(Error::LoginRefused(_))) {
            attempt.forgive();
        }
        if let Some(details) = refusal {
            let is_known = !matches!(&result, Err(Error::LoginRefused(LoginRefusal::UnknownUser)));
            self.record_refusal(by, is_known, details).await?;
        }
        result
    }

    /// `is_known`: a user has this name. Otherwise it may be a key in the wrong field, and staff read the audit log.
    async fn record_refusal(&self, by: Actor, is_known: bool, details: Value) -> Result<(), Error> {
        let now = self.clock.now();
        let by = if !is_known && may_be_key(&by.name) { Actor { name: HIDDEN.into(), ..by } } else { by };
        self.database
            .run(move |store| {
                // The name may be any text. One that is too long for a user is cut.
                let name: String = by.name.chars().take(MAX_USERNAME_CHARS).collect();
                let by = Actor { name: name.clone(), ..by };
                store.record(&by, Action::LoginFailed, &name, &details, now)
            })
            .await
    }

    /// A throttled login needs no database, so it does not fail when the audit log cannot be written.
    async fn record_throttled(&self, by: Actor, details: Value) {
        if let Err(error) = self.record_refusal(by, false, details).await {
            log::log!(error.level(), "cannot record a throttled login in the audit log: {error}");
        }
    }

    async fn checked_login(&self, login: Login, by: &Actor) -> Result<LoggedIn, Error> {
        self.with_checked_password(&login, async |user: User| {
            let issued = self.login_tokens.login_token(&user, by, Action::Login).await?;
            if let Changed::Done(_) = issued {
                self.last_logins.note(&user, self.clock.now());
            }
            Ok(issued.map(|LoginToken { token, expires_at }| LoggedIn { token, expires_at, user }))
        })
        .await
    }
}

/// The metric's label of a failed login.
const fn outcome(error: &Error) -> &'static str {
    match error {
        Error::LoginRefused(_) => "refused",
        Error::TokenLimit => "limit",
        Error::Throttled(_) => "throttled",
        Error::Busy => "busy",
        _ => "error",
    }
}
