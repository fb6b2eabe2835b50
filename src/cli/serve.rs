//! `jeton serve` and `jeton edge`.

use std::time::Duration;

use signal_hook::low_level::exit;

use super::output::line;
use super::{Failure, systemd};
use crate::config::{Config, Listen, RawSettings};
use crate::domain::time::Clock;
use crate::logging::{self, LogQueue};
use crate::server::{ReadSettings, Server, Signals, ensure_exit};
use crate::service::FirstStart;
use crate::upstream::UpstreamOptions;

/// How long the process waits for its log to be written when it stops, and when it exits at once.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
pub const FLUSH_TIMEOUT_AT_EXIT: Duration = Duration::from_millis(250);

/// What kind of server is started.
#[derive(Clone, Copy)]
pub enum ServerKind<'a> {
    /// A node, with a database.
    Node,
    /// An edge, without one.
    EdgeOf(&'a UpstreamOptions),
}

/// Serves until a signal stops it, and logs through a queue. `read_settings` reads the settings again.
pub fn serve(
    config: &Config,
    raw: &RawSettings,
    read_settings: ReadSettings,
    kind: ServerKind<'_>,
) -> Result<(), Failure> {
    logged(config, raw, |lines| serve_until_stopped(config, lines, read_settings, kind))
}

/// Runs `work`, whose log lines are written through a queue.
pub fn logged(
    config: &Config,
    raw: &RawSettings,
    work: impl FnOnce(&LogQueue) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let lines = logging::start_queued(&config.log.filter, config.log.format)?;
    raw.exposed_files().iter().for_each(|fault| log::warn!("{fault}"));
    let served = work(&lines);
    if !lines.flush(FLUSH_TIMEOUT) && served.is_err() {
        // Nobody reads standard error, so writing the failure there would block.
        std::process::exit(1);
    }
    served
}

fn serve_until_stopped(
    config: &Config,
    lines: &LogQueue,
    read_settings: ReadSettings,
    kind: ServerKind<'_>,
) -> Result<(), Failure> {
    let last_lines = lines.clone();
    let flush_log = move || {
        last_lines.flush(FLUSH_TIMEOUT_AT_EXIT);
    };
    let Signals { mut stop, reload } = Signals::listen(flush_log.clone())?;
    actix_rt::System::new().block_on(async {
        let started = match kind {
            ServerKind::Node => {
                let stop_requested = async {
                    stop.recv().await;
                };
                Server::start(config, Clock::System, stop_requested).await?
            }
            ServerKind::EdgeOf(upstream) => Some(Server::start_edge(config, upstream, Clock::System)?),
        };
        let Some(server) = started else {
            systemd::stopping();
            log::info!("stopped before the start was done");
            lines.flush(FLUSH_TIMEOUT);
            // The process does not wait for threads that still wait for the database.
            exit(0);
        };
        server.metrics().count_dropped(lines.clone());
        for url in &server.urls {
            log::info!("jeton {} listening on {url}", env!("CARGO_PKG_VERSION"));
        }
        if let Some(created) = &server.first_start {
            print_first_start(config, &server, created)?;
        }
        systemd::ready();
        let stopper = server.stopper();
        actix_rt::spawn(async move {
            stop.recv().await;
            systemd::stopping();
            stopper.stop().await;
        });
        actix_rt::spawn(server.reload(read_settings).run(reload));
        server.run().await?;
        log::info!("stopped");
        ensure_exit(flush_log);
        Ok(())
    })
}

/// Prints curl lines to paste, with the secrets, which are shown only once.
pub fn print_first_start(config: &Config, server: &Server, created: &FirstStart) -> Result<(), Failure> {
    let curl = match &config.serving.listen {
        Listen::Tcp(_) if config.serving.tls.is_some() => "curl -k".to_owned(),
        Listen::Tcp(_) => "curl".to_owned(),
        Listen::Unix(path) => format!("curl --unix-socket {}", path.display()),
    };
    let base = server.addresses.first().map_or_else(
        || "http://localhost".to_owned(),
        |address| {
            let scheme = if config.serving.tls.is_some() { "https" } else { "http" };
            // The lines are pasted on the same machine.
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
    let (admin, password) = (&created.admin.0, created.admin.1.expose());
    let keyword = config.http.auth_keywords.first().map_or("Token", String::as_str);
    let (name, key) = (config.http.login.name_field(), config.http.login.key_field());
    let (client_id, secret) = (&created.client.0, created.client.1.expose());
    line(&format!(
        "
This is the first start: a superuser and a client were created. Their secrets are shown only once.

  superuser  {admin}  {password}
  client     {client_id}  {secret}

{console}Log in and keep the token; see whose it is; introspect it as a service does; replace it by a new one:

TOKEN=$({curl} -s {base}/api-token-auth/ -d {name}={admin} -d password={password} | sed 's/.*\"{key}\":\"\\([^\"]*\\)\".*/\\1/')
{curl} {base}/api-token-auth/ -d {name}={admin} -d password={password}
{curl} {base}/me -H \"Authorization: {keyword} $TOKEN\"
{curl} {base}/introspect -u {client_id}:{secret} -d token=$TOKEN
{curl} -X POST {base}/admin/users/{admin}/regenerate -H \"Authorization: {keyword} $TOKEN\"
"
    ))
}
