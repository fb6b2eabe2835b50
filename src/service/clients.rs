//! Clients: registered, listed, given a new secret, deleted. Superusers only.

use std::time::Duration;

use super::{Caller, Error, Rights, Service};
use crate::domain::client::{Client, ClientSecret, client_id_fault};
use crate::domain::page::{Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::store::{ClientChange, StoreError};

impl Service {
    /// Registers a client; its secret is shown this once.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `client_id`; [`Error::PermissionDenied`].
    pub async fn create_client(&self, client_id: &str, caller: &Caller) -> Result<ClientSecret, Error> {
        caller.require(Rights::Superuser)?;
        if let Some(fault) = client_id_fault(client_id) {
            return Err(Error::invalid("client_id", fault));
        }
        let secret = ClientSecret::generate();
        let (id, digest, actor, now) =
            (client_id.to_owned(), secret.digest(), caller.actor.clone(), self.clock().now());
        match self.db(move |store| store.create_client(&id, &digest, &actor, now)).await {
            Err(Error::Store(StoreError::Taken)) => {
                Err(Error::invalid("client_id", "A client with that client id already exists."))
            }
            other => other.map(|()| secret),
        }
    }

    /// One client.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PermissionDenied`].
    pub async fn client(&self, client_id: &str, caller: &Caller) -> Result<Client, Error> {
        caller.require(Rights::Superuser)?;
        let id = client_id.to_owned();
        self.db(move |store| store.client(&id)).await?.ok_or(Error::NotFound)
    }

    /// All clients, by age.
    pub async fn list_clients(&self, page: PageRequest, caller: &Caller) -> Result<Page<Client>, Error> {
        caller.require(Rights::Superuser)?;
        self.db(move |store| store.list_clients(page)).await
    }

    /// Gives a client a new secret; gives until when the old one goes on too, if it does.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn rotate_client(
        &self,
        client_id: &str,
        grace: Option<Duration>,
        caller: &Caller,
    ) -> Result<(ClientSecret, Option<Timestamp>), Error> {
        caller.require(Rights::Superuser)?;
        let secret = ClientSecret::generate();
        let (id, digest, actor, now) =
            (client_id.to_owned(), secret.digest(), caller.actor.clone(), self.clock().now());
        let grace_until = grace.filter(|grace| !grace.is_zero()).map(|grace| now.after(grace));
        match self.db(move |store| store.rotate_client(&id, &digest, grace_until, &actor, now)).await? {
            ClientChange::Done => Ok((secret, grace_until)),
            ClientChange::NoSuchClient => Err(Error::NotFound),
        }
    }

    /// Deletes a client.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_client(&self, client_id: &str, caller: &Caller) -> Result<(), Error> {
        caller.require(Rights::Superuser)?;
        let (id, actor, now) = (client_id.to_owned(), caller.actor.clone(), self.clock().now());
        match self.db(move |store| store.delete_client(&id, &actor, now)).await? {
            ClientChange::Done => Ok(()),
            ClientChange::NoSuchClient => Err(Error::NotFound),
        }
    }
}
