//! `jeton token explain`.

use clap::Args;

use crate::cli::output::{fields, line, object, visible};
use crate::cli::prompt::key;
use crate::cli::{Failure, with_service};
use crate::config::Config;
use crate::service::{ExplainedText, Explanation};

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
        let explanation = service.tokens.explain(&key()?, &caller).await?;
        let object = object(&explanation)?;
        if arguments.json {
            return line(&serde_json::Value::Object(object).to_string());
        }
        line(explanation.word())?;
        if let Some(sentence) = sentence(&explanation, service.policy.token_prefix.as_deref()) {
            eprintln!("{sentence}");
        }
        fields(&object, &|name, value| {
            // The reason says whether it is active.
            if !value.is_empty() && !["active", "reason"].contains(&name) {
                eprintln!("{name:18} {value}");
            }
            Ok(())
        })
    })
}

/// What the word does not say.
fn sentence(explanation: &Explanation, prefix: Option<&str>) -> Option<String> {
    let why_none = explanation.why_none(prefix);
    let was_mended = explanation.text == ExplainedText::MendedKey && why_none.is_none();
    let sentences = [
        why_none,
        explanation.is_replaced().then(|| {
            let Explanation { at, by, token, .. } = explanation;
            let at = at.map(|at| format!(" at {at}")).unwrap_or_default();
            let by = by.as_deref().map(|by| format!(" by {}", visible(by))).unwrap_or_default();
            let end = token.as_ref().and_then(|token| token.0.ends_at());
            let end = end.map(|end| format!(" until {end}")).unwrap_or_default();
            format!("It was replaced by a new key{at}{by}, and is accepted{end}.")
        }),
        was_mended.then(|| {
            "This is about the key without the blanks or invisible characters beside it or in it, with which it is refused."
                .into()
        }),
    ];
    sentences.into_iter().flatten().reduce(|one, other| format!("{one} {other}"))
}
