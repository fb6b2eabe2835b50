//! The documents: the book has every page, each link leads somewhere, and README's tour works as it is pasted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::process::{BINARY, Jeton};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Markdown files that are under version control.
fn documents() -> Vec<PathBuf> {
    let listed = Command::new("git").args(["ls-files", "*.md"]).current_dir(root()).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let paths: Vec<PathBuf> = String::from_utf8(listed.stdout).unwrap().lines().map(|line| root().join(line)).collect();
    assert!(paths.len() > 20, "{paths:?}");
    paths
}

/// The text without blocks of code, in which a bracket is no link.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The targets of `[words](target)`.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    targets.map(ToOwned::to_owned).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text)
        .lines()
        .filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim().to_owned()))
        .collect::<Vec<_>>();
    let anchor = |heading: &String| {
        let kept = heading.to_lowercase();
        kept.chars()
            .filter(|one| one.is_alphanumeric() || " -_".contains(*one))
            .map(|one| if one == ' ' { '-' } else { one })
            .collect()
    };
    headings.iter().map(anchor).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let (mut broken, mut followed) = (Vec::new(), 0);
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&prose(&text)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            let is_there = target.exists()
                && anchor
                    .is_none_or(|anchor| fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor)));
            if !is_there {
                broken.push(format!("{}: {link}", document.strip_prefix(root()).unwrap().display()));
            }
            followed += 1;
        }
    }
    assert!(broken.is_empty() && followed > 100, "{followed} links, broken: {broken:#?}");
}

#[test]
fn the_book_has_every_page_of_docs() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> = links(&summary).into_iter().filter(|link| !link.starts_with("../")).collect();
    let pages = documents().into_iter().filter(|page| page.parent() == Some(&root().join("docs")));
    let names: BTreeSet<String> = pages.map(|page| page.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(listed, names.into_iter().filter(|name| name != "SUMMARY.md").collect());
}

/// The shell blocks of a document.
fn shell_blocks(text: &str) -> Vec<&str> {
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_readme_is_short_and_begins_with_the_start_and_the_tests() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    assert_eq!(shell_blocks(&text)[..2], ["cargo run --release\n", "scripts/test\n"]);
    let words = prose(&text).split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
    assert!(words < 1_100, "{words} words");
}

#[test]
fn the_readmes_tour_works_as_it_is_pasted() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = shell_blocks(&text);
    let tour = blocks.iter().find(|block| block.starts_with("PATH=")).expect("the tour sets its variables");
    let jeton = Jeton::new();
    let server = jeton.serve();
    let tour = tour.replace("http://127.0.0.1:8000", &format!("http://{}", server.addr));
    let mut shell = jeton.command(&[]);
    let folder = shell.get_current_dir().unwrap().to_owned();
    // What `cargo run --release` has built is in this folder.
    fs::create_dir_all(folder.join("target/release")).unwrap();
    std::os::unix::fs::symlink(BINARY, folder.join("target/release/jeton")).unwrap();
    shell = Command::new("bash");
    let ran = shell.arg("-e").arg("-c").arg(&tour).current_dir(&folder).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{err}");
    let lines: Vec<&str> = out.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let expected = [
        "{\"non_field_errors\":[\"Unable to log in with provided credentials.\"]}",
        "{\"id\":",
        "{\"active\":true,",
        "HTTP/1.1 200 OK",
    ];
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line} is not {expected}: {out}");
    }
    let end: Vec<&str> = lines[lines.len() - 3..].to_vec();
    assert!(end[0].starts_with("Generated token ") && end[1..] == ["{\"active\":false}", "revoked"], "{out}\n{err}");
}
