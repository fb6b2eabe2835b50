//! `docs/settings.md` has every setting, generated from the rows.

use std::fs;

use jeton::config::{Setting, settings};

/// The line before the generated part of the page.
const GENERATED_BELOW: &str = "<!-- The rest of this page is generated from the rows in src/config/. To generate it again: \
                    WRITE_DOCS=1 scripts/test settings::documented -->\n";

fn path(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn row(setting: &Setting) -> String {
    let file = if setting.file_variable().is_none() { "" } else { ", `_FILE`" };
    let default = if setting.default.is_empty() { String::new() } else { format!("`{}` ", setting.default) };
    format!("| `{}`{file} | {default}| {} |\n", setting.name, setting.help)
}

fn tables() -> String {
    let (mut text, mut section) = (String::new(), "");
    for setting in settings() {
        if setting.section != section {
            section = setting.section;
            text += &format!("\n## {section}\n\n| variable | default | |\n|---|---|---|\n");
        }
        text += &row(&setting);
    }
    text
}

#[test]
fn the_settings_page_agrees_with_the_rows() {
    let page = fs::read_to_string(path("docs/settings.md")).unwrap();
    let (by_hand, made) = page.split_once(GENERATED_BELOW).expect("the line before the generated part");
    if std::env::var_os("WRITE_DOCS").is_some() {
        return fs::write(path("docs/settings.md"), format!("{by_hand}{GENERATED_BELOW}{}", tables())).unwrap();
    }
    assert_eq!(made, tables(), "to generate the page again: WRITE_DOCS=1 scripts/test settings::documented");
}
