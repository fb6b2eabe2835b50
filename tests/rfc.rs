//! What the RFCs require of the server, and the test that proves it: every MUST of RFC 7662, 7009, 8414 and of RFC 6749,
//! section 2.3.1, and some more. What they require of clients, of registries and of other kinds of tokens is left out.
//!
//! | RFC, section | what | test |
//! |---|---|---|
//! | 7662, 1.1 | names and values are case-sensitive | `a_request_without_exactly_one_valid_token_parameter_is_invalid` |
//! | 7662, 2; 7662, 4; 7009, 2; 8414, 6.1; 6749, 2.3.1 | MUST be protected by TLS, 1.2 at least: by `JETON_TLS_CERT`, or the proxy before | `https_with_a_configured_certificate` |
//! | 7662, 2.1 | the token comes in the body of a POST, as a form | `introspection_takes_a_form_by_post_and_nothing_from_the_url` |
//! | 7662, 2.1 | `token` is required | `a_missing_or_doubled_token_is_an_invalid_request` |
//! | 7662, 2.1 | MUST find the token whatever `token_type_hint` says | `a_token_type_hint_is_ignored` |
//! | 7662, 2.1 | MUST require authorization, so that tokens cannot be scanned for | `introspection_needs_credentials` |
//! | 7662, 2.2 | a JSON object whose `active` is a boolean | `an_active_token_has_the_registered_members` |
//! | 7662, 2.2 | times are whole seconds since 1970, scopes one text | `an_active_token_has_the_registered_members` |
//! | 7662, 2.2 | names of members used across domains MUST be registered; ours beside those are for services that know jeton | `an_active_token_has_the_registered_members` |
//! | 7662, 2.2 | MUST answer `active: false` for what is unknown, expired or revoked; SHOULD NOT say more | `every_inactive_token_gets_the_same_answer` |
//! | 7662, 2.3 | wrong client credentials: 401 as in RFC 6749, 5.2 | `wrong_client_credentials_are_401_with_a_matching_challenge` |
//! | 7662, 2.3 | an invalid token of the caller: 401 as in RFC 6750, 3; the challenge's keyword is a setting, by default DRF's; a caller without the right gets DRF's 403 | `a_callers_own_token_must_be_valid_and_of_staff` |
//! | 7662, 2.3 | a valid query about an inactive token MUST NOT be an error | `every_inactive_token_gets_the_same_answer` |
//! | 7662, 4 | MUST make all checks that apply: ours are the token's and its user's | `a_token_is_inactive_while_its_user_is_inactive_and_after_its_expiry_or_deletion` |
//! | 7662, 4 | MUST check expiry | `a_token_is_valid_until_the_last_microsecond_before_its_expiry` |
//! | 7662, 4 | MUST check revocation | `a_revoked_token_is_inactive_at_once_on_every_node` |
//! | 7662, 4 | MUST check a signature, `nbf` and the audience, where tokens have them | none: ours have none |
//! | 7662, 4 | MUST require authentication of protected resources | `introspection_needs_credentials` |
//! | 7662, 4 | SHOULD let only those call who are authorized to | `staff_may_introspect_with_their_own_token_and_other_users_may_not` |
//! | 7662, 4 | MUST weigh caching against security: no answer may be stored on the way, and our own cache is bounded | `no_answer_may_be_stored` |
//! | 7662, 4 | MUST NOT be cached past `exp` | `a_token_is_valid_until_the_last_microsecond_before_its_expiry` |
//! | 7662, 5 | MUST NOT show data about users to others than the caller | `no_answer_may_be_stored` |
//! | 7009, 2 | MUST revoke refresh tokens | none: there are no refresh tokens |
//! | 7009, 2 | SHOULD revoke access tokens | `a_client_revokes_by_basic_form_or_json` |
//! | 7009, 2 | its URL MUST have no fragment (RFC 6749, 3.1) | `bad_values_are_refused_by_name_wherever_they_come_from` |
//! | 7009, 2; 8414, 2; 8414, 3 | the published URLs MUST be `https`: of `JETON_ISSUER`, or of the request | `https_with_a_configured_certificate` |
//! | 7009, 2.1 | the token comes in the body of a POST, as a form | `revocation_takes_a_form_by_post_and_nothing_from_the_url` |
//! | 7009, 2.1 | MUST find the token whatever `token_type_hint` says | `a_token_type_hint_is_ignored` |
//! | 7009, 2.1 | validates the client's credentials first | `wrong_credentials_are_refused_and_nothing_is_revoked` |
//! | 7009, 2.1 | refused when the token was issued to another client | `a_token_of_a_client_can_be_revoked_by_that_client_only` |
//! | 7009, 2.1 | inactive immediately, and not usable again | `a_revoked_token_is_inactive_at_once_on_every_node` |
//! | 7009, 2.2 | 200 for a revoked token, and for an invalid one too | `revoking_a_revoked_expired_or_unknown_token_is_answered_with_200` |
//! | 7009, 2.2 | an unknown hint is ignored | `a_token_type_hint_is_ignored` |
//! | 7009, 2.2.1 | errors as in RFC 6749, 5.2 | `a_malformed_request_is_refused_and_revokes_nothing` |
//! | 7009, 2.2.1 | 503 may have `Retry-After` | `a_stopped_server_is_answered_with_503_until_it_is_back` |
//! | 7009, 5 | MUST be protected against floods of requests, as the token endpoint is | `many_revocations_at_once_leave_connections_for_other_requests` |
//! | 7009, 5 | MUST NOT look longer for a token because of a wrong hint | `a_token_type_hint_is_ignored` |
//! | 8414, 2 | `issuer` is a URL without query and fragment | `bad_values_are_refused_by_name_wherever_they_come_from` |
//! | 8414, 2 | `issuer`, `response_types_supported` are required; grant types too, because their default would promise some | `without_an_issuer_the_metadata_has_the_request_s_host` |
//! | 8414, 2 | signing algorithms MUST be listed where a method that signs is | `without_an_issuer_the_metadata_has_the_request_s_host` |
//! | 8414, 2 | what is listed is what is accepted | `the_endpoints_accept_exactly_the_auth_methods_in_the_metadata` |
//! | 8414, 2.1 | signed metadata MUST be a JWS with `iss` | none: ours are not signed |
//! | 8414, 3 | MUST be at the well-known path | `anyone_may_read_the_metadata_and_nobody_may_write_it` |
//! | 8414, 3.1 | MUST be asked for by GET | `anyone_may_read_the_metadata_and_nobody_may_write_it` |
//! | 8414, 3.1 | MUST be between host and path of the issuer, without its last slash | `for_an_issuer_with_a_path_the_well_known_part_comes_before_the_path` |
//! | 8414, 3.2 | MUST be `application/json`, 200; that lists without members MUST be left out cannot hold for those that section 2 wants | `without_an_issuer_the_metadata_has_the_request_s_host` |
//! | 8414, 3.3; 8414, 6.2 | `issuer` MUST be the one it was asked of | `the_trailing_slash_of_an_issuer_is_kept` |
//! | 8414, 4 | texts MUST be compared code point by code point, and not normalized | `for_an_issuer_with_a_path_the_well_known_part_comes_before_the_path` |
//! | 6749, 2.3 | one way to authenticate a request | `two_ways_to_authenticate_at_once_are_refused` |
//! | 6749, 2.3.1 | MUST support HTTP Basic, id and secret form-encoded | `basic_credentials_are_form_decoded_and_taken_raw_too` |
//! | 6749, 2.3.1 | parameters only in the body, MUST NOT be in the URL | `credentials_in_the_url_are_ignored` |
//! | 6749, 2.3.1 | MUST be protected against brute force: secrets that jeton generates cannot be guessed; those that an operator sets must be chosen so | `a_clients_secret_has_256_random_bits` |
//! | 6749, 3.1 | an empty parameter MUST count as left out, none may come twice | `a_missing_or_doubled_token_is_an_invalid_request` |
//! | 6749, 3.1 | MUST ignore unknown parameters | `unknown_parameters_are_ignored_however_often_they_come` |
//! | 6749, 5.2 | MUST be 401 with a challenge if the request had `Authorization`, also of an unsupported scheme | `wrong_client_credentials_are_401_with_a_matching_challenge` |
//! | 6749, 5.2 | `error` and `error_description` MUST be of plain characters | `errors_have_only_the_characters_that_rfc_6749_allows` |

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
    assert!(rows.len() > 50);
    for row in &rows[1..] {
        let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
        let [_, _, test] = cells[..] else { panic!("{row}") };
        match test.strip_prefix('`').and_then(|test| test.strip_suffix('`')) {
            Some(name) => assert!(code.contains(&format!("fn {name}(")), "there is no test {name}"),
            None => assert!(test.starts_with("none: "), "no test, and no reason: {row}"),
        }
    }
}
