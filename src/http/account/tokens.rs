//! A user's own tokens: listed, created, revoked.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::signed_in::{SignedIn, refusal};
use crate::domain::duration;
use crate::domain::password::Password;
use crate::domain::scope;
use crate::http::console::form::{Form, FormFaults};
use crate::http::console::frame::Frame;
use crate::http::console::listing::{Listing, Pager};
use crate::http::console::page::{PageResult, html, see_other};
use crate::http::console::token_form::{TokenForm, TokenRow};
use crate::http::console::visitor::PostedForm;
use crate::http::console::widgets::Field;
use crate::http::extract::TokenId;
use crate::http::state::{AppState, State};
use crate::service::{Error, Faults, NamedToken};

#[derive(Template)]
#[template(path = "account/tokens.html")]
struct TokensPage {
    frame: Frame,
    form_token: String,
    tokens: Vec<TokenRow>,
    pager: Pager,
    fault: String,
    name: Field,
    /// The scopes that a user may give, and whether each is chosen. Staff, who may give any, write them.
    scopes: Vec<(String, bool)>,
    scope: Option<Field>,
    scope_fault: String,
    expires_in: Field,
    longest: Option<String>,
    username: String,
    password: Field,
}

#[derive(Template)]
#[template(path = "account/secret.html")]
struct SecretPage {
    frame: Frame,
    heading: String,
    secret: String,
}

/// The page.
pub async fn show(signed_in: SignedIn, request: HttpRequest, state: State) -> PageResult {
    page(&request, &state, &signed_in, StatusCode::OK, &TokenForm::default(), &FormFaults::default()).await
}

/// Creates a named token and shows its key.
pub async fn create(
    PostedForm { by: signed_in, form }: PostedForm<SignedIn>,
    request: HttpRequest,
    state: State,
) -> PageResult {
    let wanted = wanted(&form, &signed_in);
    let password = Password::new(form.get("password").to_owned());
    let made = async {
        let named =
            NamedToken { name: wanted.name.clone(), scope: wanted.scope.clone(), expires_in: wanted.lifetime()? };
        state.service.tokens.create_own_token(&signed_in.account, named, password).await
    };
    let error = match signed_in.run_once(&request, &form, &state, made).await? {
        Ok(created) => {
            let heading = format!("The key of {}", wanted.name);
            let frame = signed_in.frame(&heading, "tokens");
            // The answer to the form itself shows the key: there is no URL that shows it again.
            let page = SecretPage { frame, heading, secret: created.key.expose().to_owned() };
            return Ok(html(StatusCode::OK, &page));
        }
        Err(error) => error,
    };
    let (status, faults) = match error {
        Error::TokenLimit => {
            let mut faults = Faults::default();
            faults.add(Faults::NON_FIELD, "You have as many tokens of your own as you may have. Revoke one first.");
            (StatusCode::FORBIDDEN, faults.into())
        }
        Error::Invalid(faults) => (StatusCode::BAD_REQUEST, faults.into()),
        other => return Err(refusal(other)),
    };
    page(&request, &state, &signed_in, status, &wanted, &faults).await
}

/// The form as submitted. Each checked box is a scope.
fn wanted(form: &Form, signed_in: &SignedIn) -> TokenForm {
    let wanted = TokenForm::of(form);
    if signed_in.is_staff() { wanted } else { TokenForm { scope: form.all("scope").join(" "), ..wanted } }
}

/// Revokes one of the user's tokens.
pub async fn revoke(
    PostedForm { by: signed_in, .. }: PostedForm<SignedIn>,
    id: web::Path<String>,
    state: State,
) -> PageResult {
    state.service.tokens.revoke_own_token(TokenId::parse(&id)?.0, &signed_in.account).await?;
    signed_in.notify(&state, "The token is revoked.").await;
    Ok(see_other("/account/"))
}

async fn page(
    request: &HttpRequest,
    state: &AppState,
    signed_in: &SignedIn,
    status: StatusCode,
    wanted: &TokenForm,
    faults: &FormFaults,
) -> PageResult {
    let listing = Listing::of_path(request, "/account/")?;
    let tokens = state.service.tokens.list_own_tokens(&signed_in.account, listing.page).await?;
    let policy = &state.service.policy;
    let longest = policy.named_token_max_ttl.map(duration::text);
    let expires_in = Field::text("expires_in", "Expires in", &wanted.expires_in).with(faults);
    let scopes = |is_staff| if is_staff { "" } else { policy.user_scopes.as_str() };
    let scopes = scope::each(scopes(signed_in.is_staff()))
        .map(|name| (name.to_owned(), scope::has(&wanted.scope, name)))
        .collect();
    let any = "Separated by spaces; may be empty. With jeton:admin the token has your rights on jeton";
    let page = TokensPage {
        frame: signed_in.frame("Tokens", "tokens"),
        form_token: signed_in.form_token(),
        pager: listing.pager(tokens.count)?,
        tokens: tokens.results.into_iter().map(TokenRow::of).collect(),
        fault: faults.non_field(),
        name: Field::text("name", "Name", &wanted.name).required().hint("What it is for").with(faults),
        scopes,
        scope: signed_in.is_staff().then(|| Field::text("scope", "Scope", &wanted.scope).hint(any).with(faults)),
        scope_fault: faults.on("scope"),
        expires_in: match longest {
            Some(_) => expires_in.required(),
            None => expires_in.hint("Such as 12h or 90d; empty: never"),
        },
        longest,
        username: signed_in.user().username.clone(),
        password: Field::password("Your password", "current-password").required().with(faults),
    };
    Ok(html(status, &page))
}
