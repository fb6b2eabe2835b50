//! The fenced blocks of a document.

use std::fs;
use std::path::Path;

use super::RUN;

/// Stands directly above a block that no test runs, before the reason.
const NOT_RUN: &str = "<!-- Not run by the tests: ";

pub struct Block {
    /// The nearest heading above it.
    pub section: String,
    pub line: usize,
    /// What stands behind the three backticks.
    pub language: String,
    pub text: String,
    pub reason: Option<String>,
}

impl Block {
    pub fn is_shell(&self) -> bool {
        ["sh", "bash", "shell", "console"].contains(&self.language.as_str())
    }
}

/// The blocks of a section, `"*"` for the whole page, in their order; without those that say why no test runs them.
#[track_caller]
pub fn blocks(page: &str, section: &str) -> Vec<Block> {
    assert!(RUN.iter().any(|(its, of, _)| (*its, *of) == (page, section)), "RUN does not have {page}: {section}");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let mut found = parse(&text);
    found.retain(|block| ["*", block.section.as_str()].contains(&section) && block.reason.is_none());
    assert!(found.iter().any(Block::is_shell), "{page} has no shell block in {section}");
    found
}

pub fn parse(text: &str) -> Vec<Block> {
    let (mut found, mut section, mut above) = (Vec::new(), String::new(), "");
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        if let Some(heading) = line.strip_prefix('#') {
            heading.trim_start_matches('#').trim().clone_into(&mut section);
        } else if let Some(language) = line.trim_start().strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
            let text = inside.map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n").collect();
            let reason = above.trim().strip_prefix(NOT_RUN).and_then(|rest| rest.strip_suffix(" -->"));
            found.push(Block {
                section: section.clone(),
                line: number + 1,
                language: language.to_owned(),
                text,
                reason: reason.map(ToOwned::to_owned),
            });
        }
        above = line;
    }
    found
}

/// The lines that are code because they are indented by four spaces: not in a fence, nor in an item of a list.
pub fn indented(text: &str) -> Vec<usize> {
    let (mut found, mut in_fence, mut in_list, mut after_blank) = (Vec::new(), false, false, true);
    for (number, line) in text.lines().enumerate() {
        in_fence ^= line.trim_start().starts_with("```");
        let item = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        if ["- ", "* ", ". "].iter().any(|mark| item.starts_with(mark)) {
            in_list = true;
        } else if !line.is_empty() && !line.starts_with(' ') {
            in_list = false;
        }
        if !in_fence && !in_list && after_blank && line.starts_with("    ") {
            found.push(number + 1);
        }
        after_blank = line.is_empty();
    }
    found
}
