//! Creates, lists, rotates and deletes clients. For superusers only.

use std::time::Duration;

use crate::domain::client::{
    Client, ClientDetails, ClientDetailsChange, ClientSecret, MAX_NOTE, MAX_OWNER, client_id_fault,
};
use crate::domain::page::{Page, PageRequest};
use crate::domain::safe_text::changes_direction;
use crate::domain::time::Timestamp;
use crate::service::messages::{CHANGES_DIRECTION, CLIENT_ID_TAKEN};
use crate::service::{Accounts, Error, Faults, Superuser};
use crate::store::{ClientChange, StoreError};

/// How a client's secret is replaced.
#[derive(Clone, Debug, Default)]
pub struct RotateOptions {
    /// How long the old secret stays valid.
    pub grace: Option<Duration>,
    /// Faults of options that could not be parsed.
    pub parse_faults: Faults,
}

/// A client with a new secret.
#[derive(Clone, Debug)]
pub struct RotatedClient {
    /// The new secret.
    pub secret: ClientSecret,
    /// Until when the old one stays valid; `None`: it has ended.
    pub old_until: Option<Timestamp>,
}

impl Accounts {
    /// Registers a client; its secret is shown only once.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `client_id`, `note` or `owner`.
    pub async fn create_client(
        &self,
        client_id: &str,
        details: ClientDetails,
        caller: &Superuser,
    ) -> Result<ClientSecret, Error> {
        let mut faults = details_faults(Some(&details.note), Some(&details.owner));
        if let Some(fault) = client_id_fault(client_id) {
            faults.add("client_id", fault);
        }
        faults.into_result()?;
        let secret = ClientSecret::generate();
        let (id, digest, actor, now) = (client_id.to_owned(), secret.digest(), caller.actor.clone(), self.clock.now());
        match self.database.run(move |store| store.create_client(&id, &details, &digest, &actor, now)).await {
            Err(Error::Store(StoreError::Taken)) => Err(Error::invalid("client_id", CLIENT_ID_TAKEN)),
            other => other.map(|()| secret),
        }
    }

    /// One client.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn client(&self, client_id: &str, _: &Superuser) -> Result<Client, Error> {
        let (id, now) = (client_id.to_owned(), self.clock.now());
        self.database.run(move |store| store.client(&id, now)).await?.ok_or(Error::NotFound)
    }

    /// All clients, oldest first.
    pub async fn list_clients(&self, page: PageRequest, _: &Superuser) -> Result<Page<Client>, Error> {
        let now = self.clock.now();
        self.database.run(move |store| store.list_clients(page, now)).await
    }

    /// Changes what is written about a client.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] on `note` or `owner`.
    pub async fn update_client(
        &self,
        client_id: &str,
        change: ClientDetailsChange,
        caller: &Superuser,
    ) -> Result<(), Error> {
        let faults = details_faults(change.note.as_deref(), change.owner.as_deref());
        if !faults.fields().is_empty() {
            // An unknown client is reported first, whatever else is wrong.
            self.client(client_id, caller).await?;
            faults.into_result()?;
        }
        let (id, actor, now) = (client_id.to_owned(), caller.actor.clone(), self.clock.now());
        match self.database.run(move |store| store.update_client(&id, &change, &actor, now)).await? {
            ClientChange::Done => Ok(()),
            ClientChange::NoSuchClient => Err(Error::NotFound),
        }
    }

    /// Gives a client a new secret.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for options that could not be read.
    pub async fn rotate_client(
        &self,
        client_id: &str,
        options: RotateOptions,
        caller: &Superuser,
    ) -> Result<RotatedClient, Error> {
        // An unknown client is reported first, whatever else is wrong.
        if !options.parse_faults.fields().is_empty() {
            self.client(client_id, caller).await?;
            options.parse_faults.into_result()?;
        }
        let secret = ClientSecret::generate();
        let (id, digest, actor, now) = (client_id.to_owned(), secret.digest(), caller.actor.clone(), self.clock.now());
        let grace_until = options.grace.filter(|grace| !grace.is_zero()).map(|grace| now.after(grace));
        match self.database.run(move |store| store.rotate_client(&id, &digest, grace_until, &actor, now)).await? {
            ClientChange::Done => Ok(RotatedClient { secret, old_until: grace_until }),
            ClientChange::NoSuchClient => Err(Error::NotFound),
        }
    }

    /// Deletes a client.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_client(&self, client_id: &str, caller: &Superuser) -> Result<(), Error> {
        let (id, actor, now) = (client_id.to_owned(), caller.actor.clone(), self.clock.now());
        match self.database.run(move |store| store.delete_client(&id, &actor, now)).await? {
            ClientChange::Done => Ok(()),
            ClientChange::NoSuchClient => Err(Error::NotFound),
        }
    }
}

fn details_faults(note: Option<&str>, owner: Option<&str>) -> Faults {
    let mut faults = Faults::default();
    for (name, text, most) in [("note", note, MAX_NOTE), ("owner", owner, MAX_OWNER)] {
        if text.is_some_and(|text| text.chars().count() > most) {
            faults.add(name, format!("Ensure this field has no more than {most} characters."));
        } else if text.is_some_and(|text| text.contains('\0')) {
            faults.add(name, "Null characters are not allowed.");
        } else if text.is_some_and(|text| text.contains(changes_direction)) {
            faults.add(name, CHANGES_DIRECTION);
        }
    }
    faults
}
