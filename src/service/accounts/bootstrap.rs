//! The first user and the first client: created at start if they are missing, never changed if they exist.

use crate::domain::audit::Actor;
use crate::domain::client::{ClientDetails, ClientSecret, client_id_fault};
use crate::domain::email::email_fault;
use crate::domain::password::Password;
use crate::domain::password_rules::{self, Attributes};
use crate::domain::profile::Profile;
use crate::domain::user::{NewUser, User, new_username};
use crate::service::{Accounts, Error};
use crate::store::{Store, StoreError};

/// `JETON_BOOTSTRAP_*`.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// A superuser and their password.
    pub admin: Option<(String, Password)>,
    /// A client and its secret.
    pub client: Option<(String, ClientSecret)>,
}

/// What the first start on an empty SQLite database created. It is shown once.
#[derive(Clone, Debug)]
pub struct FirstStart {
    /// The superuser's name and password.
    pub admin: (String, Password),
    /// The client's id and secret.
    pub client: (String, ClientSecret),
}

impl Accounts {
    /// Creates the configured user and client if they are missing.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a name is not valid.
    pub async fn bootstrap(&self, wanted: &Bootstrap) -> Result<(), Error> {
        if let Some((username, password)) = &wanted.admin {
            self.bootstrap_admin(username, password).await?;
        }
        if let Some((client_id, secret)) = &wanted.client {
            self.bootstrap_client(client_id, secret).await?;
        }
        Ok(())
    }

    /// On a database without users and clients: creates a superuser of this name and a client `demo` with random secrets.
    pub async fn first_start(&self, admin: &str) -> Result<Option<FirstStart>, Error> {
        if self.database.run(|store| Ok(store.has_users()? || store.has_clients()?)).await? {
            return Ok(None);
        }
        let created = FirstStart {
            admin: (admin.into(), Password::generate()),
            client: ("demo".into(), ClientSecret::generate()),
        };
        // If two processes start at once, only the one that inserted the admin continues; the other would print secrets
        // that were never stored.
        if self.bootstrap_admin(&created.admin.0, &created.admin.1).await?.is_none() {
            return Ok(None);
        }
        self.bootstrap_client(&created.client.0, &created.client.1).await?;
        Ok(Some(created))
    }

    /// Refuses a database in which names differ by case only, where such names are the same name.
    ///
    /// # Errors
    /// [`Error::Store`], with the names.
    pub async fn require_distinct_usernames(&self) -> Result<(), Error> {
        self.database.without_deadline(Store::require_distinct_usernames).await
    }

    /// Logs a warning, with what to do, if there is no active superuser.
    pub async fn warn_without_superuser(&self) -> Result<(), Error> {
        if !self.database.run(Store::has_active_superuser).await? {
            log::warn!(
                "there is no active superuser, so nobody can manage users and clients; \
                 create one, with the DATABASE_URL of this server: jeton user create --superuser NAME"
            );
        }
        Ok(())
    }

    /// Creates a superuser. `None` if there is a user of that name already, who is not changed.
    async fn bootstrap_admin(&self, username: &str, password: &Password) -> Result<Option<User>, Error> {
        let username =
            new_username(username).map_err(|messages| Error::invalid("JETON_BOOTSTRAP_ADMIN", messages.join(" ")))?;
        let wanted = username.clone();
        if self.database.run(move |store| store.has_username(&wanted, None)).await? {
            return Ok(None);
        }
        // A name that is an e-mail address is the user's e-mail address too, so that a login by either finds them.
        let email = if email_fault(&username).is_none() { username.clone() } else { String::new() };
        let profile = Profile { email, ..Profile::default() };
        let attributes = Attributes { username: &username, profile: &profile };
        // The operator's choice is accepted, as by Django's createsuperuser; a weak password causes only a warning.
        for fault in password_rules::faults(password.expose(), &attributes) {
            log::warn!("JETON_BOOTSTRAP_ADMIN_PASSWORD: {fault}");
        }
        let hash = self.hasher.hash(password.clone(), None).await?;
        let new = NewUser { profile, is_staff: true, is_superuser: true, ..NewUser::named(username, hash) };
        let now = self.clock.now();
        let created = self.database.run(move |store| store.bootstrap_user(&new, now)).await?;
        if let Some(user) = &created {
            log::info!(user = user.username.as_str(), user_id = user.id; "created a superuser");
        }
        Ok(created)
    }

    async fn bootstrap_client(&self, client_id: &str, secret: &ClientSecret) -> Result<(), Error> {
        if let Some(fault) = client_id_fault(client_id) {
            return Err(Error::invalid("JETON_BOOTSTRAP_CLIENT_ID", fault));
        }
        let (id, digest, now) = (client_id.to_owned(), secret.digest(), self.clock.now());
        match self
            .database
            .run(move |store| store.create_client(&id, &ClientDetails::default(), &digest, &Actor::system(), now))
            .await
        {
            Err(Error::Store(StoreError::Taken)) => Ok(()),
            Ok(()) => {
                log::info!(client = client_id; "created a client");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
