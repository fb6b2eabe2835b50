//! A user to be made.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::account::Account;
use super::form::FormFaults;
use super::page::{Answered, Frame, html, see_other};
use super::parts::{Field, user_link};
use super::visitor::{Visitor, posted, visitor};
use crate::domain::password::Password;
use crate::domain::user::NewUser;
use crate::http::AppState;

#[derive(Template)]
#[template(path = "console/new_user.html")]
struct NewUserPage {
    frame: Frame,
    form_token: String,
    fault: String,
    fields: Vec<Field>,
    account: Account,
    may_grant: bool,
}

/// The empty form.
pub async fn show(request: HttpRequest, state: web::Data<AppState>) -> Answered {
    let visitor = visitor(&request, &state).await?;
    Ok(page(&visitor, StatusCode::OK, Account::default(), &FormFaults::default()))
}

/// Makes the user.
pub async fn create(request: HttpRequest, payload: web::Payload, state: web::Data<AppState>) -> Answered {
    let (visitor, form) = posted(&request, payload, &state).await?;
    let account = Account::wanted(&form);
    let password = form.get("password");
    let wanted = account.clone();
    let user = NewUser {
        username: wanted.username,
        profile: wanted.profile,
        is_active: true,
        is_staff: wanted.is_staff,
        is_superuser: wanted.is_superuser,
        groups: wanted.groups,
        password: (!password.is_empty()).then(|| Password::new(password.to_owned())),
    };
    let made = state.service.accounts.create_user(user.into(), &visitor.caller);
    match visitor.once(&request, &form, &state, made).await? {
        Ok(user) => {
            visitor.notify(&state, format!("{} was made.", user.username)).await;
            Ok(see_other(&user_link(&user.username)))
        }
        Err(error) => Ok(page(&visitor, StatusCode::BAD_REQUEST, account, &FormFaults::of(error)?)),
    }
}

fn page(visitor: &Visitor, status: StatusCode, account: Account, faults: &FormFaults) -> HttpResponse {
    let mut fields = account.other_fields(faults);
    let hint = "At least 8 characters. Empty: the user cannot log in until a password is set";
    let password = Field::password("Password", "new-password").hint(hint).with(faults);
    let name = account.name_field(faults);
    fields.splice(0..0, [if faults.is_empty() { name.first() } else { name }, password]);
    let page = NewUserPage {
        frame: visitor.frame("New user", "users"),
        form_token: visitor.form_token(),
        fault: faults.elsewhere(),
        fields,
        account,
        may_grant: visitor.is_superuser(),
    };
    html(status, &page)
}
