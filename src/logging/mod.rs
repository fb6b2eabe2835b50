//! The log, on standard error: for people, or one JSON object a line. Both carry the same fields; `docs/logging.md` has
//! them all.

mod filter;
mod line;
mod request;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::thread;

use env_logger::Builder;
use log::Log;

use crate::config::LogFormat;
pub use request::{Request, carried};

/// Starts logging; a second start in one process changes nothing.
pub fn start(filter: &str, format: LogFormat) {
    let mut builder = Builder::new();
    builder.parse_filters(&filter::quiet(filter));
    match format {
        LogFormat::Text => builder.format(line::text),
        LogFormat::Json => builder.format(line::json),
    };
    let logger = builder.build();
    let level = logger.filter();
    if log::set_boxed_logger(Box::new(logger) as Box<dyn Log>).is_ok() {
        log::set_max_level(level);
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if log::log_enabled!(log::Level::Error) { panicked(panic) } else { default(panic) }
        }));
    }
}

/// Rust itself writes several lines, without the request that it happened in.
fn panicked(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string);
    // `RUST_BACKTRACE` asks for it.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    log::error!(
        thread = thread::current().name(), place = place.as_deref(), backtrace = backtrace.as_deref();
        "a panic: {message}"
    );
}
