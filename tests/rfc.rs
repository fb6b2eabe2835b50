//! What the RFCs ask of the server, and the test that holds it.
//!
//! | RFC, section | what | test |
//! |---|---|---|
//! | 7662, 2.1 | the token comes in the body of a POST, as a form | `introspection_takes_a_form_by_post_and_nothing_from_the_url` |
//! | 7662, 2.1 | `token` is required | `a_missing_or_doubled_token_is_an_invalid_request` |
//! | 7662, 2.1 | MUST find the token whatever `token_type_hint` says | `a_hint_changes_nothing` |
//! | 7662, 2.1 | MUST require authorization, so that tokens cannot be scanned for | `nobody_learns_of_a_token_without_credentials` |
//! | 7662, 2.2 | a JSON object whose `active` is a boolean | `an_active_token_is_told_in_the_registered_members` |
//! | 7662, 2.2 | times are whole seconds since 1970, scopes one text | `an_active_token_is_told_in_the_registered_members` |
//! | 7662, 2.2 | MUST answer `active: false` for what is unknown, expired or revoked; SHOULD NOT say more | `inactive_is_always_the_same_answer` |
//! | 7662, 2.3 | wrong client credentials: 401 as in RFC 6749, 5.2 | `wrong_client_credentials_are_401_with_a_matching_challenge` |
//! | 7662, 2.3 | a bad token of the caller's: 401 as in RFC 6750, 3; the keyword of the challenge is DRF's, a setting | `a_callers_own_token_must_be_good_and_staffs` |
//! | 7662, 2.3 | a good query about a bad token MUST NOT be an error | `inactive_is_always_the_same_answer` |
//! | 7662, 4 | MUST check expiry | `a_token_lives_to_the_last_microsecond_and_is_dead_at_its_expiry` |
//! | 7662, 4 | MUST check revocation | `a_revoked_token_is_dead_at_once_on_every_node` |
//! | 7662, 4 | MUST check a signature, a time of beginning, the resource server, where tokens have such | ours have none |
//! | 7662, 4 | MUST NOT be cached past `exp`: nothing on the way may keep an answer | `no_answer_may_be_kept` |
//! | 7662, 4 | MUST require authentication of protected resources | `nobody_learns_of_a_token_without_credentials` |
//! | 7662, 4; 7009, 2; 6749, 2.3.1 | MUST be protected by TLS | the operator's: `JETON_TLS_CERT`, or the proxy before it |
//! | 7009, 2.1 | the token comes in the body of a POST, as a form | `revocation_takes_a_form_by_post_and_nothing_from_the_url` |
//! | 7009, 2.1 | MUST find the token whatever `token_type_hint` says | `a_hint_changes_nothing` |
//! | 7009, 2.1 | MUST validate the client's credentials first | `wrong_credentials_are_refused_and_nothing_is_revoked` |
//! | 7009, 2.1 | refused when the token was issued to another client | `a_token_issued_with_a_client_is_that_clients_alone` |
//! | 7009, 2.1 | dead immediately, and not usable again | `a_revoked_token_is_dead_at_once_on_every_node` |
//! | 7009, 2.2 | 200 for a revoked token, and for an invalid one too | `what_is_dead_or_unknown_is_revoked_already` |
//! | 7009, 2.2 | an unknown hint is ignored | `a_hint_changes_nothing` |
//! | 7009, 2.2.1 | errors as in RFC 6749, 5.2 | `a_malformed_request_is_told_so_and_nothing_is_revoked` |
//! | 7009, 2.2.1 | 503 may tell when to come again | `a_key_that_fails_its_check_is_refused_while_the_database_is_frozen` |
//! | 8414, 2 | `issuer`, `response_types_supported` are required; grant types left out would be promised | `without_an_issuer_the_request_says_what_it_is` |
//! | 8414, 2 | what is listed is what is accepted | `the_endpoints_take_what_it_promises_and_nothing_else` |
//! | 8414, 3 | MUST be at the well-known path | `anyone_may_read_it_and_only_read` |
//! | 8414, 3.1 | MUST be between host and path of the issuer, without its last slash | `of_an_issuer_with_a_path_the_well_known_part_comes_before_the_path` |
//! | 8414, 3.2 | MUST be `application/json`, 200; that lists without members be left out cannot hold for a required one | `without_an_issuer_the_request_says_what_it_is` |
//! | 8414, 3.3 | `issuer` MUST be the one it was asked of | `an_issuer_that_ends_in_a_slash_stays_as_it_is` |
//! | 6749, 2.3 | one way to authenticate a request | `two_ways_to_authenticate_at_once_are_refused` |
//! | 6749, 2.3.1 | MUST support HTTP Basic, id and secret form-encoded | `basic_credentials_are_form_decoded_and_taken_raw_too` |
//! | 6749, 2.3.1 | parameters only in the body, MUST NOT be in the URL | `credentials_in_the_url_are_none` |
//! | 6749, 2.3.1 | MUST be protected against brute force | `a_clients_secret_has_256_random_bits` |
//! | 6749, 3.1 | an empty parameter MUST count as left out, none may come twice | `a_missing_or_doubled_token_is_an_invalid_request` |
//! | 6749, 3.1 | MUST ignore unknown parameters | `unknown_parameters_are_ignored_however_often_they_come` |
//! | 6749, 5.2 | 401 and a challenge of the scheme that was used | `wrong_client_credentials_are_401_with_a_matching_challenge` |

mod caller;
mod library;
mod token;

use std::path::Path;

const THIS: &str = include_str!("rfc.rs");

/// The code of all tests.
fn code(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| match path.extension() {
        _ if path.is_dir() => code(&path),
        Some(extension) if extension == "rs" => std::fs::read_to_string(path).unwrap(),
        _ => String::new(),
    });
    texts.collect()
}

#[test]
fn every_test_in_the_table_exists() {
    let code = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"));
    let rows: Vec<&str> = THIS.lines().filter_map(|line| line.strip_prefix("//! | ")).collect();
    let named: Vec<&str> = rows.iter().filter_map(|row| row.strip_suffix("` |")?.rsplit('`').next()).collect();
    assert!(rows.len() > 30 && named.len() >= rows.len() - 3, "{} of {} rows name a test", named.len(), rows.len());
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}
