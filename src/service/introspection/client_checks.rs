//! Checks of clients' credentials for an edge, within limits (`client_limits.rs`).

use std::net::IpAddr;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use serde_json::json;

use super::authenticate::AcceptedClient;
use super::client_limits::{BY_CALLER, Window};
use crate::domain::client::ClientSecret;
use crate::service::throttle::Stopped;
use crate::service::{Error, Introspect};

/// How many of an edge's clients are checked at once.
const CHECKS_AT_ONCE: usize = 8;

/// How long an edge's client is to wait when too many checks of it are under way.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Who has clients' credentials checked, in place of these clients.
#[derive(Clone, Debug)]
pub struct CheckCaller {
    /// `client:<client_id>`, or a username.
    pub name: String,
    /// From where it asks.
    pub address: Option<IpAddr>,
}

/// The result of a check for an edge.
#[derive(Clone, Debug)]
pub enum CheckedClient {
    /// The secret is right.
    Accepted(AcceptedClient),
    /// It is not.
    Refused,
    /// It was not checked, and not before this time has passed will it be.
    Throttled(Duration),
}

impl Introspect {
    /// Checks clients' credentials for an edge: each pair is an id and a secret. The edge limits failures by its clients'
    /// addresses, which only it knows; here they are limited by who asks and which client is tried, so that a client of an
    /// edge that keeps failing locks out no other one. The first failure of a window goes to the audit log.
    ///
    /// # Errors
    /// As [`Introspect::authenticate_client`].
    pub async fn check_clients(
        &self,
        clients: Vec<(String, ClientSecret)>,
        by: &CheckCaller,
    ) -> Result<Vec<CheckedClient>, Error> {
        let checks = stream::iter(clients).map(|client| self.check_client_for(by, client));
        // All are done before one's error is returned, because a check that is dropped counts as a failure.
        let checked: Vec<_> = checks.buffered(CHECKS_AT_ONCE).collect().await;
        checked.into_iter().collect()
    }

    async fn check_client_for(&self, by: &CheckCaller, client: (String, ClientSecret)) -> Result<CheckedClient, Error> {
        let tried = client.0.clone();
        let window = Window { limit: BY_CALLER, of: &[by.name.as_bytes(), tried.as_bytes()] };
        Ok(match self.authenticate_within(&window, vec![client]).await {
            Ok(Ok(Some(accepted))) => CheckedClient::Accepted(accepted),
            Ok(Ok(None)) => {
                let details = json!({ "caller": by.name });
                self.record_failed_client(tried.clone(), &window, by.address, details).await;
                CheckedClient::Refused
            }
            Ok(Err(Stopped::Refused(refusal))) => CheckedClient::Throttled(refusal.wait),
            Ok(Err(Stopped::Busy | Stopped::Unclear)) => CheckedClient::Throttled(BUSY_WAIT),
            // By the upstream of this edge.
            Err(Error::Throttled(wait)) => CheckedClient::Throttled(wait),
            Err(error) => return Err(error),
        })
    }
}
