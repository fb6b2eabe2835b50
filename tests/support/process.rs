//! The binary as a process, with arguments, an environment and a directory.

mod child;

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

pub use self::child::{Output, Process, holding, lock, signal};
use super::within;

pub const BINARY: &str = env!("CARGO_BIN_EXE_jeton");

/// How the binary is started: in a fresh directory, with `PATH` and `HOME` of our environment only.
pub struct Jeton {
    pub dir: TempDir,
    env: Vec<(String, String)>,
}

impl Jeton {
    pub fn new() -> Self {
        let dir = TempDir::with_prefix("jeton-test-").unwrap();
        Self { dir, env: Vec::new() }
    }

    pub fn env(mut self, key: &str, value: impl Into<String>) -> Self {
        self.env.push((key.to_owned(), value.into()));
        self
    }

    /// The same binary with a clock that is this many seconds ahead, from the start of the process.
    pub fn ahead(self, seconds: i64) -> Self {
        let library = libfaketime();
        let jeton = self.env("LD_PRELOAD", library.to_str().unwrap()).env("FAKETIME", format!("{seconds:+}"));
        jeton.env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Output {
        self.spawn(args, Stdio::null()).output()
    }

    #[track_caller]
    pub fn run_with_stdin(&self, args: &[&str], stdin: &str) -> Output {
        self.spawn(args, holding(stdin)).output()
    }

    /// `jeton serve`, on any free port unless the environment names one; waits until it listens.
    pub fn serve(&self) -> Serving {
        self.serve_by(self.command(&["serve"]))
    }

    /// `jeton edge`, as [`Jeton::serve`].
    pub fn edge(&self) -> Serving {
        self.serve_by(self.command(&["edge"]))
    }

    /// The same with a limit of open files, as `ulimit` takes it.
    pub fn serve_below(&self, limit: &str) -> Serving {
        self.serve_by(self.command_of("sh", &["-c", &format!("ulimit {limit} && exec \"$0\" serve"), BINARY]))
    }

    /// The same with a clock that is shifted as `file` says, in faketime's form: `-30s`, `+40d`. Uptime is not changed.
    pub fn serve_at(&self, file: &Path) -> Serving {
        self.run_at("serve", file)
    }

    /// `jeton edge`, as [`Jeton::serve_at`].
    pub fn edge_at(&self, file: &Path) -> Serving {
        self.run_at("edge", file)
    }

    fn run_at(&self, command: &str, file: &Path) -> Serving {
        let mut command = self.command(&[command]);
        command.env("LD_PRELOAD", libfaketime()).env("FAKETIME_TIMESTAMP_FILE", file);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        self.serve_by(command)
    }

    /// The same, but a file that reaches its size limit is an error, not SIGXFSZ.
    pub fn serve_past_limits(&self) -> Serving {
        self.serve_by(self.command_of("sh", &["-c", "trap '' XFSZ; exec \"$0\" serve", BINARY]))
    }

    /// The same by this command.
    pub fn serve_by(&self, mut command: Command) -> Serving {
        if !self.env.iter().any(|(key, _)| key == "JETON_LISTEN") {
            command.env("JETON_LISTEN", "127.0.0.1:0");
        }
        let process = Process::start(command.stdin(Stdio::null()));
        let addr = within(Duration::from_secs(20), || {
            let ended = process.try_wait(); // first, so that stderr is complete if it has ended
            let addr = address(&process.stderr());
            assert!(addr.is_some() || ended.is_none(), "the server ended before it listened: {process:?}");
            addr
        });
        let addr = addr.unwrap_or_else(|| panic!("the server does not listen: {process:?}"));
        Serving { addr, process }
    }

    /// Starts the binary and does not wait for it.
    pub fn spawn(&self, args: &[&str], stdin: impl Into<Stdio>) -> Process {
        Process::start(self.command(args).stdin(stdin))
    }

    /// A command that the test starts itself.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(BINARY, args)
    }

    /// Another program, in the same directory and environment.
    pub fn command_of(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.dir).env_clear();
        command.envs(std::env::vars_os().filter(|(key, _)| key == "PATH" || key == "HOME"));
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        command
    }
}

/// The library that shifts a process's clock.
fn libfaketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let places = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    places
        .chain(["/usr/lib/faketime/libfaketimeMT.so.1".into()])
        .find(|place| place.exists())
        .expect("faketime is installed")
}

/// A server that listens. It is killed when this is dropped.
#[derive(Debug)]
pub struct Serving {
    pub addr: SocketAddr,
    process: Process,
}

impl Deref for Serving {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// The address in the first complete line that has one. The last line may be incomplete.
fn address(words: &str) -> Option<SocketAddr> {
    let (whole, _) = words.rsplit_once('\n')?;
    whole.lines().find_map(|line| {
        let (_, url) = line.split_once("listening on http")?;
        let address = url.strip_prefix('s').unwrap_or(url).strip_prefix("://")?;
        let end = address.find(|c: char| !c.is_ascii_hexdigit() && !"[]:.".contains(c));
        let address = &address[..end.unwrap_or(address.len())];
        address.trim_end_matches('.').parse().ok()
    })
}
