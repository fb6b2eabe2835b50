//! What is reloaded while a server runs: certificate, secret keys, `DATABASE_URL`; at an edge the certificate and the
//! credentials for the upstream. A part that is broken keeps its old value, and the log says so.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::certificate::Certificate;
use super::open::sealer_of;
use super::start_error::StartError;
use crate::config::{ConfigError, RawSettings, Reloadable, SecretKeys, TlsFiles};
use crate::domain::database_url::DatabaseUrl;
use crate::service::{Edge, Reloaded, Service};
use crate::store::StoreError;

/// How often `DATABASE_URL` is reloaded while the database gives no connection.
const INTERVAL: Duration = Duration::from_secs(2);

/// Reads settings and the files that they name.
pub type ReadSettings = Arc<dyn Fn() -> RawSettings + Send + Sync>;

/// What is needed to reload files.
#[derive(Clone)]
pub struct Reload {
    pub(super) service: Service,
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) read_settings: ReadSettings,
}

impl Reload {
    /// Reloads everything each time that `requests` receives, and `DATABASE_URL` also while the database gives no
    /// connection: its password may have been changed.
    pub async fn run(self, mut requests: Receiver<()>) {
        if let Some(edge) = self.service.as_edge().cloned() {
            while requests.recv().await.is_some() {
                let (this, edge) = (self.clone(), Arc::clone(&edge));
                run_blocking(move || this.reload_edge(&edge)).await;
            }
            return;
        }
        let (mut failures, mut refused) = (self.service.node.failed_connections(), None);
        loop {
            match actix_rt::time::timeout(INTERVAL, requests.recv()).await {
                Ok(Some(())) => {
                    let this = self.clone();
                    run_blocking(move || this.reload_all()).await;
                    refused = None;
                }
                // Nobody can ask any more.
                Ok(None) => return,
                Err(_) => {
                    let now = self.service.node.failed_connections();
                    if now != failures {
                        failures = now;
                        let (this, known) = (self.clone(), refused.take());
                        refused = run_blocking(move || this.reload_url(known)).await.flatten();
                    }
                }
            }
        }
    }

    fn reload_edge(&self, edge: &Edge) {
        let upstream = self.read_again().upstream.map_err(Fault::from);
        let replaced = upstream.and_then(|upstream| {
            let upstream = upstream.ok_or_else(|| Fault("it is not set any more".into()))?;
            let options = upstream.of_edge().map_err(Fault)?;
            edge.replace_credentials(&options.client_id, &options.client_secret);
            Ok(Reloaded::New)
        });
        log_outcome("JETON_UPSTREAM_CLIENT_SECRET", replaced);
    }

    /// Reads the settings again, replaces the certificate, and returns the parts that are left to the caller.
    fn read_again(&self) -> Reloadable {
        let raw = (self.read_settings)();
        raw.exposed_files().iter().for_each(|fault| log::warn!("{fault}"));
        let reloadable = raw.reloadable();
        log::info!("reloading files");
        match (&self.certificate, &reloadable.tls) {
            (Some(certificate), tls) => log_outcome("the certificate", replace_certificate(certificate, tls)),
            (None, Ok(None)) => {}
            (None, _) => log::error!("JETON_TLS_CERT: only a restart can turn HTTPS on"),
        }
        reloadable
    }

    fn reload_all(&self) {
        let reloadable = self.read_again();
        let keys = reloadable.secret_keys.map_err(Fault::from);
        log_outcome("JETON_SECRET_KEY", keys.and_then(|keys| self.reload_secret_keys(&keys)));
        let url = reloadable.database_url.map_err(Fault::from);
        log_outcome("DATABASE_URL", url.and_then(|url| Ok(self.service.node.move_to(&url)?)));
    }

    /// Returns a URL that was refused, so that it is logged only once.
    fn reload_url(&self, known: Option<DatabaseUrl>) -> Option<DatabaseUrl> {
        let url = (self.read_settings)().reloadable().database_url.ok()?;
        match self.service.node.move_to(&url) {
            Ok(Reloaded::Same) => None,
            Ok(Reloaded::New) => {
                log::info!("DATABASE_URL was reloaded, because the database gave no connection");
                None
            }
            Err(error) => {
                if known.as_ref() != Some(&url) {
                    log::error!("DATABASE_URL cannot be reloaded and stays as it was: {error}");
                }
                Some(url)
            }
        }
    }

    /// Without a key in the settings, the key file beside an SQLite database is used, as at the start.
    fn reload_secret_keys(&self, keys: &SecretKeys) -> Result<Reloaded, Fault> {
        match sealer_of(keys, self.service.node.database_url())? {
            Some(sealer) => Ok(self.service.login_tokens.replace_secret_keys(sealer)?),
            None if self.service.login_tokens.has_secret_keys() => Err(Fault("it is empty or not set any more".into())),
            None if keys.fallbacks.is_empty() => Ok(Reloaded::Same),
            None => Err(Fault("it is not set, but JETON_SECRET_KEY_FALLBACKS is".into())),
        }
    }
}

fn replace_certificate(
    certificate: &Certificate,
    files: &Result<Option<TlsFiles>, ConfigError>,
) -> Result<Reloaded, Fault> {
    let files = files.as_ref().map_err(|error| Fault(error.to_string()))?;
    let files = files.as_ref().ok_or_else(|| Fault("JETON_TLS_CERT: only a restart can turn HTTPS off".into()))?;
    certificate.reload(files)?;
    Ok(Reloaded::New)
}

/// Why a part stays as it was.
struct Fault(String);

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

impl From<StartError> for Fault {
    fn from(error: StartError) -> Self {
        Self(error.to_string())
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// Logs the outcome of one part. One that is known to be the same is not logged; certificates and an edge's secret are
/// not compared.
fn log_outcome(part: &str, done: Result<Reloaded, Fault>) {
    match done {
        Ok(Reloaded::New) => log::info!("{part} was reloaded"),
        Ok(Reloaded::Same) => {}
        Err(Fault(why)) => log::error!("{part} cannot be reloaded and stays as it was: {why}"),
    }
}

/// Runs work that may block, such as reading files, off the event loop.
async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    // A panic is logged by the panic hook.
    actix_rt::task::spawn_blocking(work).await.ok()
}
