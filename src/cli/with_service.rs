//! Commands that use the service: how it is opened and closed.

use std::future::Future;

use super::Failure;
use crate::config::{Config, os_user};
use crate::domain::time::Clock;
use crate::server::{Schema, open_service, open_service_without_keys};
use crate::service::{Service, Superuser};

/// Opens the service on an existing database, without the secret key, and runs `work` as a superuser: whoever can run
/// commands has all rights.
pub fn with_service<F: Future<Output = Result<(), Failure>>>(
    config: &Config,
    work: impl FnOnce(Service, Superuser) -> F,
) -> Result<(), Failure> {
    run_on(open_service_without_keys(&with_one_thread(config), Clock::System)?, work)
}

/// The same with the secret key, for the few commands that print or import login keys. `schema` says whether the
/// database may be created.
pub fn with_service_on<F: Future<Output = Result<(), Failure>>>(
    schema: Schema,
    config: &Config,
    work: impl FnOnce(Service, Superuser) -> F,
) -> Result<(), Failure> {
    run_on(open_service(&with_one_thread(config), Clock::System, schema)?, work)
}

/// Commands check one password at a time at most.
fn with_one_thread(config: &Config) -> Config {
    let mut config = config.clone();
    config.hashing.threads = 1;
    config
}

fn run_on<F: Future<Output = Result<(), Failure>>>(
    service: Service,
    work: impl FnOnce(Service, Superuser) -> F,
) -> Result<(), Failure> {
    let done = actix_rt::System::new().block_on(work(service.clone(), Superuser::command(&os_user())));
    service.node.close();
    done
}
