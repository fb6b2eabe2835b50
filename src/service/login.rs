//! A username and a password for a token (DRF, `rest_framework/authtoken/views.py::ObtainAuthToken`).

use std::net::IpAddr;

use serde_json::{Value, json};

use super::hasher::{Check, Checked};
use super::login_limits::NotAdmitted;
use super::{Error, LoginRefusal, Service};
use crate::domain::audit::{Action, Actor};
use crate::domain::password::{Password, PasswordHash};
use crate::domain::shown::{HIDDEN, may_be_key};
use crate::domain::time::Timestamp;
use crate::domain::token::{Token, TokenMode};
use crate::domain::user::{MAX_USERNAME_CHARS, User, sought_username};
use crate::store::{Issue, LoginToken, MetaKey, NewToken, SealedToken, StoreError};

/// How often a login checks the password when the user changes beside it again and again.
const MOST_CHECKS: usize = 10;

/// What is sent to log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// As sent, without blanks round it.
    pub username: String,
    /// As sent.
    pub password: Password,
    /// Where it came from.
    pub address: Option<IpAddr>,
}

impl Login {
    /// The same, for those who keep it while it waits: of a name that no user can have only so much that none is found.
    pub(super) fn bounded(self) -> Self {
        Self { username: sought_username(self.username), ..self }
    }
}

/// What a good login gives.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// The key, in the clear.
    pub token: Token,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Whose it is.
    pub user: User,
}

impl Service {
    /// Logs a user in. Refusals go to the audit log; of those that are over a limit on failed logins only the first,
    /// until that limit lets somebody in again.
    ///
    /// # Errors
    /// [`Error::LoginRefused`] for an unknown user, an inactive one and a wrong password;
    /// [`Error::Throttled`], [`Error::Busy`], [`Error::TokenLimit`].
    pub async fn login(&self, login: Login) -> Result<LoggedIn, Error> {
        let login = login.bounded();
        let by = Actor { name: login.username.clone(), address: login.address };
        self.limited(by.clone(), None, self.checked_login(login, &by)).await
    }

    /// Lets `login` happen within the limits on failed logins, counts how it ends, and writes refusals to the audit log,
    /// with the place where it was tried when it is not the API.
    pub(super) async fn limited<T>(
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
            Err(NotAdmitted { error, is_news }) => {
                self.inner.metrics.login(outcome(&error));
                if is_news {
                    self.record_throttled(by, details(Some("throttled"))).await;
                }
                return Err(error);
            }
        };
        let result = login.await;
        self.inner.metrics.login(result.as_ref().err().map_or("ok", outcome));
        let refusal = match &result {
            Err(Error::LoginRefused(reason)) => Some(details(Some(reason.as_str()))),
            Err(Error::TokenLimit) => Some(details(Some("limit"))),
            _ => None,
        };
        if let Some(details) = refusal {
            let is_known = !matches!(&result, Err(Error::LoginRefused(LoginRefusal::UnknownUser)));
            self.record_refusal(by, is_known, details).await?;
        }
        // Only a wrong name or password counts against whoever tries.
        if !matches!(&result, Err(Error::LoginRefused(_))) {
            attempt.forgive();
        }
        result
    }

    /// `is_known`: a user has the name that was tried. Else it may be a key in the wrong field, and staff read the log.
    async fn record_refusal(&self, by: Actor, is_known: bool, details: Value) -> Result<(), Error> {
        let now = self.clock().now();
        let by = if !is_known && may_be_key(&by.name) { Actor { name: HIDDEN.into(), ..by } } else { by };
        self.db(move |store| {
            // An attempt may be anything; a name that no user can have is cut.
            let name: String = by.name.chars().take(MAX_USERNAME_CHARS).collect();
            let by = Actor { name: name.clone(), ..by };
            store.record(&by, Action::LoginFailed, &name, &details, now)
        })
        .await
    }

    /// To be turned away needs no database, so it does not fail with it.
    async fn record_throttled(&self, by: Actor, details: Value) {
        if let Err(error) = self.record_refusal(by, false, details).await {
            log::log!(error.level(), "a throttled login is not in the audit log: {error}");
        }
    }

    async fn checked_login(&self, login: Login, by: &Actor) -> Result<LoggedIn, Error> {
        self.with_checked(&login, async |user: User| {
            let made = self.login_token(&user, by, Action::Login).await?;
            if made.is_some() {
                self.inner.last_logins.note(&user, self.clock().now());
            }
            Ok(made.map(|(token, expires_at)| LoggedIn { token, expires_at, user }))
        })
        .await
    }

    /// Checks the password and lets `give` do the rest; again when it says that the user is not who was checked any more.
    ///
    /// A hash that is replaced between its check and the token makes the user look changed, so whoever finds that checks
    /// again; but only the first check replaces a hash itself, else nodes of different cost would do it in turns for ever.
    pub(super) async fn with_checked<T>(
        &self,
        login: &Login,
        give: impl AsyncFn(User) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        for check in 1..=MOST_CHECKS {
            let (mut user, rehashed) = self.check_password_of(login).await?;
            if let Some(new) = rehashed.filter(|_| check == 1) {
                let (id, old) = (user.id, std::mem::replace(&mut user.password, new.clone()));
                if !self.db(move |store| store.rehash_password(id, &old, &new)).await? {
                    continue;
                }
            }
            let user_id = user.id;
            if let Some(given) = give(user).await? {
                let by = Actor { name: login.username.clone(), address: login.address };
                self.note_login_network(user_id, &by).await;
                return Ok(given);
            }
        }
        Err(Error::LoginRefused(LoginRefusal::WrongPassword))
    }

    /// The active user whose password this is, and a new hash if theirs is outdated.
    async fn check_password_of(&self, login: &Login) -> Result<(User, Option<PasswordHash>), Error> {
        let username = login.username.clone();
        let user = self.db(move |store| store.user_at_login(&username)).await?;
        let check = Check {
            stored: user.as_ref().map(|user| user.password.clone()),
            dummy: self.inner.counted.dummy_for(&login.username, self.inner.hasher.dummy()),
            password: login.password.clone(),
            replaces: user.as_ref().is_some_and(|user| user.is_active),
        };
        match (user, self.inner.hasher.verify(check, login.address).await?) {
            (Some(user), Checked::Good(rehashed)) if user.is_active => Ok((user, rehashed)),
            (user, checked) => {
                let reason = LoginRefusal::of(user.as_ref(), &checked);
                // One line whatever the reason, for writing a line takes time too.
                if let (Some(user), Checked::Unreadable(fault)) = (&user, &checked) {
                    log::warn!(user_id = user.id, user = user.username.as_str(); "a user cannot log in: {fault}");
                } else {
                    // A name that nobody has may be a password in the wrong field: it is not logged.
                    let known = user.as_ref().map(|user| user.username.as_str());
                    log::info!(address = login.address, user = known, reason = reason.as_str(); "a login was refused");
                }
                Err(Error::LoginRefused(reason))
            }
        }
    }

    /// The user's login token: in single mode the one they have, else a new one. `None` when the user was deactivated
    /// or got another password since they were read.
    pub(super) async fn login_token(
        &self,
        user: &User,
        by: &Actor,
        action: Action,
    ) -> Result<Option<(Token, Option<Timestamp>)>, Error> {
        let single = self.policy().token_mode == TokenMode::Single;
        let limit = if single { None } else { self.policy().token_limit_per_user };
        let mut issue = Issue { single, limit, unopenable: None, keeps_seal: false, action };
        let now = self.clock().now();
        if limit.is_some() {
            // The database counts.
            self.settle_uses(user.id).await?;
        }
        if single {
            let mut found = self.stored_login_token(user, now).await?;
            if matches!(found, LoginToken::None) && self.settle_uses(user.id).await? {
                found = self.stored_login_token(user, now).await?;
            }
            match found {
                LoginToken::UserChanged => return Ok(None),
                LoginToken::Live(row) => match self.open(user, &row).await {
                    Some(token) => {
                        let (by, name) = (by.clone(), user.username.clone());
                        self.db(move |store| store.record(&by, action, &name, &json!({}), now)).await?;
                        return Ok(Some((token, row.expires_at)));
                    }
                    None if self.is_behind().await? => return self.token_beside(user, issue, by).await,
                    None => issue.unopenable = Some(row.digest),
                },
                LoginToken::None => {}
            }
        }
        let expires_at = self.policy().login_expiry(now);
        let (token, new) = self.new_login_token(user.id, expires_at);
        let (asked, actor, by) = (user.clone(), by.clone(), by.clone());
        let issued = self.db(move |store| store.issue_login_token(&asked, &new, issue, &by, now)).await?;
        match issued.ok_or(Error::TokenLimit)? {
            LoginToken::None => Ok(Some((token, expires_at))),
            LoginToken::UserChanged => Ok(None),
            LoginToken::Live(row) => match self.open(user, &row).await {
                Some(token) => Ok(Some((token, row.expires_at))),
                None if self.is_behind().await? => self.token_beside(user, issue, &actor).await,
                None => Err(Error::Store(StoreError::Failed("a sealed token does not open".into()))),
            },
        }
    }

    async fn stored_login_token(&self, user: &User, now: Timestamp) -> Result<LoginToken, Error> {
        let asked = user.clone();
        self.db(move |store| store.login_token(&asked, now)).await
    }

    /// A new login token's key and its row; sealed in single mode.
    pub(super) fn new_login_token(&self, user_id: i64, expires_at: Option<Timestamp>) -> (Token, NewToken) {
        let token = Token::generate(self.policy().token_prefix.as_deref());
        let digest = token.digest();
        let sealer = self.sealer().filter(|_| self.policy().token_mode == TokenMode::Single);
        let new = NewToken {
            digest,
            sealed: sealer.map(|sealer| sealer.seal(&token, user_id, &digest)),
            name: None,
            scope: self.policy().login_scope.clone(),
            hint: token.hint(),
            expires_at,
            own: false,
        };
        (token, new)
    }

    /// What was sealed under an older key is sealed anew.
    async fn open(&self, user: &User, row: &SealedToken) -> Option<Token> {
        let Some((token, place)) = self.sealer()?.open(&row.sealed, user.id, &row.digest) else {
            log::error!(
                user_id = user.id;
                "a sealed token does not open: it was sealed under a secret key that this node does not have, \
                 or its row was changed by hand"
            );
            return None;
        };
        if place > 0 {
            self.reseal_one(user.id, row).await;
        }
        Some(token)
    }

    /// Whether the database's secret key was replaced by one that this node does not have.
    async fn is_behind(&self) -> Result<bool, Error> {
        let Some(sealer) = self.sealer() else { return Ok(false) };
        let current = self.db(|store| store.meta(MetaKey::SecretKeyCheck)).await?;
        Ok(current.is_some_and(|current| sealer.place_of(&current).is_none()))
    }

    /// A login token of this login's own, on a node that cannot open the sealed one: other nodes can, and go on handing
    /// it out.
    async fn token_beside(
        &self,
        user: &User,
        issue: Issue,
        by: &Actor,
    ) -> Result<Option<(Token, Option<Timestamp>)>, Error> {
        let now = self.clock().now();
        let expires_at = self.policy().login_expiry(now);
        let (token, new) = self.new_login_token(user.id, expires_at);
        let (new, asked, by) = (NewToken { sealed: None, ..new }, user.clone(), by.clone());
        let issue = Issue { single: false, keeps_seal: true, ..issue };
        let issued = self.db(move |store| store.issue_login_token(&asked, &new, issue, &by, now)).await?;
        Ok(matches!(issued, Some(LoginToken::None)).then_some((token, expires_at)))
    }
}

/// The metric's word for a login that came to nothing.
const fn outcome(error: &Error) -> &'static str {
    match error {
        Error::LoginRefused(_) => "refused",
        Error::TokenLimit => "limit",
        Error::Throttled(_) => "throttled",
        Error::Busy => "busy",
        _ => "error",
    }
}
