//! One shell into which blocks are pasted, line after line. Each line must succeed, and answer as the page shows.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::answers::is_like;
use super::blocks::Block;
use crate::support::process::{BINARY, Jeton, Process};

/// Before the first line. What runs in the background ends with the shell.
const BEGIN: &str =
    "set -euo pipefail -m\ntrap 'for job in $(jobs -p); do kill -KILL -- -$job; done' EXIT\ntrap 'exit 1' TERM\n";

/// A page with a Django project takes long on a busy machine.
const LIMIT: Duration = Duration::from_mins(5);

pub struct Shell {
    /// Its folder is where the lines run, with the settings of this jeton.
    jeton: Jeton,
    begin: String,
    replaced: Vec<(String, String)>,
    /// Part of a line that does not end by itself, and what succeeds as soon as it serves.
    servers: Vec<(String, String)>,
}

/// A line of a block, with the lines that continue it, and what the page shows as its answer.
#[derive(Debug, PartialEq)]
struct Line {
    text: String,
    answer: String,
}

impl Shell {
    pub fn new(jeton: Jeton) -> Self {
        let programs = jeton.dir.path().join("bin");
        fs::create_dir_all(&programs).unwrap();
        symlink(BINARY, programs.join("jeton")).unwrap();
        // A page shows curl on a terminal, and there it draws no progress.
        fs::write(jeton.dir.path().join(".curlrc"), "silent\nshow-error\nmax-time = 20\n").unwrap();
        Self { jeton, begin: String::new(), replaced: Vec::new(), servers: Vec::new() }
    }

    pub fn folder(&self) -> &Path {
        self.jeton.dir.path()
    }

    /// Sets a variable of which the page says what it holds.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.begin += &format!("export {name}='{value}'\n");
        self
    }

    /// Runs this before the first line, for what a page says was done before.
    pub fn first(mut self, line: &str) -> Self {
        self.begin += &format!("{line}\n");
        self
    }

    /// In this folder below its own.
    pub fn within(self, place: &str) -> Self {
        self.first(&format!("cd {place}"))
    }

    /// Puts something into the place of what the page has, in lines and answers.
    pub fn replace(mut self, from: &str, to: impl ToString) -> Self {
        self.replaced.push((from.to_owned(), to.to_string()));
        self
    }

    /// The line with this part runs in the background, as in another terminal of the reader's, and the next one waits
    /// until `ready` succeeds.
    pub fn server(mut self, part: &str, ready: impl ToString) -> Self {
        self.servers.push((part.to_owned(), ready.to_string()));
        self
    }

    /// Pastes the blocks. Returns what they printed.
    #[track_caller]
    pub fn paste(&self, blocks: &[Block]) -> String {
        let shell_blocks = blocks.iter().filter(|block| block.is_shell());
        let mut text: Vec<(bool, String)> =
            shell_blocks.map(|block| (block.language == "console", block.text.clone())).collect();
        for (from, to) in &self.replaced {
            assert!(text.iter().any(|(_, text)| text.contains(from)), "no block has {from}");
            for (_, text) in &mut text {
                *text = text.replace(from, to);
            }
        }
        let lines: Vec<Line> = text.iter().flat_map(|(prompts, text)| lines(*prompts, text)).collect();
        let file = self.script(&lines);
        let (home, folder) = (self.folder().display().to_string(), self.folder());
        let mut bash = self.jeton.command_of("setpriv", &["--pdeathsig", "TERM", "bash", file.to_str().unwrap()]);
        let path = format!("{home}/bin:{}", std::env::var("PATH").unwrap());
        bash.env("PATH", path).env("HOME", &home).current_dir(folder).stdin(Stdio::null());
        let process = Process::start(&mut bash);
        process.wait(LIMIT);
        let output = process.output();
        let Some((_, mut printed)) = output.stdout.split_once(&end(0)) else {
            panic!("before the first line: {output:?}")
        };
        let mut answers = String::new();
        for (number, line) in lines.iter().enumerate() {
            let served = || fs::read_to_string(folder.join("servers.log")).unwrap_or_default();
            let Some((answer, rest)) = printed.split_once(&end(number + 1)) else {
                panic!("`{}` fails: {printed}{}\n{}", line.text, output.stderr, served())
            };
            if line.answer.is_empty() {
                assert!(!answer.contains("{\"detail\":"), "`{}` is refused: {answer}", line.text);
            } else {
                assert!(is_like(&line.answer, answer), "`{}`\n{}\nis not\n{answer}", line.text, line.answer);
            }
            answers += answer;
            printed = rest;
        }
        assert_eq!(output.status, 0, "{output:?}");
        answers
    }

    /// The lines, each with a mark behind its answer.
    fn script(&self, lines: &[Line]) -> PathBuf {
        let log = self.folder().join("servers.log");
        let log = log.display();
        let mut servers = self.servers.iter().peekable();
        let mut script = format!("{BEGIN}exec 2>&1\n{}printf %s '{}'\n", self.begin, end(0));
        for (number, Line { text, .. }) in lines.iter().enumerate() {
            match servers.next_if(|(part, _)| text.contains(part)) {
                None => script += text,
                Some((_, ready)) => {
                    let text = text.trim_end().trim_end_matches('&');
                    script += &format!("{{ {text}\n}} </dev/null >>{log} 2>&1 &\nSECONDS=0\n");
                    script += &format!("until {ready}; do kill -0 $!; ((SECONDS < 30)); sleep 0.05; done &>/dev/null");
                }
            }
            // `set -e` passes over a failure before `&&`.
            script += &format!("\n[[ $? == 0 ]]\nprintf %s '{}'\n", end(number + 1));
        }
        assert!(servers.peek().is_none(), "no line has {servers:?}");
        let file = self.folder().join(".pasted");
        fs::write(&file, script).unwrap();
        file
    }
}

fn end(number: usize) -> String {
    format!("<end of line {number}>")
}

/// A block's lines: those that begin with `$ ` are typed, and what stands below each is its answer; without prompts, all
/// are typed.
fn lines(prompts: bool, block: &str) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    let (mut continues, mut until) = (false, None::<String>);
    for line in block.lines() {
        let typed = line.strip_prefix("$ ").filter(|_| prompts);
        if continues || until.is_some() {
            found.last_mut().unwrap().text += &format!("\n{line}");
        } else if typed.is_some() || !prompts {
            let text = typed.unwrap_or(line).to_owned();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            found.push(Line { text, answer: String::new() });
        } else {
            let last = found.last_mut().expect("a line that is typed before the first answer");
            last.answer += &format!("{line}\n");
            continue;
        }
        if until.as_deref() == Some(line) {
            until = None;
        } else if let Some((_, word)) = line.split_once("<<'") {
            until = word.strip_suffix('\'').map(ToOwned::to_owned);
        }
        continues = line.ends_with('\\');
    }
    found
}

/// Succeeds as soon as something answers by HTTP there.
pub fn answers(url: &str) -> String {
    format!("curl -o /dev/null {url}")
}

/// Fails on a line that fails, on an answer of another shape, and on a server that does not start.
#[test]
fn what_does_not_work_as_shown_is_found() {
    let block = |language: &str, text: &str| Block {
        section: String::new(),
        line: 1,
        language: language.to_owned(),
        text: text.to_owned(),
        reason: None,
    };
    let paste = |blocks: &[Block], server: bool| {
        let shell = Shell::new(Jeton::new());
        let shell = if server { shell.server("jeton serve", "false") } else { shell };
        std::panic::catch_unwind(|| shell.paste(blocks)).is_ok()
    };
    assert!(paste(&[block("sh", "A=1\n"), block("console", "$ echo $A \\\n    b\n1 b\n")], false));
    for bad in [
        block("sh", "false\necho 1\n"),
        block("sh", "echo $NOT_SET\n"),
        block("console", "$ echo active\nrevoked\n"),
        block("console", "$ echo '{\"detail\":\"Not found.\"}'\n"),
    ] {
        assert!(!paste(&[bad], false));
    }
    assert!(!paste(&[block("sh", "jeton serve --listen nowhere\n")], true));
}
