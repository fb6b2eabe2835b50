//! Exchanges a name and a password for a token (DRF, `rest_framework/authtoken/views.py::ObtainAuthToken`).

use std::net::IpAddr;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::domain::audit::{Action, Actor};
use crate::domain::password::Password;
use crate::domain::safe_text::{HIDDEN, may_be_key};
use crate::domain::time::Timestamp;
use crate::domain::token::Token;
use crate::domain::user::{LoginName, MAX_USERNAME_CHARS, User, bounded_username};
use crate::service::login_tokens::LoginToken;
use crate::service::sign_in::login_limits::NotAdmitted;
use crate::service::{Error, SignIn};
use crate::store::Changed;

/// The input of a login.
#[derive(Clone, Debug)]
pub struct Login {
    /// Without surrounding blanks, where the form of the login removes them.
    pub name: LoginName,
    /// As sent.
    pub password: Password,
    /// The client's address.
    pub address: Option<IpAddr>,
}

impl Login {
    /// The same with a bounded name, because it is held in memory while it waits.
    pub(in crate::service) fn bounded(self) -> Self {
        Self { name: LoginName { text: bounded_username(self.name.text), by: self.name.by }, ..self }
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
        let issue_token = async |user: User| {
            let by = Actor { name: user.username.clone(), address: login.address };
            let issued = self.login_tokens.login_token(&user, &by, Action::Login).await?;
            if let Changed::Done(_) = issued {
                self.last_logins.note(&user, self.clock.now());
            }
            Ok(issued.map(|LoginToken { token, expires_at }| LoggedIn { token, expires_at, user }))
        };
        self.within_login_limits(&login, None, issue_token).await
    }

    /// The user with this name and password, within the limits of logins, and without a token.
    ///
    /// # Errors
    /// As [`SignIn::login`].
    pub async fn check_password(&self, login: Login) -> Result<User, Error> {
        self.within_login_limits(&login.bounded(), None, async |user| Ok(Changed::Done(user))).await
    }

    /// Checks the password within the limits on failed logins and runs `then`, counts the result, and records a refusal
    /// in the audit log: about the user whom the login names, or about the name if there is no such user. `via` is the
    /// place where it was tried, if it is not the API.
    pub(in crate::service) async fn within_login_limits<T>(
        &self,
        login: &Login,
        via: Option<&str>,
        then: impl AsyncFn(User) -> Result<Changed<T>, Error>,
    ) -> Result<T, Error> {
        let by = |name: &str| Actor { name: name.to_owned(), address: login.address };
        let details = |reason: Option<&str>| {
            let words = [("via", via), ("reason", reason)].into_iter();
            Value::Object(words.filter_map(|(name, word)| Some((name.to_owned(), json!(word?)))).collect())
        };
        let attempt = match self.admit_login(login).await {
            Ok(attempt) => attempt,
            Err(NotAdmitted { error, is_first }) => {
                self.metrics.login(outcome(&error));
                if is_first {
                    self.record_throttled(by(&login.name.text), details(Some("throttled"))).await;
                }
                return Err(error);
            }
        };
        let found = OnceLock::new();
        let result = self.with_checked_password(login, &found, then).await;
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
            let user = found.get();
            self.record_refusal(by(user.unwrap_or(&login.name.text)), user.is_some(), details).await?;
        }
        result
    }

    /// `is_known`: it is the name of a user. Otherwise it may be a key in the wrong field, and staff read the audit log.
    async fn record_refusal(&self, by: Actor, is_known: bool, details: Value) -> Result<(), Error> {
        let now = self.clock.now();
        let by = if !is_known && may_be_key(&by.name) { Actor { name: HIDDEN.into(), ..by } } else { by };
        self.database
            .run(move |store| {
                // The name may be any text. One that is too long for a user is cut. PostgreSQL refuses NUL.
                let name: String = by.name.replace('\0', "\u{fffd}").chars().take(MAX_USERNAME_CHARS).collect();
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
