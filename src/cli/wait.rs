//! `--wait`, for commands that revoke tokens.

use clap::Args;

use crate::config::Config;

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
            std::thread::sleep(config.policy.revocation_bound);
        }
    }
}
