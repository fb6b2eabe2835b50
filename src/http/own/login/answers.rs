//! The answers of the login in each package's form.

use serde_json::{Map, Value, json};

use crate::http::options::{LoginFormat, LoginOptions};
use crate::service::LoggedIn;

/// The answer to a successful login: the key, its expiry, and the fields that `JETON_LOGIN_FIELDS` adds.
pub fn logged_in(logged_in: &LoggedIn, options: &LoginOptions) -> Value {
    let is_knox = options.format == LoginFormat::Knox;
    let mut answer = Map::new();
    if logged_in.expires_at.is_some() || is_knox {
        answer.insert("expiry".into(), json!(logged_in.expires_at));
    }
    answer.insert(options.key_field().into(), json!(logged_in.token.expose()));
    let user = user_fields(logged_in, &options.fields);
    if !is_knox {
        answer.extend(user);
    } else if !user.is_empty() {
        answer.insert("user".into(), Value::Object(user));
    }
    Value::Object(answer)
}

fn user_fields(logged_in: &LoggedIn, wanted: &[String]) -> Map<String, Value> {
    let mut known = logged_in.user.fields();
    known.push(("user_id", json!(logged_in.user.id)));
    let find = |name: &String| known.iter().find(|(field, _)| field == name);
    wanted.iter().filter_map(|name| find(name).map(|(field, value)| ((*field).to_owned(), value.clone()))).collect()
}

/// The answer to `OPTIONS`: that of DRF's `SimpleMetadata` for the package's view.
pub fn metadata(options: &LoginOptions) -> Value {
    let field = |kind: &str, required: bool, read_only: bool, label: &str| json!({ "type": kind, "required": required, "read_only": read_only, "label": label });
    let (name, description, fields) = match options.format {
        LoginFormat::Drf => {
            let fields = vec![
                ("username", field("string", true, false, "Username")),
                ("password", field("string", true, false, "Password")),
                ("token", field("string", false, true, "Token")),
            ];
            ("Obtain Auth Token", "", fields)
        }
        LoginFormat::Knox => ("Login", "", Vec::new()),
        LoginFormat::Djoser => {
            let name = options.name_field();
            let label = if name == "email" { "Email" } else { "Username" };
            let fields = vec![
                ("password", field("string", false, false, "Password")),
                (name, field("string", false, false, label)),
            ];
            ("Token Create", "Use this endpoint to obtain user authentication token.", fields)
        }
        LoginFormat::DjRestAuth => {
            let fields = vec![
                ("username", field("string", false, false, "Username")),
                ("email", field("email", false, false, "Email")),
                ("password", field("string", true, false, "Password")),
            ];
            ("Login", "", fields)
        }
    };
    let (json, forms) = ("application/json", ["application/x-www-form-urlencoded", "multipart/form-data"]);
    // DRF's view names its parsers in this order, and all others use those of the project.
    let parses = match options.format {
        LoginFormat::Drf => [forms[0], forms[1], json],
        LoginFormat::Knox | LoginFormat::Djoser | LoginFormat::DjRestAuth => [json, forms[0], forms[1]],
    };
    let mut metadata = json!({ "name": name, "description": description, "renders": [json], "parses": parses });
    if !fields.is_empty() {
        let fields: Map<String, Value> = fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect();
        metadata["actions"] = json!({ "POST": fields });
    }
    metadata
}
