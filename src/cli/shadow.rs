//! `jeton shadow`.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use signal_hook::low_level::exit;

use super::Failure;
use super::serve::{FLUSH_TIMEOUT, FLUSH_TIMEOUT_AT_EXIT, logged, print_first_start};
use crate::config::{Config, RawSettings, os_user};
use crate::domain::time::Clock;
use crate::http::ShadowPaths;
use crate::logging::LogQueue;
use crate::server::{ReadSettings, Shadow, Signals, ensure_exit};
use crate::service::Superuser;

#[derive(Args)]
pub struct ShadowArguments {
    /// Write each difference to this file, too, as a line of JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// A path of the project's login; may repeat [default: JETON_LOGIN_PATHS and /api-token-auth/]
    #[arg(long, value_name = "PATH")]
    login_path: Vec<String>,
    /// A path of the project's logout; may repeat
    #[arg(long, value_name = "PATH", default_values_t = ["/logout/".to_owned()])]
    logout_path: Vec<String>,
    /// A path of the project's logout of all tokens; may repeat
    #[arg(long, value_name = "PATH", default_values_t = ["/logoutall/".to_owned()])]
    logoutall_path: Vec<String>,
    /// Do not compare what is below this path, for example because its views take no tokens; may repeat
    #[arg(long, value_name = "PATH")]
    not_compared: Vec<String>,
}

impl ShadowArguments {
    fn paths(&self, config: &Config) -> ShadowPaths {
        let login = if self.login_path.is_empty() { config.http.login.all_paths() } else { self.login_path.clone() };
        ShadowPaths {
            login,
            logout: self.logout_path.clone(),
            logoutall: self.logoutall_path.clone(),
            not_compared: self.not_compared.clone(),
        }
    }
}

/// Passes requests on to the project at `upstream` until a signal stops it, and reports where jeton differs.
pub fn shadow(
    arguments: &ShadowArguments,
    upstream: &str,
    config: &Config,
    raw: &RawSettings,
    read_settings: ReadSettings,
) -> Result<(), Failure> {
    let file = arguments.report.as_deref().map(open).transpose()?;
    logged(config, raw, |lines| {
        let last_lines = lines.clone();
        let flush_log = move || {
            last_lines.flush(FLUSH_TIMEOUT_AT_EXIT);
        };
        let Signals { mut stop, reload } = Signals::listen(flush_log.clone())?;
        actix_rt::System::new().block_on(async {
            let caller = Superuser::command(&os_user());
            let stop_requested = async {
                stop.recv().await;
            };
            let project = (upstream, arguments.paths(config));
            let Some(shadow) = Shadow::start(config, Clock::System, project, file, caller, stop_requested).await?
            else {
                stopped_at_start(lines)
            };
            shadow.jeton.metrics().count_dropped(lines.clone());
            for url in &shadow.urls {
                log::info!("jeton {} shadow listening on {url}, before {upstream}", env!("CARGO_PKG_VERSION"));
            }
            if let Some(created) = &shadow.jeton.first_start {
                log::warn!("nobody was imported into this database: every login and token will differ");
                print_first_start(config, &shadow.jeton, created)?;
            }
            super::systemd::ready();
            let stopper = shadow.stopper();
            actix_rt::spawn(async move {
                stop.recv().await;
                super::systemd::stopping();
                stopper.stop().await;
            });
            actix_rt::spawn(shadow.reload(read_settings).run(reload));
            shadow.run().await?;
            log::info!("stopped");
            ensure_exit(flush_log);
            Ok(())
        })
    })
}

/// Ends the process, which does not wait for threads that still wait for the database.
fn stopped_at_start(lines: &LogQueue) -> ! {
    super::systemd::stopping();
    log::info!("stopped before the start was done");
    lines.flush(FLUSH_TIMEOUT);
    exit(0)
}

/// A file for its owner only: paths and names of users are in it.
fn open(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    file.map_err(|error| Failure::new(format!("--report: {}: {error}", path.display())))
}
