//! PostgreSQL's programs: where they are, and as which user and from which thread they run.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::{env, fs, io, thread};

pub fn version() -> u32 {
    installed().0
}

pub fn program(name: &str) -> PathBuf {
    installed().1.join(name)
}

/// The newest version, and the directory of its programs.
fn installed() -> &'static (u32, PathBuf) {
    static INSTALLED: OnceLock<(u32, PathBuf)> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let versions = entries.filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        });
        // Such a directory exists also if only the client is installed.
        let servers = versions.filter(|(_, bin)| bin.join("postgres").exists());
        servers.max().expect("PostgreSQL is needed for the tests: apt-get install postgresql")
    })
}

/// A program that only talks to the server.
pub fn client(name: &str) -> Command {
    tidy(Command::new(program(name)))
}

/// A program run as the owner of the clusters, who must not be root, in a session of its own, where no
/// Ctrl-C reaches it. When the thread that spawned it is gone, it gets SIGINT: to the server, a fast stop.
pub fn as_owner(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.args(["--pdeathsig", "INT", "setsid"]).arg(program);
    tidy(command)
}

/// Removes the developer's own `PG*` variables, and runs the command in a directory that any user may enter.
fn tidy(mut command: Command) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).current_dir("/");
    command.envs([("LC_ALL", "C"), ("TZ", "UTC"), ("PGCONNECT_TIMEOUT", "10")]);
    command
}

/// The command's standard output, or why it failed.
pub fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command.output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {stderr}", output.status))
}

/// Spawns from a thread that lives as long as the process: a test's own thread ends with the test.
pub fn spawn_for_life(command: Command) -> Child {
    type Order = (Command, Sender<io::Result<Child>>);
    static ORDERS: OnceLock<Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in orders {
                reply.send(command.spawn()).ok();
            }
        });
        sender
    });
    let (reply, child) = mpsc::channel();
    orders.send((command, reply)).unwrap();
    child.recv().unwrap().expect("setpriv, of util-linux")
}
