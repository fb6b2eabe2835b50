//! The log, on standard error: text for people, or one JSON object per line. Both have the same fields, which
//! `docs/logging.md` lists.

mod filter;
mod line;
mod queue;
mod request;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::thread;
use std::time::Duration;

use env_logger::{Builder, Target};
use log::{Level, Log, Record};

pub use queue::LogQueue;
pub use request::{RequestContext, propagate};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging; a second start in one process changes nothing.
pub fn start(filter: &str, format: LogFormat) {
    install(builder(filter, format), None);
}

/// The same for a server, which must not wait for the reader of its log: lines go through a queue, and lines that do
/// not fit into it are dropped.
///
/// # Errors
/// When no thread can be started.
pub fn start_queued(filter: &str, format: LogFormat) -> std::io::Result<LogQueue> {
    let lines = LogQueue::start(match format {
        LogFormat::Text => |dropped| notice(dropped, line::text),
        LogFormat::Json => |dropped| notice(dropped, line::json),
    })?;
    let mut builder = builder(filter, format);
    builder.target(Target::Pipe(Box::new(lines.clone())));
    install(builder, Some(lines.clone()));
    Ok(lines)
}

fn builder(filter: &str, format: LogFormat) -> Builder {
    let mut builder = Builder::new();
    builder.parse_filters(&filter::with_crate_defaults(filter));
    match format {
        LogFormat::Text => builder.format(line::text),
        LogFormat::Json => builder.format(line::json),
    };
    builder
}

/// How long a panic waits for its line to be written. It may be the last line of this process.
const PANIC_FLUSH_TIMEOUT: Duration = Duration::from_millis(250);

fn install(mut builder: Builder, lines: Option<LogQueue>) {
    let logger = builder.build();
    let level = logger.filter();
    if log::set_boxed_logger(Box::new(logger) as Box<dyn Log>).is_ok() {
        log::set_max_level(level);
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if log::log_enabled!(Level::Error) {
                panicked(panic);
            } else {
                default(panic);
            }
            if let Some(lines) = &lines {
                lines.flush(PANIC_FLUSH_TIMEOUT);
            }
        }));
    }
}

/// The line that reports how many lines were dropped. It is written where they would have been, whatever the filter
/// says.
fn notice(dropped: u64, line: fn(&mut Vec<u8>, &Record<'_>) -> std::io::Result<()>) -> Vec<u8> {
    let lines = if dropped == 1 { "line of the log was" } else { "lines of the log were" };
    let words = format!("{dropped} {lines} dropped: they were written faster than they were read");
    let mut text = Vec::new();
    let mut record = Record::builder();
    record.level(Level::Warn).target(module_path!());
    line(&mut text, &record.args(format_args!("{words}")).build()).expect("memory takes everything");
    text
}

/// Logs a panic as one line, with the current request. Rust's own hook writes several lines without it.
fn panicked(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string);
    // Captured only if `RUST_BACKTRACE` asks for it.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    log::error!(
        thread = thread::current().name(), place = place.as_deref(), backtrace = backtrace.as_deref();
        "a panic: {message}"
    );
}
