//! The clusters' directories, the processes in them, and how both are removed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, id};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, mem};

use super::super::process::signal;
use super::super::{eventually, within};
use super::LIMIT;
use super::programs::{as_owner, output, spawn_for_life};

const MEMORY: &str = "/dev/shm";
const DISK: &str = "/tmp";
const PREFIX: &str = "jeton-test-pg-";

/// A directory that the owner of the clusters may use, with a name short enough for a socket. It is removed soon after
/// this process has ended.
pub fn fresh_directory() -> PathBuf {
    static PLACE: OnceLock<String> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let place = PLACE.get_or_init(|| {
        sweep(MEMORY);
        sweep(DISK);
        let place = format!("{}/{PREFIX}{}-", root(), id());
        remove_after_exit(&place);
        place
    });
    let dir = format!("{place}{}", COUNT.fetch_add(1, Ordering::Relaxed));
    output(as_owner("mkdir").args(["-m", "700", &dir])).unwrap();
    dir.into()
}

/// Memory, if it has a gigabyte to spare: a database is 300 files, and a disk can take 1 ms for each.
fn root() -> &'static str {
    let room = output(Command::new("df").args(["-k", "--output=avail", MEMORY]));
    let room = String::from_utf8(room.unwrap_or_default()).unwrap();
    let kib = room.split_whitespace().last().and_then(|n| n.parse().ok());
    if kib.is_some_and(|kib: u64| kib >= 1 << 20) { MEMORY } else { DISK }
}

/// Starts a shell that waits for the end of this process and of the servers, and then removes the directories.
fn remove_after_exit(place: &str) {
    let script = r#"trap "" INT; cat; for i in $(seq 100); do
        ls "$0"*/data/postmaster.pid || exec rm -rf "$0"*; sleep 0.1; done"#;
    let mut shell = as_owner("sh");
    shell.args(["-c", script, place]).stdin(Stdio::piped());
    shell.stdout(Stdio::null()).stderr(Stdio::null());
    mem::forget(spawn_for_life(shell)); // the shell reads until this process ends, so its pipe must stay open
}

/// Removes directories that such a shell left behind, because it was killed too, or a server was frozen.
fn sweep(root: &str) {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    for dir in entries.map(|entry| entry.path()) {
        let name = dir.file_name().and_then(|name| name.to_str());
        let rest = name.and_then(|name| name.strip_prefix(PREFIX));
        let pid = rest.and_then(|rest| rest.split('-').next()?.parse().ok());
        // This process has created none yet, so directories with its id belong to a dead process too.
        if pid.is_some_and(|pid| pid == id() || has_ended(state(pid))) {
            end(&dir.join("data"));
            fs::remove_dir_all(dir).ok();
        }
    }
}

/// Stops the server of a data directory that nobody needs any more, even a frozen one.
pub fn end(data: &Path) {
    let kill_after = Instant::now() + Duration::from_secs(5);
    within(LIMIT, || {
        let left = processes(data);
        if left.is_empty() {
            return Some(());
        }
        let late = Instant::now() > kill_after;
        signal(if late { "KILL" } else { "QUIT" }, &left);
        signal("CONT", &left);
        None
    });
}

/// Freezes the processes. Returns when all of them have stopped.
pub fn halt(pids: &[u32]) {
    signal("STOP", pids);
    let has_stopped = |&pid: &u32| state(pid) == Some('T') || has_ended(state(pid));
    let all_stopped = || pids.iter().all(has_stopped).then_some(());
    eventually("a frozen server", LIMIT, all_stopped);
}

/// The state of a process as `ps` shows it: `R`, `S`, `T`, ...
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Whether a process with this state is gone, or a zombie.
fn has_ended(state: Option<char>) -> bool {
    matches!(state, None | Some('Z' | 'X'))
}

/// A server's processes are those whose working directory is its data directory.
pub fn processes(data: &Path) -> Vec<u32> {
    let Ok(data) = fs::canonicalize(data) else { return Vec::new() };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let cwd = |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd"));
    pids.filter(|pid| cwd(pid).is_ok_and(|cwd| cwd == data)).collect()
}
