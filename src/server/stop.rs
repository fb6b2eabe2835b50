//! How a server ends.

use std::thread;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use signal_hook::low_level::exit;

use crate::service::Service;

/// Stops a server, in steps.
pub struct Stop {
    pub(super) service: Service,
    pub(super) drain: Duration,
    pub(super) handle: ServerHandle,
}

impl Stop {
    /// Says that the node is not ready, goes on for `JETON_DRAIN`, takes nothing new, and finishes what is under way.
    pub async fn stop(self) {
        self.service.node.begin_stop();
        actix_rt::time::sleep(self.drain).await;
        self.handle.stop(true).await;
    }
}

/// How long a process whose work is done may take to take itself apart.
const LONGEST_END: Duration = Duration::from_secs(2);

/// Sees to it that a process whose work is done ends: the event loop waits for its threads, and one of them may for ever
/// wait for a database that stands still. It says its `last_words` all the same.
pub fn end_for_sure(last_words: impl FnOnce() + Send + 'static) {
    let end = move || {
        thread::sleep(LONGEST_END);
        last_words();
        exit(0);
    };
    // Without a thread the end is as it would be.
    let _ = thread::Builder::new().name("end".into()).spawn(end);
}
