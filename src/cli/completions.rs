//! `jeton completions`.

use clap::{Args, ValueEnum};
use clap_complete::generate;
use clap_complete::shells;

use super::Failure;
use super::command::{own_commands, setting_flags};
use super::output::line;

#[derive(Args)]
pub struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// The shells that there are scripts for.
#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the script. Settings are completed after `jeton` alone: after each command they would hide its own options.
pub fn completions(arguments: &CompletionsArguments) -> Result<(), Failure> {
    let mut commands = setting_flags().fold(own_commands(), clap::Command::arg);
    let mut script = Vec::new();
    match arguments.shell {
        Shell::Bash => generate(shells::Bash, &mut commands, "jeton", &mut script),
        Shell::Zsh => generate(shells::Zsh, &mut commands, "jeton", &mut script),
        Shell::Fish => generate(shells::Fish, &mut commands, "jeton", &mut script),
    }
    line(String::from_utf8_lossy(&script).trim_end())
}
