//! Each change of a token or its user, by HTTP, by command and by SQL, is seen by both nodes within the bound.

use serde_json::Value;

use super::Nodes;
use crate::commands::{done, json_of};
use crate::support::http::Request;

/// One of alice's tokens.
#[derive(Clone, Copy)]
enum Token {
    Login,
    Named,
}

/// Keeps a token of alice's in the caches of two nodes while `change` changes its answer.
#[track_caller]
fn assert_seen(what: &str, which: Token, change: impl FnOnce(&Nodes, &str)) {
    let nodes = Nodes::on_shared();
    let (login, named) = nodes.user("alice");
    let token = match which {
        Token::Login => login,
        Token::Named => named,
    };
    nodes.assert_seen_after(what, &token, |nodes| change(nodes, &token));
}

/// The same, for a command.
#[track_caller]
fn assert_command_seen(which: Token, arguments: &[&str]) {
    assert_seen(&arguments.join(" "), which, |nodes, _| drop(done(&nodes.jeton, arguments)));
}

/// The same, for SQL that bypasses jeton.
#[track_caller]
fn assert_sql_seen(statements: &str) {
    assert_seen(statements, Token::Named, |nodes, _| drop(nodes.database.sql(statements)));
}

/// A superuser's key.
fn superuser(nodes: &Nodes) -> String {
    done(&nodes.jeton, &["user", "create", "boss", "--no-password", "--superuser"]);
    let made = done(&nodes.jeton, &["token", "create", "boss"]);
    made.split(' ').nth(2).unwrap().to_owned()
}

/// SQL that puts alice into a new group.
const NEW_GROUP: &str = "insert into groups (name) values ('g'); insert into user_groups select u.id, g.id from users u, groups g where username = 'alice'";

#[test]
fn a_logout_by_http_is_seen() {
    assert_seen("logout by HTTP", Token::Login, |nodes, token| {
        let answer = Request::new("POST", "/logout/").token(token).send(nodes.both[0].addr);
        assert_eq!(answer.status, 204, "{answer:?}");
    });
}

#[test]
fn a_revocation_by_http_is_seen() {
    assert_seen("revoke by HTTP", Token::Named, |nodes, token| {
        let request = Request::new("POST", "/revoke").basic(&nodes.client.0, &nodes.client.1).form(&[("token", token)]);
        assert_eq!(request.send(nodes.both[1].addr).status, 200);
    });
}

#[test]
fn a_regeneration_by_http_is_seen() {
    assert_seen("regenerate by HTTP", Token::Login, |nodes, _| {
        let boss = superuser(nodes);
        let answer = Request::new("POST", "/admin/users/alice/regenerate").token(&boss).send(nodes.both[1].addr);
        assert_eq!(answer.status, 200, "{answer:?}");
    });
}

#[test]
fn a_revocation_by_command_is_seen() {
    assert_seen("revoke by command", Token::Named, |nodes, _| {
        let tokens = json_of(&done(&nodes.jeton, &["token", "list", "alice", "--json"]));
        let is_named = |token: &&Value| token["kind"] == "named";
        let id = tokens.as_array().unwrap().iter().find(is_named).unwrap()["id"].to_string();
        done(&nodes.jeton, &["token", "revoke", &id]);
    });
}

#[test]
fn a_regeneration_by_command_is_seen() {
    assert_command_seen(Token::Login, &["token", "create", "-r", "alice"]);
}

#[test]
fn a_deactivation_by_command_is_seen() {
    assert_command_seen(Token::Named, &["user", "deactivate", "alice"]);
}

#[test]
fn a_password_set_by_command_is_seen() {
    assert_seen("set a password by command", Token::Login, |nodes, _| {
        let command = ["user", "set-password", "--password-stdin", "alice"];
        let set = nodes.jeton.run_with_stdin(&command, "grey clouds at noon");
        assert_eq!(set.status, 0, "{set:?}");
    });
}

#[test]
fn a_user_deleted_by_command_is_seen() {
    assert_command_seen(Token::Named, &["user", "delete", "--yes", "alice"]);
}

#[test]
fn a_new_group_by_sql_is_seen() {
    assert_sql_seen(NEW_GROUP);
}

#[test]
fn a_group_renamed_by_sql_is_seen() {
    assert_sql_seen_in_a_group("update groups set name = 'h'");
}

#[test]
fn a_group_deleted_by_sql_is_seen() {
    assert_sql_seen_in_a_group("delete from groups");
}

/// The same, with alice in a group.
#[track_caller]
fn assert_sql_seen_in_a_group(statements: &str) {
    let nodes = Nodes::on_shared();
    let (_, named) = nodes.user("alice");
    nodes.database.sql(NEW_GROUP);
    nodes.assert_seen_after(statements, &named, |nodes| drop(nodes.database.sql(statements)));
}

#[test]
fn an_email_address_by_sql_is_seen() {
    assert_sql_seen("update users set email = 'e@example.com' where username = 'alice'");
}

#[test]
fn a_scope_by_sql_is_seen() {
    assert_sql_seen("update tokens set scope = 'x' where name = 'ci'");
}

#[test]
fn a_token_s_row_deleted_by_sql_is_seen() {
    assert_sql_seen("delete from tokens");
}

#[test]
fn a_truncation_of_all_tokens_by_sql_is_seen() {
    assert_sql_seen("truncate tokens");
}
