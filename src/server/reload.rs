//! What is read again while a server runs: certificate, secret keys, `DATABASE_URL`. A part that is broken leaves what
//! stands, and is told of in the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::StartError;
use super::certificate::Certificate;
use super::open::sealer_of;
use crate::config::{ConfigError, Given, SecretKeys, TlsFiles};
use crate::domain::database_url::DatabaseUrl;
use crate::service::Service;
use crate::store::StoreError;

/// How often a database that gives no connection is a reason to read `DATABASE_URL` again.
const INTERVAL: Duration = Duration::from_secs(2);

/// Reads settings and the files that they name.
pub type Gather = Arc<dyn Fn() -> Given + Send + Sync>;

/// What a server reads again.
#[derive(Clone)]
pub struct Reload {
    pub(super) service: Service,
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) gather: Gather,
}

impl Reload {
    /// Reads everything again at each of `asked`, and `DATABASE_URL` by itself while the database gives no connection: its
    /// password may have been changed.
    pub async fn keep_reading(self, mut asked: Receiver<()>) {
        let (mut failures, mut refused) = (self.service.node.failed_connections(), None);
        loop {
            match actix_rt::time::timeout(INTERVAL, asked.recv()).await {
                Ok(Some(())) => {
                    let this = self.clone();
                    off_the_loop(move || this.read_all()).await;
                    refused = None;
                }
                // Nobody can ask any more.
                Ok(None) => return,
                Err(_) => {
                    let now = self.service.node.failed_connections();
                    if now != failures {
                        failures = now;
                        let (this, known) = (self.clone(), refused.take());
                        refused = off_the_loop(move || this.read_url(known)).await.flatten();
                    }
                }
            }
        }
    }

    fn read_all(&self) {
        let given = (self.gather)();
        given.exposed_files().iter().for_each(|fault| log::warn!("{fault}"));
        let reread = given.reread();
        log::info!("files are read again");
        match &self.certificate {
            Some(certificate) => tell("the certificate", read_certificate(certificate, reread.tls)),
            None if matches!(reread.tls, Ok(None)) => {}
            None => log::error!("JETON_TLS_CERT: HTTPS begins with a restart"),
        }
        let keys = reread.secret_keys.map_err(Fault::from);
        tell("JETON_SECRET_KEY", keys.and_then(|keys| self.take_keys(&keys)));
        let url = reread.database_url.map_err(Fault::from);
        tell("DATABASE_URL", url.and_then(|url| Ok(self.service.node.move_to(&url)?)));
    }

    /// Gives a URL that was found and does not do, so that it is told once.
    fn read_url(&self, known: Option<DatabaseUrl>) -> Option<DatabaseUrl> {
        let url = (self.gather)().reread().database_url.ok()?;
        match self.service.node.move_to(&url) {
            Ok(false) => None,
            Ok(true) => {
                log::info!("DATABASE_URL was read again, for the database gave no connection");
                None
            }
            Err(error) => {
                if known.as_ref() != Some(&url) {
                    log::error!("DATABASE_URL was read again and stays as it was: {error}");
                }
                Some(url)
            }
        }
    }

    /// Without a key in the settings it is the one beside an SQLite database, as at the start.
    fn take_keys(&self, keys: &SecretKeys) -> Result<bool, Fault> {
        match sealer_of(keys, self.service.node.database_url())? {
            Some(sealer) => Ok(self.service.login_tokens.replace_secret_keys(sealer)?),
            None if self.service.login_tokens.has_secret_keys() => Err(Fault("it is empty or not set any more".into())),
            None if keys.fallbacks.is_empty() => Ok(false),
            None => Err(Fault("JETON_SECRET_KEY_FALLBACKS is set, and it is not".into())),
        }
    }
}

fn read_certificate(certificate: &Certificate, files: Result<Option<TlsFiles>, ConfigError>) -> Result<bool, Fault> {
    let files = files?.ok_or_else(|| Fault("JETON_TLS_CERT: HTTPS ends with a restart".into()))?;
    certificate.read_again(&files)?;
    Ok(true)
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

/// Says what came of a part; nothing of one that did not change.
fn tell(part: &str, done: Result<bool, Fault>) {
    match done {
        Ok(true) => log::info!("{part} was read again"),
        Ok(false) => {}
        Err(Fault(why)) => log::error!("{part} was read again and stays as it was: {why}"),
    }
}

/// Files and databases may be slow.
async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    // A panic has its own line.
    actix_rt::task::spawn_blocking(work).await.ok()
}
