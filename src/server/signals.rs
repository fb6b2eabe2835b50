//! Signals. A separate thread receives them, so that a second one ends the process whatever other
//! threads wait for.

use std::io;
use std::thread;

use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator::Signals as SignalIterator;
use signal_hook::low_level::exit;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Signals that are ignored: by default they would kill the process, and no fault of the process raises them. Rust
/// ignores SIGPIPE already. SIGSYS still kills: a filter of system calls raises it, and the refused call cannot be
/// skipped.
const IGNORED: [i32; 9] = [SIGUSR1, SIGUSR2, SIGQUIT, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGXCPU, SIGXFSZ];

/// Linux's SIGSTKFLT, which nothing raises any more, and SIGPWR, which reports a failing power supply: init then stops
/// the process by SIGTERM.
#[cfg(all(target_os = "linux", not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"))))]
const LINUX_ONLY: [i32; 2] = [16, 30];
#[cfg(not(all(target_os = "linux", not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64")))))]
const LINUX_ONLY: [i32; 0] = [];

/// Linux's real-time signals, which have no names.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// The signals that a server acts on.
pub struct Signals {
    /// SIGTERM or SIGINT: stop. A second one ends the process at once and does not arrive here.
    pub stop: Receiver<()>,
    /// SIGHUP: reload files.
    pub reload: Receiver<()>,
}

impl Signals {
    /// From here on no signal is lost: one that comes during the start takes effect as soon as the server serves.
    /// Before the process exits at once it calls `flush_log`, which must not take long.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn listen(flush_log: impl Fn() + Send + 'static) -> io::Result<Self> {
        let ((stops, stop), (reloads, reload)) = (channel(1), channel(1));
        let mut signals = SignalIterator::new([SIGTERM, SIGINT, SIGHUP])?;
        for signal in IGNORED.into_iter().chain(LINUX_ONLY).chain(REAL_TIME) {
            // A signal that this system does not know never arrives.
            let _ = signals.add_signal(signal);
        }
        let exit_at_once = move |signal| {
            flush_log();
            exit(128 + signal);
        };
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || dispatch(&mut signals, &stops, &reloads, exit_at_once))?;
        Ok(Self { stop, reload })
    }
}

fn dispatch(signals: &mut SignalIterator, stops: &Sender<()>, reloads: &Sender<()>, exit_at_once: impl Fn(i32)) {
    let mut is_stopping = false;
    for signal in signals.forever() {
        match signal {
            SIGTERM | SIGINT if is_stopping => {
                log::warn!("a second stop signal: exiting at once");
                exit_at_once(signal);
            }
            SIGTERM | SIGINT => {
                is_stopping = true;
                log::info!("stopping");
                // The other end is dropped when the server has ended by itself.
                let _ = stops.try_send(());
            }
            // If a reload is pending already, it covers this one too.
            SIGHUP => drop(reloads.try_send(())),
            other => log::debug!("ignored the signal {other}"),
        }
    }
}
