//! `--wait`, for commands that revoke tokens.

use std::time::Duration;

use clap::Args;

use crate::config::Config;
use crate::server::open_store;

/// The option.
#[derive(Args, Clone, Copy)]
pub struct Wait {
    /// End only after JETON_REVOCATION_BOUND, when everybody knows of it
    ///
    /// No node, and nobody who follows /changes, then calls a revoked token active, except a node that cannot reach the
    /// database, within JETON_STALE_IF_ERROR.
    #[arg(long)]
    wait: bool,
}

impl Wait {
    /// For commands that revoke nothing.
    pub const NO: Self = Self { wait: false };

    /// Waits, after the command has done its work.
    pub fn wait(self, config: &Config) {
        if self.wait {
            std::thread::sleep(bound(config));
        }
    }
}

/// The larger one of this command's bound and of the one with which a node was started last: a command may run without
/// the settings of the nodes.
fn bound(config: &Config) -> Duration {
    let own = config.policy.revocation_bound;
    let noted = open_store(config).map_err(|error| error.to_string()).and_then(|store| {
        let noted = store.revocation_bound();
        store.close();
        noted.map_err(|error| error.to_string())
    });
    match noted {
        Ok(noted) => noted.unwrap_or(own).max(own),
        Err(error) => {
            log::warn!("waiting for JETON_REVOCATION_BOUND={own:?}; that of the nodes is not known: {error}");
            own
        }
    }
}
