//! `jeton token revoke` for many tokens: counts them, asks, and revokes them in batches.

use crate::cli::names::users_named;
use crate::cli::progress::{bar, number};
use crate::cli::prompt::confirm_or_yes;
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::domain::time::Timestamp;
use crate::service::TokenFilter;

/// Which tokens. Without `users`, those of all users.
pub struct RevokeMany {
    pub users: Vec<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub yes: bool,
}

pub fn revoke_many(RevokeMany { users, since, until, yes }: RevokeMany, config: &Config) -> Result<(), Failure> {
    with_service(config, |service, caller| async move {
        let ids = users_named(&users, &service, &caller).await?.iter().map(|user| user.id).collect();
        let which = TokenFilter { user_ids: (!users.is_empty()).then_some(ids), since, until };
        let counted = service.tokens.count_tokens(&which, &caller).await?;
        let [live, owners, ended_here] = [counted.tokens, counted.users, counted.ended_here].map(i64::unsigned_abs);
        if live + ended_here > 0 {
            let more = if ended_here > 0 {
                format!(
                    ", and {} that have expired by this machine's clock, but perhaps not by another node's",
                    number(ended_here, "token")
                )
            } else {
                String::new()
            };
            let (tokens, owners) = (number(live, "live token"), number(owners, "user"));
            confirm_or_yes(&format!("{tokens} of {owners} will be revoked{more}."), "Revoke them?", yes)?;
        }
        let bar = bar(Some(live + ended_here), "revoking", "tokens");
        let done = service.tokens.revoke_tokens(which, counted, &caller, |more| bar.inc(more)).await;
        bar.finish_and_clear();
        let revoked = done.map_err(|error| {
            Failure::new(format!(
                "{error}; {} revoked so far, run this again for the rest",
                number(bar.position(), "token")
            ))
        })?;
        eprintln!("revoked {}", number(revoked, "token"));
        Ok(())
    })
}
