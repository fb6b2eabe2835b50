//! Signals. They are heard by a thread of their own, so that a second one ends the process whatever the others wait for.

use std::io;
use std::thread;

use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator::Signals as Heard;
use signal_hook::low_level::exit;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// What would kill the process by default, and no fault of its own raises. SIGPIPE is among those that Rust turns off, and
/// SIGSYS stays: a filter of system calls raises it, and to go on then would be to go on without what it refused.
const PASSED_OVER: [i32; 9] = [SIGUSR1, SIGUSR2, SIGQUIT, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGXCPU, SIGXFSZ];

/// Linux's SIGSTKFLT, which nothing raises any more, and SIGPWR, of a power supply that fails: to stop is what init asks for
/// then, by SIGTERM.
#[cfg(all(target_os = "linux", not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"))))]
const OF_LINUX: [i32; 2] = [16, 30];
#[cfg(not(all(target_os = "linux", not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64")))))]
const OF_LINUX: [i32; 0] = [];

/// Linux's signals without a name.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// What signals ask of a server.
pub struct Signals {
    /// SIGTERM or SIGINT: to stop. A second one of either kind has ended the process.
    pub stop: Receiver<()>,
    /// SIGHUP: to read files again.
    pub reread: Receiver<()>,
}

impl Signals {
    /// From here on no signal is lost: one that comes during the start is obeyed as soon as the server serves. Before a
    /// process ends at once it says its `last_words`, which must not take long.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn listen(last_words: impl Fn() + Send + 'static) -> io::Result<Self> {
        let ((stops, stop), (rereads, reread)) = (channel(1), channel(1));
        let mut heard = Heard::new([SIGTERM, SIGINT, SIGHUP])?;
        for signal in PASSED_OVER.into_iter().chain(OF_LINUX).chain(REAL_TIME) {
            // One that this system does not know does not come.
            let _ = heard.add_signal(signal);
        }
        let ends = move |signal| {
            last_words();
            exit(128 + signal);
        };
        thread::Builder::new().name("signals".into()).spawn(move || hear(&mut heard, &stops, &rereads, ends))?;
        Ok(Self { stop, reread })
    }
}

fn hear(heard: &mut Heard, stops: &Sender<()>, rereads: &Sender<()>, ends: impl Fn(i32)) {
    let mut is_stopping = false;
    for signal in heard.forever() {
        match signal {
            SIGTERM | SIGINT if is_stopping => {
                log::warn!("a second signal to stop: ended at once");
                ends(signal);
            }
            SIGTERM | SIGINT => {
                is_stopping = true;
                log::info!("stopping");
                // The other end is dropped when the server has ended by itself.
                let _ = stops.try_send(());
            }
            // Where one waits to be obeyed it stands for this one too.
            SIGHUP => drop(rereads.try_send(())),
            other => log::debug!("the signal {other} asks nothing of a server"),
        }
    }
}
