//! `jeton serve`.

use std::time::Duration;

use signal_hook::low_level::exit;

use super::output::line;
use super::{Failure, systemd};
use crate::config::{Config, Given, Listen};
use crate::domain::time::Clock;
use crate::logging::{self, Lines};
use crate::server::{Gather, Server, Signals, end_for_sure};
use crate::service::FirstStart;

/// How long a server that ends waits for its log to be written, and one that is to end at once.
const LAST_WORDS: Duration = Duration::from_secs(2);
const LAST_WORDS_AT_ONCE: Duration = Duration::from_millis(250);

/// Serves until it is told to stop, and logs by a queue. `gather` reads the settings again.
pub fn serve(config: &Config, given: &Given, gather: Gather) -> Result<(), Failure> {
    let lines = logging::start_queued(&config.log.filter, config.log.format)?;
    given.exposed_files().iter().for_each(|fault| log::warn!("{fault}"));
    let served = serve_until_stopped(config, &lines, gather);
    if !lines.flush(LAST_WORDS) && served.is_err() {
        // Whoever does not read the log does not read the failure, and to write it would take for ever.
        std::process::exit(1);
    }
    served
}

fn serve_until_stopped(config: &Config, lines: &Lines, gather: Gather) -> Result<(), Failure> {
    let last_lines = lines.clone();
    let last_words = move || {
        last_lines.flush(LAST_WORDS_AT_ONCE);
    };
    let Signals { mut stop, reread } = Signals::listen(last_words.clone())?;
    actix_rt::System::new().block_on(async {
        let told_to_stop = async {
            stop.recv().await;
        };
        let Some(server) = Server::start(config, Clock::System, told_to_stop).await? else {
            systemd::stopping();
            log::info!("stopped before the start was done");
            lines.flush(LAST_WORDS);
            // Whatever waits for the database still is not waited for.
            exit(0);
        };
        server.metrics().count_dropped(lines.clone());
        for url in &server.urls {
            log::info!("jeton {} listening on {url}", env!("CARGO_PKG_VERSION"));
        }
        if let Some(made) = &server.first_start {
            print_first_start(config, &server, made)?;
        }
        systemd::ready();
        let stopper = server.stopper();
        actix_rt::spawn(async move {
            stop.recv().await;
            systemd::stopping();
            stopper.stop().await;
        });
        actix_rt::spawn(server.reload(gather).keep_reading(reread));
        server.run().await?;
        log::info!("stopped");
        end_for_sure(last_words);
        Ok(())
    })
}

/// What to paste next, with the secrets that are shown this once.
fn print_first_start(config: &Config, server: &Server, made: &FirstStart) -> Result<(), Failure> {
    let curl = match &config.serving.listen {
        Listen::Tcp(_) if config.serving.tls.is_some() => "curl -k".to_owned(),
        Listen::Tcp(_) => "curl".to_owned(),
        Listen::Unix(path) => format!("curl --unix-socket {}", path.display()),
    };
    let base = server.addresses.first().map_or_else(
        || "http://localhost".to_owned(),
        |address| {
            let scheme = if config.serving.tls.is_some() { "https" } else { "http" };
            // Whoever pastes this sits at the same machine.
            let host = match address.ip() {
                std::net::IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
                std::net::IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
                std::net::IpAddr::V4(ip) => ip.to_string(),
                std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            };
            format!("{scheme}://{host}:{}", address.port())
        },
    );
    let console =
        if server.addresses.is_empty() { String::new() } else { format!("In a browser: {base}/console/\n\n") };
    let (admin, password) = (&made.admin.0, made.admin.1.expose());
    let (client_id, secret) = (&made.client.0, made.client.1.expose());
    line(&format!(
        "
This is the first start: a superuser and a client were made. Their secrets are shown this once.

  superuser  {admin}  {password}
  client     {client_id}  {secret}

{console}Log in and keep the token; see who it belongs to; ask as a service whether it is good; replace it by a new one:

TOKEN=$({curl} -s {base}/api-token-auth/ -d username={admin} -d password={password} | sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/')
{curl} {base}/api-token-auth/ -d username={admin} -d password={password}
{curl} {base}/me -H \"Authorization: Token $TOKEN\"
{curl} {base}/introspect -u {client_id}:{secret} -d token=$TOKEN
{curl} -X POST {base}/admin/users/{admin}/regenerate -H \"Authorization: Token $TOKEN\"
"
    ))
}
