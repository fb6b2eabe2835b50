//! Questions to a person at a terminal, and passwords from standard input.

use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin};

use super::Failure;
use super::output::{say, visible};
use super::paste::paste;
use crate::domain::password::Password;

/// A new password: from standard input if `from_stdin`, else typed twice without echo.
pub fn new_password(from_stdin: bool) -> Result<Password, Failure> {
    if from_stdin {
        let mut text = String::new();
        stdin().read_to_string(&mut text)?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        return Ok(Password::new(text.strip_suffix('\r').unwrap_or(text).to_owned()));
    }
    if !stdin().is_terminal() {
        return Err(Failure::new("there is no terminal to ask for a password; give it with --password-stdin"));
    }
    let first = rpassword::prompt_password("Password: ")?;
    let second = rpassword::prompt_password("Password (again): ")?;
    if first == second { Ok(Password::new(first)) } else { Err(Failure::new("the two passwords differ")) }
}

/// A text with a key: typed or pasted without echo at a terminal, else all of standard input.
pub fn key() -> Result<String, Failure> {
    if stdin().is_terminal() {
        return paste("Key: ");
    }
    let mut text = String::new();
    stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// Asks before a change that affects many rows. Without a terminal, `--yes` is required.
pub fn confirm_or_yes(what: &str, question: &str, yes: bool) -> Result<(), Failure> {
    say(what);
    if !yes && !stdin().is_terminal() {
        return Err(Failure::new("cancelled: there is no terminal for the question; --yes answers it"));
    }
    confirm(question, yes)
}

/// Asks whether to continue. Asks only at a terminal: a script has decided already.
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes || !stdin().is_terminal() {
        return Ok(());
    }
    eprint!("{} [y/N] ", visible(question));
    stderr().flush()?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) { Ok(()) } else { Err(Failure::Cancelled) }
}
