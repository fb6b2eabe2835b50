//! Help, completions and manual pages: of every command, within a terminal, and made from the commands themselves.

use std::fs;
use std::process::Command;

use jeton::config::{Kind, settings};

use super::done;
use crate::support::process::{BINARY, Jeton};

/// A terminal that help must fit in.
const COLUMNS: usize = 80;
const LINES: usize = 40;

/// The words of every command, those that only have commands below them too, `help` aside.
fn every_command(jeton: &Jeton) -> Vec<Vec<String>> {
    let (mut found, mut next) = (Vec::new(), vec![Vec::new()]);
    while let Some(words) = next.pop() {
        let help = help_of(jeton, &words, "-h");
        let below = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        // A line that is indented further goes on with the one before.
        let names = below.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
        for name in names.filter(|name| *name != "help") {
            next.push([words.clone(), vec![name.to_owned()]].concat());
        }
        found.push(words);
    }
    found
}

fn help_of(jeton: &Jeton, words: &[String], flag: &str) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).chain([flag]).collect();
    done(jeton, &words)
}

#[test]
fn the_short_help_of_every_command_fits_a_terminal_and_has_no_setting() {
    let jeton = Jeton::new();
    let commands = every_command(&jeton);
    for known in ["", "serve", "user update", "token create", "import django", "completions"] {
        assert!(commands.iter().any(|words| words.join(" ") == known), "{known}: {commands:?}");
    }
    for words in &commands {
        let help = help_of(&jeton, words, "-h");
        let widest = help.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(help.lines().count() <= LINES && widest <= COLUMNS, "{words:?}: {help}");
        assert!(!help.contains("--token-mode") && help.contains("jeton help settings"), "{words:?}: {help}");
        let long = help_of(&jeton, words, "--help");
        assert!(long.lines().all(|line| line.chars().count() <= COLUMNS), "{words:?}: {long}");
    }
}

#[test]
fn the_settings_are_explained_in_a_help_of_their_own() {
    let jeton = Jeton::new().env("JETON_NONSENSE", "1");
    let text = done(&jeton, &["help", "settings"]);
    assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for setting in settings() {
        let name = match setting.kind {
            Kind::Plain | Kind::SecretPath => setting.name.to_owned(),
            Kind::File | Kind::Secret => format!("{0}, {0}_FILE", setting.name),
        };
        let default =
            if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
        let expected = format!("{name} {}{default}", setting.help);
        let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&expected), "{expected}: {text}");
        assert!(text.contains(&format!("\n{}:\n", setting.section)), "{}", setting.section);
    }
    assert_eq!(done(&jeton, &["settings"]).trim_end(), text.trim_end());
}

#[test]
fn one_setting_is_explained_alone() {
    let jeton = Jeton::new().env("JETON_NONSENSE", "1");
    let all = done(&jeton, &["help", "settings"]);
    for setting in settings() {
        let text = done(&jeton, &["help", "settings", setting.name]);
        assert!(text.trim_start().starts_with(setting.name) && all.contains(text.trim_end()), "{text}");
        assert!(text.lines().skip(1).all(|line| line.is_empty() || line.starts_with("   ")), "one setting: {text}");
    }
    let text = done(&jeton, &["settings", "JETON_TOKEN_MODE"]);
    assert_eq!(done(&jeton, &["help", "settings", "token-mode"]), text, "by the name of its flag, too");
    assert_eq!(done(&jeton, &["help", "settings", "jeton_token_mode"]), text, "in small letters");
    assert_eq!(done(&jeton, &["settings", "TOKEN_MODE"]), text);
    let key = done(&jeton, &["help", "settings", "JETON_SECRET_KEY"]);
    for name in ["JETON_SECRET_KEY_FILE", "jeton_secret_key_file", "secret-key-file"] {
        assert_eq!(done(&jeton, &["help", "settings", name]), key, "{name}");
    }
    for (name, shown) in [("nonsense", "NONSENSE"), ("JETON_TOKEN_MODE_FILE", "JETON_TOKEN_MODE_FILE")] {
        for words in [&["help", "settings", name][..], &["settings", name]] {
            let output = jeton.run(words);
            let said = format!("error: there is no setting {shown}; `jeton help settings` lists them\n");
            assert_eq!((output.status, output.stdout.as_str(), output.stderr), (2, "", said), "{words:?}");
        }
    }
    assert!(done(&jeton, &["user", "password-link", "-h"]).contains("JETON_ISSUER"));
}

/// What bash completes after these words, the last of which is not finished.
fn completed(words: &[&str]) -> Vec<String> {
    let script = format!(
        "source <({BINARY} completions bash); COMP_WORDS=(jeton {}); COMP_CWORD={}; \
         _jeton jeton '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len(),
        words.last().unwrap(),
        words.get(words.len().wrapping_sub(2)).unwrap_or(&"jeton"),
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_options() {
    assert_eq!(completed(&["tok"]), ["token"]);
    assert_eq!(completed(&["user", "up"]), ["update"]);
    assert_eq!(completed(&["token", "list", "--ex"]), ["--expiring"]);
    assert_eq!(completed(&["audit", "--action", "login"]), ["login", "login.failed"]);
    assert_eq!(completed(&["--token-mo"]), ["--token-mode"], "settings, after jeton alone");
    assert_eq!(completed(&["user", "list", "--token-mo"]), [""; 1], "and nowhere else");
}

#[test]
fn there_is_a_script_for_each_shell_whatever_the_settings() {
    let jeton = Jeton::new().env("JETON_NONSENSE", "1");
    for (shell, start) in [("bash", "_jeton()"), ("zsh", "#compdef jeton"), ("fish", "# Print an optspec")] {
        let script = done(&jeton, &["completions", shell]);
        assert!(script.starts_with(start) && script.contains("set-password"), "{shell}: {script}");
    }
    let output = jeton.run(&["completions", "tcsh"]);
    assert!(output.status == 2 && output.stderr.contains("bash, zsh, fish"), "{output:?}");
}

#[test]
fn there_is_a_manual_page_for_each_command_and_one_for_the_settings() {
    let jeton = Jeton::new().env("JETON_NONSENSE", "1");
    let folder = jeton.dir.path().join("man1");
    let folder_name = folder.to_str().unwrap();
    let output = jeton.run(&["man", folder_name]);
    assert!(output.status == 1 && output.stderr.contains(folder_name), "a folder that does not exist: {output:?}");
    fs::create_dir(&folder).unwrap();
    assert_eq!(done(&jeton, &["man", folder_name]), "");
    let mut wanted: Vec<String> = every_command(&jeton)
        .iter()
        .map(|words| format!("{}.1", [&["jeton".to_owned()], words.as_slice()].concat().join("-")))
        .chain(["jeton-settings.1".to_owned()])
        .collect();
    let mut written: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    wanted.sort();
    written.sort();
    assert_eq!(written, wanted);
    let page = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(page("jeton-token-create.1").contains("\\-\\-grace"), "{}", page("jeton-token-create.1"));
    assert!(!page("jeton-user-list.1").contains("token\\-mode"), "settings have a page of their own");
    assert!(page("jeton-settings.1").contains("JETON_TOKEN_MODE"));
}
