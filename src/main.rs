//! The program: its arguments go to `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    jeton::cli::run(std::env::args_os())
}
