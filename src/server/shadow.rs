//! `jeton shadow`: the proxy that clients use, and an ordinary jeton on a loopback port that is asked the same.

use std::fs::File;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::task::JoinHandle;
use actix_service::{IntoServiceFactory, boxed};
use actix_web::dev::Server as ActixServer;
use actix_web::{App, web};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::bind::{Bound, Place, bind};
use super::certificate::Certificate;
use super::listen::SocketFile;
use super::reload::{ReadSettings, Reload};
use super::start_error::StartError;
use super::stop::Stop;
use super::{Server, open_files};
use crate::config::{Config, Listen};
use crate::domain::time::Clock;
use crate::http::{Asker, Job, OuterLayer, ShadowPaths, ShadowState, ask_all, pass};
use crate::service::{ShadowReport, Superuser};
use crate::upstream::Forward;

/// How many answers may wait to be compared. Further ones are not compared.
const MAX_WAITING: usize = 1024;

/// How often what was found is logged.
const SUMMARY_INTERVAL: Duration = Duration::from_hours(1);

/// How often it is checked whether that is due.
const DUE_INTERVAL: Duration = Duration::from_secs(1);

/// How long a stop waits for jeton's answers.
const LAST_ANSWERS: Duration = Duration::from_secs(15);

/// A proxy that listens, with its jeton.
pub struct Shadow {
    /// Where, as URLs.
    pub urls: Vec<String>,
    /// The jeton that is asked.
    pub jeton: Server,
    sockets: Arc<Vec<SocketFile>>,
    proxy: ActixServer,
    certificate: Option<Arc<Certificate>>,
    drain: Duration,
    report: Arc<ShadowReport>,
    clock: Clock,
    asker: Asker,
    jobs: (Sender<Option<Job>>, Receiver<Option<Job>>),
}

impl Shadow {
    /// Starts jeton on a port of its own, and begins to listen. Returns `None` when [`Server::start`] does. Each
    /// difference becomes a line of `file`.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        config: &Config,
        clock: Clock,
        (upstream, paths): (&str, ShadowPaths),
        file: Option<File>,
        caller: Superuser,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<Self>, StartError> {
        let (url, upstream) = (upstream.to_owned(), Forward::new(upstream)?);
        let certificate = Certificate::of(&config.serving)?;
        let Some(jeton) = Server::start(&own(config), clock.clone(), stop).await? else { return Ok(None) };
        let Some(base) = jeton.urls.first().cloned() else {
            return Err(StartError::Io("jeton".into(), io::ErrorKind::AddrNotAvailable.into()));
        };
        let report = Arc::new(ShadowReport::new(clock.clone(), file));
        let asker = Asker::new(Forward::new(&base)?, jeton.service.clone(), caller, Arc::clone(&report));
        let jobs = channel(MAX_WAITING);
        let state = web::Data::new(ShadowState {
            upstream,
            url,
            paths,
            options: config.http.clone(),
            jobs: jobs.0.clone(),
            report: Arc::clone(&report),
        });
        let app = move || {
            let app = App::new().app_data(state.clone()).default_service(web::to(pass));
            OuterLayer::new(boxed::factory(app.into_factory()))
        };
        let serving = &config.serving;
        let connections = open_files::raise_limit_for_connections(config);
        let bound = bind(&Place::main(serving, connections, certificate.as_ref()), app);
        let Bound { socket, actix: proxy, urls, .. } = bound.inspect_err(|_| jeton.service.node.close())?;
        let (sockets, drain) = (Arc::new(socket.into_iter().collect()), serving.drain);
        Ok(Some(Self { urls, jeton, sockets, proxy, certificate, drain, report, clock, asker, jobs }))
    }

    /// As [`Server::stopper`].
    #[must_use]
    pub fn stopper(&self) -> Stop {
        let (sockets, handle) = (Arc::clone(&self.sockets), self.proxy.handle());
        Stop { drain: self.drain, sockets, handle, ..self.jeton.stopper() }
    }

    /// As [`Server::reload`].
    #[must_use]
    pub fn reload(&self, read_settings: ReadSettings) -> Reload {
        Reload { certificate: self.certificate.clone(), ..self.jeton.reload(read_settings) }
    }

    /// Serves until it is stopped, and logs what was found: every hour, and at the end.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub async fn run(self) -> io::Result<()> {
        let (jeton, report) = (self.jeton.handle(), Arc::clone(&self.report));
        let (sender, receiver) = self.jobs;
        let serving = actix_rt::spawn(self.jeton.run());
        let asking = actix_rt::spawn(ask_all(Rc::new(self.asker), receiver));
        let summaries: JoinHandle<()> =
            actix_rt::spawn(async move { every_hour(&self.clock, DUE_INTERVAL, || report.summary()).await });
        let served = self.proxy.await;
        summaries.abort();
        let last_answers = async {
            // Sending fails if `ask_all` has panicked.
            let _ = sender.send(None).await;
            asking.await
        };
        if actix_rt::time::timeout(LAST_ANSWERS, last_answers).await.is_err() {
            log::warn!("shadow: jeton did not answer everything before the stop");
        }
        self.report.summary();
        jeton.stop(true).await;
        served.and(serving.await.map_err(io::Error::other)?)
    }
}

/// Does `work` each hour of this clock, which is looked at this often.
async fn every_hour(clock: &Clock, due_interval: Duration, work: impl Fn()) {
    let mut since = clock.uptime();
    loop {
        actix_rt::time::sleep(due_interval).await;
        let now = clock.uptime();
        if now.since(since) >= SUMMARY_INTERVAL {
            since = now;
            work();
        }
    }
}

/// The settings of the jeton that is asked. It listens on this machine only, and trusts the proxy, which says in
/// `X-Forwarded-For` whose request it is.
fn own(config: &Config) -> Config {
    let mut own = config.clone();
    own.serving.listen = Listen::Tcp("127.0.0.1:0".into());
    own.serving.tls = None;
    own.http.trusted_proxies.push(std::net::IpAddr::from([127, 0, 0, 1]).into());
    own
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::domain::time::Timestamp;

    const LOOK: Duration = Duration::from_millis(1);

    #[test]
    fn a_summary_is_logged_every_hour() {
        let clock = Clock::fixed(Timestamp::from_micros(1_750_000_000_000_000));
        let done = Rc::new(Cell::new(0));
        actix_rt::System::new().block_on(async {
            let (own, counter) = (clock.clone(), Rc::clone(&done));
            let work = actix_rt::spawn(async move { every_hour(&own, LOOK, || counter.set(counter.get() + 1)).await });
            for (minutes, expected) in [(0, 0), (59, 0), (1, 1), (59, 1), (2, 2), (58, 2), (600, 3), (60, 4)] {
                // It has begun, and looks at the clock.
                for _ in 0..5 {
                    actix_rt::time::sleep(LOOK).await;
                }
                clock.advance(Duration::from_mins(minutes));
                let reached = async {
                    while done.get() < expected {
                        actix_rt::time::sleep(LOOK).await;
                    }
                };
                let reached = actix_rt::time::timeout(Duration::from_secs(20), reached).await;
                assert_eq!((done.get(), reached.is_ok()), (expected, true), "after {minutes} more minutes");
            }
            work.abort();
        });
    }
}
