//! `jeton token explain`.

use clap::Args;

use crate::cli::output::{fields, line, object};
use crate::cli::prompt::key;
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::domain::token::copied_key;

#[derive(Args)]
pub struct Explain {
    /// Print the admin API's JSON object
    #[arg(long)]
    json: bool,
    /// A key would be in the list of processes and in the shell's history, so it is refused without being printed.
    #[arg(hide = true)]
    key: Option<String>,
}

/// Prints the reason to standard output, and to standard error everything else that the API says.
pub fn explain(arguments: &Explain, config: &Config) -> Result<(), Failure> {
    if arguments.key.is_some() {
        return Err(Failure::new(
            "give the key on standard input, not as an argument, which other users of this machine can see",
        ));
    }
    with_service(config, |service, caller| async move {
        let explanation = service.tokens.explain(copied_key(&key()?), &caller).await?;
        let object = object(&explanation)?;
        if arguments.json {
            return line(&serde_json::Value::Object(object).to_string());
        }
        line(explanation.word())?;
        fields(&object, &|name, value| {
            // The reason says whether it is active.
            if !value.is_empty() && !["active", "reason"].contains(&name) {
                eprintln!("{name:18} {value}");
            }
            Ok(())
        })
    })
}
