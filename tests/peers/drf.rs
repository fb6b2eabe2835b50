//! Django REST framework's `obtain_auth_token`, and its token authentication.

use serde_json::json;

use super::{Project, logins, malformed, post};
use crate::support::http::Request;

#[test]
fn logins_are_answered_as_by_drf() {
    let mut requests = [logins("username", "alice"), malformed()].concat();
    requests.push(Request::new("OPTIONS", super::LOGIN));
    requests.push(post(&json!({"username": 123, "password": 456})));
    requests.push(post(&json!({"username": "ALICE", "password": crate::support::calls::PASSWORD})));
    Project::start("drf").compare(&[], &requests);
}
