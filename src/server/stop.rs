//! How a server ends.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use signal_hook::low_level::exit;

use super::listen::SocketFile;
use crate::service::Service;

/// Stops a server, in steps.
pub struct Stop {
    pub(super) service: Service,
    pub(super) drain: Duration,
    pub(super) shutdown_timeout: Duration,
    pub(super) sockets: Arc<Vec<SocketFile>>,
    pub(super) handle: ServerHandle,
}

impl Stop {
    /// Turns `/readyz` to 503, goes on serving for `JETON_DRAIN`, then takes no new connections and finishes open
    /// requests.
    pub async fn stop(self) {
        self.service.begin_stop(self.drain.saturating_add(self.shutdown_timeout));
        actix_rt::time::sleep(self.drain).await;
        self.sockets.iter().for_each(SocketFile::remove);
        self.handle.stop(true).await;
    }
}

/// How long a process may take to end after its work is done.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes sure that the process ends once its work is done. The event loop waits for its threads, and one of them may
/// wait for ever for a frozen database. Calls `flush_log` before the exit.
pub fn ensure_exit(flush_log: impl FnOnce() + Send + 'static) {
    let end = move || {
        thread::sleep(EXIT_TIMEOUT);
        flush_log();
        exit(0);
    };
    // If no thread can be started, the process ends without this guard.
    let _ = thread::Builder::new().name("end".into()).spawn(end);
}
