//! `jeton serve`.

use std::pin::pin;

use actix_rt::signal::unix::{SignalKind, signal};
use futures_util::future::{Either, select};

use super::output::line;
use super::{Failure, systemd};
use crate::config::{Config, Listen};
use crate::domain::time::Clock;
use crate::server::Server;
use crate::service::FirstStart;

/// Serves until it is told to stop.
pub fn serve(config: &Config) -> Result<(), Failure> {
    actix_rt::System::new().block_on(async {
        // From here on no signal is lost: one that comes during the start stops the server as soon as it serves.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = Server::start(config, Clock::System).await?;
        for url in &server.urls {
            log::info!("jeton {} listening on {url}", env!("CARGO_PKG_VERSION"));
        }
        if let Some(made) = &server.first_start {
            print_first_start(config, &server, made)?;
        }
        systemd::ready();
        let handle = server.handle();
        actix_rt::spawn(async move {
            let graceful = matches!(select(pin!(terminate.recv()), pin!(interrupt.recv())).await, Either::Left(_));
            log::info!("stopping");
            systemd::stopping();
            handle.stop(graceful).await;
        });
        server.run().await?;
        log::info!("stopped");
        Ok(())
    })
}

/// What to paste next, with the secrets that are shown this once.
fn print_first_start(config: &Config, server: &Server, made: &FirstStart) -> Result<(), Failure> {
    let curl = match &config.listen {
        Listen::Tcp(_) if config.tls.is_some() => "curl -k".to_owned(),
        Listen::Tcp(_) => "curl".to_owned(),
        Listen::Unix(path) => format!("curl --unix-socket {}", path.display()),
    };
    let base = server.addresses.first().map_or_else(
        || "http://localhost".to_owned(),
        |address| {
            let scheme = if config.tls.is_some() { "https" } else { "http" };
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
