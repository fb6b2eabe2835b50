//! Sessions of the console and of `/account/`: they begin with a password, each page uses them, and they end.

use crate::domain::audit::Actor;
use crate::domain::session::{FormDigest, SessionKey, SessionKind};
use crate::domain::user::User;
use crate::service::{Error, Faults, Login, LoginRefusal, SignIn};
pub use crate::store::Session;
use crate::store::{Changed, FormUse};

/// The message, whatever is wrong: that of Django's admin (`django/contrib/admin/forms.py`), or that of its login form
/// (`django/contrib/auth/forms.py`).
const fn wrong(kind: SessionKind) -> &'static str {
    match kind {
        SessionKind::Console => {
            "Please enter the correct username and password for a staff account. \
             Note that both fields may be case-sensitive."
        }
        SessionKind::Account => {
            "Please enter a correct username and password. Note that both fields may be case-sensitive."
        }
    }
}

/// A new session.
#[derive(Debug)]
pub struct SignedIn {
    /// Its key.
    pub key: SessionKey,
    /// Whose it is.
    pub username: String,
}

/// The result of a one-time form.
#[must_use]
pub enum Once<T> {
    /// Its action is done.
    Done(T),
    /// Its action failed. It may be sent again.
    Failed(Error),
    /// It was sent before, or its session has ended. Nothing was done.
    SentAlready,
}

impl SignIn {
    /// Signs a user in, within the same limits on failed logins as the API. The browser's previous session, if there is
    /// one, ends.
    ///
    /// # Errors
    /// As [`SignIn::login`]. Instead of [`Error::LoginRefused`] it is [`Error::Invalid`], and so it is for users who
    /// may not have such a session.
    pub async fn sign_in(
        &self,
        login: Login,
        kind: SessionKind,
        previous: Option<SessionKey>,
    ) -> Result<SignedIn, Error> {
        let login = login.bounded();
        let signed_in = self.checked_sign_in(&login, kind).await.map_err(|error| match error {
            Error::LoginRefused(_) => Error::invalid(Faults::NON_FIELD, wrong(kind)),
            other => other,
        })?;
        if let Some(previous) = previous {
            self.sign_out(&previous).await?;
        }
        Ok(signed_in)
    }

    async fn checked_sign_in(&self, login: &Login, kind: SessionKind) -> Result<SignedIn, Error> {
        let begin = async |user: User| {
            // Only active users get here.
            if !kind.is_for(&user) {
                log::info!(address = login.address, user = user.username.as_str(); "refused at the console: not staff");
                return Err(Error::LoginRefused(LoginRefusal::NotStaff));
            }
            let (key, now, read) = (SessionKey::generate(), self.clock.now(), user.clone());
            let actor = Actor { name: user.username.clone(), address: login.address };
            let digest = key.digest();
            let begun = self.database.run(move |store| store.create_session(&read, &digest, kind, &actor, now)).await?;
            if let Changed::Done(()) = begun {
                self.last_logins.note(&user, now);
            }
            Ok(begun.map(|()| SignedIn { key, username: user.username }))
        };
        self.within_login_limits(login, Some(kind.as_str()), begin).await
    }

    /// The session of this key; `None` when it has ended. With `take_notice` its notice counts as shown.
    pub async fn session(
        &self,
        key: &SessionKey,
        kind: SessionKind,
        take_notice: bool,
    ) -> Result<Option<Session>, Error> {
        let (digest, now) = (key.digest(), self.clock.now());
        self.database.run(move |store| store.use_session(&digest, kind, take_notice, now)).await
    }

    /// Sets the message that the session's next page shows.
    pub async fn set_notice(&self, key: &SessionKey, notice: String) -> Result<(), Error> {
        let digest = key.digest();
        self.database.run(move |store| store.set_notice(&digest, &notice)).await
    }

    /// Runs the action of a one-time form, if no node has run it yet: reloading the answer sends the form again. A form
    /// whose action failed may be sent again.
    ///
    /// # Errors
    /// [`Error::Store`] when it is not known whether the form was sent before.
    pub async fn run_once<T>(
        &self,
        key: &SessionKey,
        form: FormDigest,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<Once<T>, Error> {
        let (digest, now) = (key.digest(), self.clock.now());
        match self.database.run(move |store| store.take_form(&digest, &form, now)).await? {
            FormUse::First => {}
            FormUse::Refused => return Ok(Once::SentAlready),
        }
        let failed = match work.await {
            Ok(done) => return Ok(Once::Done(done)),
            Err(error) => error,
        };
        if let Err(error) = self.database.run(move |store| store.give_form_back(&form)).await {
            log::log!(error.level(), "a form cannot be sent again: {error}");
        }
        Ok(Once::Failed(failed))
    }

    /// Ends a session. No error if it has ended already.
    pub async fn sign_out(&self, key: &SessionKey) -> Result<(), Error> {
        let digest = key.digest();
        self.database.run(move |store| store.delete_session(&digest)).await
    }
}
