//! `jeton completions`.

use clap::{Args, ValueEnum};
use clap_complete::generate;
use clap_complete::shells;

use super::Failure;
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

/// Prints the script for these commands.
pub fn completions(arguments: &CompletionsArguments, mut commands: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    match arguments.shell {
        Shell::Bash => generate(shells::Bash, &mut commands, "jeton", &mut script),
        Shell::Zsh => generate(shells::Zsh, &mut commands, "jeton", &mut script),
        Shell::Fish => generate(shells::Fish, &mut commands, "jeton", &mut script),
    }
    line(String::from_utf8_lossy(&script).trim_end())
}
