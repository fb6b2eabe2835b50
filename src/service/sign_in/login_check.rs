//! Checks a login's password, again when the user changes meanwhile.

use std::sync::OnceLock;

use crate::domain::password::{HashFault, PasswordHash};
use crate::domain::user::User;
use crate::service::hasher::{Check, Checked};
use crate::service::retry::until_done;
use crate::service::{Error, Login, LoginRefusal, SignIn};
use crate::store::Changed;

/// A user whose password was found right.
struct PasswordRight {
    /// The user, who is active.
    user: User,
    /// A new hash of the same password, if theirs is outdated.
    rehashed: Option<PasswordHash>,
}

impl SignIn {
    /// Checks the password, and then runs `then`. Puts the username of the user whom the login names into `found`, even if
    /// the password is wrong. Checks again when `then` reports that the user has changed since.
    ///
    /// If a hash is replaced between its check and the token, the user looks changed, and the password is checked
    /// again. Only the first check replaces a hash; otherwise nodes with different costs would replace it in turns for
    /// ever.
    pub(in crate::service) async fn with_checked_password<T>(
        &self,
        login: &Login,
        found: &OnceLock<String>,
        then: impl AsyncFn(User) -> Result<Changed<T>, Error>,
    ) -> Result<T, Error> {
        until_done(async |check| {
            let PasswordRight { mut user, rehashed } = self.check_password_of(login, found).await?;
            if let Some(new) = rehashed.filter(|_| check.is_first) {
                let (id, old) = (user.id, std::mem::replace(&mut user.password, new.clone()));
                let replaced = self.database.run(move |store| store.rehash_password(id, &old, &new)).await?;
                if let Changed::UserChanged = replaced {
                    return Ok(Changed::UserChanged);
                }
            }
            let user_id = user.id;
            let result = then(user).await?;
            if let Changed::Done(_) = result {
                self.note_login_network(user_id, login).await;
            }
            Ok(result)
        })
        .await
    }

    /// Checks that this is the password of an active user.
    async fn check_password_of(&self, login: &Login, found: &OnceLock<String>) -> Result<PasswordRight, Error> {
        let name = login.name.clone();
        let user = self.database.run(move |store| store.user_at_login(&name)).await?;
        if let Some(user) = &user {
            found.get_or_init(|| user.username.clone());
        }
        let check = Check {
            stored: user.as_ref().map(|user| user.password.clone()),
            dummy: self.counted_hashes.dummy_for(&self.folded(&login.name), self.hasher.dummy()),
            password: login.password.clone(),
            replaces: user.as_ref().is_some_and(|user| user.is_active),
        };
        match (user, self.hasher.verify(check, login.address).await?) {
            (Some(user), Checked::Good(rehashed)) if user.is_active => Ok(PasswordRight { user, rehashed }),
            (user, checked) => {
                let reason = refusal(user.as_ref(), &checked);
                // One line is written for every reason, because writing a line takes time, too.
                if let (Some(user), Checked::CannotCheck(fault)) = (&user, &checked) {
                    log::warn!(user_id = user.id, user = user.username.as_str(); "a user cannot log in: {fault}");
                } else {
                    // An unknown name may be a password in the wrong field, so it is not logged.
                    let known = user.as_ref().map(|user| user.username.as_str());
                    log::info!(address = login.address, user = known, reason = reason.as_str(); "a login was refused");
                }
                Err(Error::LoginRefused(reason))
            }
        }
    }
}

/// Why a login is refused: from the user, if there is one, and from the result of the password check.
fn refusal(user: Option<&User>, checked: &Checked) -> LoginRefusal {
    match (user, checked) {
        (None, _) => LoginRefusal::UnknownUser,
        (Some(user), _) if !user.is_active => LoginRefusal::Inactive,
        (Some(_), Checked::CannotCheck(HashFault::TooCostly(_) | HashFault::TooMuchMemory(..))) => {
            LoginRefusal::TooCostly
        }
        (Some(_), Checked::CannotCheck(_)) => LoginRefusal::NoPassword,
        (Some(user), Checked::Wrong) if user.password.is_unusable() => LoginRefusal::NoPassword,
        (Some(_), Checked::Wrong | Checked::Good(_)) => LoginRefusal::WrongPassword,
    }
}
