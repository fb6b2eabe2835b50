//! A running process: its output, its exit status, and signals to it.

use std::fmt;
use std::io::{Read, Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::super::within;

#[derive(Debug)]
pub struct Output {
    /// The exit status, or minus the number of the signal that ended it.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A process that is killed when this is dropped.
pub struct Process {
    pid: u32,
    stdout: Capture,
    stderr: Capture,
    child: Mutex<Child>,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Self {
            pid: child.id(),
            stdout: Capture::of(child.stdout.take().unwrap()),
            stderr: Capture::of(child.stderr.take().unwrap()),
            child: Mutex::new(child),
        }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The process's standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// `TERM`, `KILL`, `STOP`, `CONT`, ...
    #[track_caller]
    pub fn signal(&self, name: &str) {
        // After the end of the process its id may belong to another one.
        let ended = self.try_wait().is_some();
        assert!(!ended && signal(name, &[self.pid]), "{name}: the process has ended: {self:?}");
    }

    #[track_caller]
    pub fn wait(&self, limit: Duration) -> ExitStatus {
        let status = within(limit, || self.try_wait());
        let Some(status) = status else { panic!("still there after {limit:?}: {self:?}") };
        status
    }

    /// The exit status, if the process has ended; then `stdout` and `stderr` are complete.
    pub fn try_wait(&self) -> Option<ExitStatus> {
        let status = lock(&self.child).try_wait().unwrap()?;
        let complete = || (self.stdout.ended() && self.stderr.ended()).then_some(());
        within(Duration::from_secs(5), complete).expect("outputs that end with the process");
        Some(status)
    }

    /// Waits for the end of the process; a minute is more than any command takes.
    #[track_caller]
    pub fn output(&self) -> Output {
        let status = self.wait(Duration::from_mins(1));
        let status = status.code().or_else(|| Some(-status.signal()?)).unwrap();
        Output { status, stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (pid, stdout, stderr) = (self.pid, self.stdout(), self.stderr());
        write!(f, "process {pid}\n-- stdout\n{stdout}\n-- stderr\n{stderr}")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        child.kill().and_then(|()| child.wait()).ok();
    }
}

struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Capture {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let sink = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut piece = [0; 8192];
            while let Ok(size @ 1..) = pipe.read(&mut piece) {
                lock(&sink).extend(&piece[..size]);
            }
        });
        Self { bytes, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.bytes)).into_owned()
    }

    fn ended(&self) -> bool {
        self.reader.is_finished()
    }
}

/// Input from a file: unlike a pipe it can neither block the writer nor break under it.
pub fn holding(text: &str) -> Stdio {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.rewind().unwrap();
    file.into()
}

/// Sends a signal by the shell's `kill`, which every system has. False if one of `pids` cannot be reached.
pub fn signal(name: &str, pids: &[u32]) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"kill -s "$0" "$@""#, name]);
    shell.args(pids.iter().map(u32::to_string)).stderr(Stdio::null());
    shell.status().unwrap().success()
}

/// A test that failed while it held the lock leaves nothing half done here.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
