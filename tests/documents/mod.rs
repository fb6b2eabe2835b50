//! The documents: each shell block is run by a test, as a reader pastes it, or says why not.

mod answers;
pub mod blocks;
mod django;
mod gateways;
mod pages;
mod readme;
pub mod shell;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::blocks::{Block, blocks, indented, parse};

/// Which test runs the shell blocks of which section; `"*"` is the whole page. Any other shell block has a line directly
/// above it, `<!-- Not run by the tests: the reason -->`.
pub const RUN: [(&str, &str, &str); 28] = [
    ("README.md", "Five minutes", "documents::readme::the_tour_works_as_it_is_pasted"),
    ("README.md", "From Django", "documents::readme::a_django_project_is_tried"),
    ("clients/python/README.md", "*", "documents::django::the_page_of_the_client_is_followed"),
    ("docs/account.md", "*", "documents::pages::a_link_for_a_password_is_made"),
    ("docs/api.md", "*", "documents::pages::the_api_answers_as_the_page_shows"),
    ("docs/edge.md", "*", "documents::pages::an_edge_is_started"),
    ("docs/gateways.md", "*", "documents::pages::a_gateway_gets_the_identity"),
    ("docs/jeton-with.md", "jeton with ...", "documents::pages::other_programs_get_a_client"),
    ("docs/logging.md", "*", "documents::pages::a_request_is_followed_in_the_log"),
    ("docs/migrating-from-django.md", "*", "documents::django::a_project_moves"),
    ("docs/operating.md", "Users and tokens", "commands::documented::the_everyday_commands_work_as_they_are_written"),
    ("docs/operating.md", "SQLite", "documents::pages::a_backup_is_restored_and_tried"),
    (
        "docs/operating.md",
        "PostgreSQL",
        "commands::pg_restore::a_dump_is_restored_where_another_role_owns_the_extension",
    ),
    ("docs/operating.md", "Try it", "documents::pages::a_backup_is_restored_and_tried"),
    ("docs/operating.md", "A key has leaked", "incidents::each_of_the_documented_ways_ends_a_leaked_key"),
    (
        "docs/operating.md",
        "A staff account is compromised",
        "incidents::a_compromised_account_is_locked_out_and_other_users_can_log_in_again",
    ),
    (
        "docs/operating.md",
        "The database has leaked",
        "incidents::a_leaked_database_and_secret_key_are_useless_afterwards",
    ),
    (
        "docs/operating.md",
        "The secret key is lost",
        "incidents::after_the_loss_of_the_secret_key_users_keys_stay_valid",
    ),
    (
        "docs/operating.md",
        "A backup was restored",
        "incidents::after_a_restore_no_id_is_used_again_and_no_revoked_key_is_valid",
    ),
    ("docs/operating.md", "The admin's password is forgotten", "incidents::a_forgotten_password_is_replaced"),
    ("docs/rotating-secrets.md", "*", "documents::pages::the_doctor_counts_sealed_tokens"),
    ("docs/shadow.md", "*", "documents::pages::a_shadow_is_started"),
    ("docs/verifying.md", "*", "documents::pages::an_edge_beside_a_service_answers"),
    ("examples/caddy/README.md", "*", "documents::gateways::the_lines_of_its_page"),
    ("examples/django/README.md", "*", "documents::django::the_example_is_followed"),
    ("examples/envoy/README.md", "*", "documents::gateways::the_lines_of_its_page"),
    ("examples/nginx/README.md", "*", "documents::gateways::the_lines_of_its_page"),
    ("examples/traefik/README.md", "*", "documents::gateways::the_lines_of_its_page"),
];

/// All Markdown files under version control, by their path in the repository.
pub fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git").args(["ls-files", "*.md"]).current_dir(root).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let paths: Vec<PathBuf> = String::from_utf8(listed.stdout).unwrap().lines().map(PathBuf::from).collect();
    assert!(paths.len() > 20, "{paths:?}");
    paths
}

/// What is wrong with the blocks of a page.
fn faults(page: &str, text: &str) -> Vec<String> {
    let mut found: Vec<String> =
        indented(text).iter().map(|line| format!("{page}:{line}: code is written between lines of ```")).collect();
    for block in parse(text) {
        let is_named = RUN.iter().any(|(its, section, _)| *its == page && ["*", &block.section].contains(section));
        let has_prompt = block.text.lines().any(|line| line.starts_with("$ "));
        let fault = match (&block.reason, block.is_shell()) {
            _ if block.language.is_empty() => "a block says its language behind the ```",
            (_, false) if has_prompt => "a block with a prompt is `console`",
            (Some(reason), true) if reason.split(' ').count() < 3 => "the reason is too short to understand",
            (Some(_), false) => "a reason stands above a block that is no shell's",
            (None, true) if !is_named => "no test runs this block, and nothing above it says why not",
            _ => continue,
        };
        found.push(format!("{page}:{}: {fault}", block.line));
    }
    found
}

#[test]
fn every_shell_block_is_run_by_a_test_or_says_why_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut counted) = (Vec::new(), 0);
    for page in documents() {
        let text = fs::read_to_string(root.join(&page)).unwrap();
        counted += parse(&text).iter().filter(|block| block.is_shell()).count();
        found.extend(faults(page.to_str().unwrap(), &text));
    }
    assert!(found.is_empty() && counted > 50, "{counted} blocks: {found:#?}");
}

#[test]
fn every_test_of_a_page_is_there_and_has_blocks_to_run() {
    for (page, section, test) in RUN {
        assert!(blocks(page, section).iter().any(Block::is_shell));
        let (module, name) = test.rsplit_once("::").unwrap();
        let file = format!("{}/tests/{}.rs", env!("CARGO_MANIFEST_DIR"), module.replace("::", "/"));
        let source = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.contains(&format!("fn {name}(")), "{page}: there is no test {test}");
        assert!(source.contains(page), "{test} does not read {page}");
    }
}

#[test]
fn a_block_in_neither_class_is_found() {
    let block = |before: &str, language: &str, text: &str| format!("{before}\n```{language}\n{text}\n```\n");
    for bad in [
        block("", "sh", "jeton serve"),
        block("", "console", "$ jeton serve"),
        block("", "", "jeton serve"),
        block("", "text", "$ jeton serve"),
        block("<!-- Not run by the tests: why -->", "sh", "jeton serve"),
        block("<!-- Not run by the tests: it needs a cluster -->\n", "sh", "jeton serve"),
        block("<!-- Not run by the tests: it is no command -->", "json", "{}"),
        "Run\n\n    jeton serve\n".to_owned(),
    ] {
        assert_eq!(faults("docs/new.md", &bad).len(), 1, "{bad}");
    }
    for good in [
        block("<!-- Not run by the tests: it needs a cluster -->", "sh", "kubectl apply"),
        block("", "text", "a drawing"),
        "1. An item\n\n    of two paragraphs\n".to_owned(),
    ] {
        assert_eq!(faults("docs/new.md", &good), [""; 0], "{good}");
    }
    let in_another_section = format!("# Other\n{}", block("", "sh", "ls"));
    assert_eq!(faults("README.md", &in_another_section).len(), 1);
}
