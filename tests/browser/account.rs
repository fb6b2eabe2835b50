//! A user is invited, signs in, makes and revokes a token, and changes their name and password, by clicking and typing.

use serde_json::json;

use super::access::PageChecker;
use super::{PASSWORD, in_use};
use crate::support::app::{ADMIN, App};
use crate::support::browser::Browser;

const FIRST: &str = "another lantern in a fog";
const SECOND: &str = "seven herons on the quay";

const PAGES: [(&str, &str); 4] = [
    ("account-tokens", "/account/"),
    ("account-password", "/account/password"),
    ("account-profile", "/account/profile"),
    ("account-none", "/account/nothing"),
];

fn sign_in(browser: &Browser, username: &str, password: &str) {
    browser.fill("Username", username);
    browser.fill("Password", password);
    browser.click("Sign in");
    browser.sees("Sign out");
}

fn link(app: &App, username: &str) -> String {
    let answer = app.post(&format!("/admin/users/{username}/password-link"), &app.admin_token(), &json!({}));
    answer.json()["url"].as_str().unwrap().to_owned()
}

fn shown(browser: &Browser) -> String {
    browser.run("return document.querySelector('#secret').value").as_str().unwrap().to_owned()
}

#[test]
fn a_user_follows_an_invitation_and_looks_after_their_account() {
    let app = in_use();
    let staff = Browser::on(&app);
    staff.sign_in(ADMIN);
    staff.open("/console/users/new");
    staff.fill("Username", "mary");
    staff.click("Save");
    staff.click("Account");
    staff.choose("The link is good for", "a day");
    staff.click("Password link");
    staff.sees("A password link for mary");
    let link = shown(&staff);
    staff.assert_clean();

    let browser = Browser::on(&app);
    browser.open_url(&link);
    browser.sees("For mary.");
    browser.fill("New password", "mary");
    browser.fill("New password, again", "mary");
    browser.click("Set password");
    browser.sees("The password is too similar to the username.");
    browser.until("return document.activeElement.id == 'password'");
    browser.fill("New password", FIRST);
    browser.fill("New password, again", FIRST);
    browser.click("Set password");
    browser.sees("The new password is set. Sign in with it.");
    assert_eq!(browser.run("return document.referrer"), "", "the link's path goes nowhere");
    sign_in(&browser, "mary", FIRST);
    assert_eq!(browser.path(), "/account/");

    let key = app.login("mary", FIRST);
    browser.fill("Name", "ci");
    browser.click_at("//label[normalize-space()='reports:read']");
    browser.fill("Expires in", "90d");
    browser.fill("Your password", FIRST);
    browser.click("New token");
    browser.sees("The key of ci");
    let named = shown(&browser);
    assert_eq!(app.introspect(&named)["scope"], "reports:read");
    browser.click("Back to your tokens");
    browser.click_at("//tr[contains(., 'Login token')]//button[normalize-space()='Revoke']");
    browser.sees("The token is revoked.");
    assert!(!app.is_good(&key) && app.is_good(&named));

    browser.click("Profile");
    browser.fill("First name", "Mary");
    browser.click("Save");
    browser.sees("Saved.");
    browser.click("Password");
    browser.fill("Current password", FIRST);
    browser.fill("New password", SECOND);
    browser.fill("New password, again", SECOND);
    browser.click("Change password");
    browser.sees("The new password is set. Sign in with it.");
    sign_in(&browser, "mary", SECOND);
    browser.click("Sign out");
    browser.sees("Sign in");
    browser.assert_clean();

    browser.open("/");
    browser.sees("See your tokens, and change your password or your name.");
    assert_eq!(browser.path(), "/account/sign-in");
    staff.open("/");
    staff.sees("Logins in the last 24 hours");
    assert_eq!(staff.path(), "/console/");
}

#[test]
fn every_page_of_ones_own_account_is_accessible() {
    let app = in_use();
    let checker = PageChecker::on(&app);
    checker.browser.open_url(&link(&app, "edsger"));
    checker.check("account-link");
    checker.browser.open("/account/password/0");
    checker.check("account-old-link");
    checker.browser.open("/account/");
    checker.check("account-sign-in");
    sign_in(&checker.browser, "ada", PASSWORD);
    for (name, path) in PAGES {
        checker.browser.open(path);
        checker.check(name);
    }
    checker.browser.open("/account/");
    checker.browser.fill("Name", "ci");
    checker.browser.fill("Your password", "wrong");
    checker.browser.click("New token");
    checker.browser.sees("Your password was entered incorrectly.");
    checker.check("account-refused");
    checker.browser.fill("Your password", PASSWORD);
    checker.browser.click("New token");
    checker.browser.sees("The key of ci");
    checker.check("account-secret");
    checker.browser.click("Sign out");
    checker.browser.sees("Sign in");
    sign_in(&checker.browser, "grace", PASSWORD);
    checker.browser.sees("Console");
    checker.check("account-staff");
}
