//! `jeton man`.

use std::path::PathBuf;

use clap::Args;
use clap_mangen::{Man, generate_to};

use super::Failure;

#[derive(Args)]
pub struct ManArguments {
    /// The folder, which must exist, for example /usr/local/share/man/man1
    folder: PathBuf,
}

/// Writes a page for each of these commands, and one for the settings.
pub fn man(arguments: &ManArguments, commands: clap::Command) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("{}: {error}", arguments.folder.display()));
    generate_to(commands, &arguments.folder).map_err(failed)?;
    // In the same section, so that all pages go to one folder.
    std::fs::write(arguments.folder.join("jeton-settings.1"), settings_page()?).map_err(failed)?;
    eprintln!("wrote the manual pages to {}; man(1) finds them if the folder is a man1", arguments.folder.display());
    Ok(())
}

/// The columns that man(1) leaves of a terminal's 80, so that it breaks no line again.
const WIDTH: usize = 70;

fn settings_page() -> Result<Vec<u8>, Failure> {
    let settings = clap::Command::new("jeton-settings").version(env!("CARGO_PKG_VERSION"));
    let page = Man::new(settings.about("what each setting of jeton does").long_about(super::settings::text(WIDTH)));
    let mut written = Vec::new();
    page.render_title(&mut written)?;
    page.render_name_section(&mut written)?;
    page.render_description_section(&mut written)?;
    Ok(written)
}
