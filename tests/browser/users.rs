//! A user is created, changed and deleted by clicking and typing.

use super::{PASSWORD, in_use};
use crate::support::app::ADMIN;
use crate::support::browser::Browser;

fn shown(browser: &Browser) -> String {
    browser.run("return document.querySelector('#secret').value").as_str().unwrap().to_owned()
}

#[test]
fn a_user_is_created_changed_locked_out_and_deleted() {
    let app = in_use();
    let browser = Browser::on(&app);
    browser.sign_in(ADMIN);
    browser.click("Users");
    browser.click("New user");
    browser.fill("Username", "ada");
    browser.click("Save");
    browser.sees("A user with that username already exists.");
    browser.until("return document.activeElement.id == 'username'");
    browser.fill("Username", "mary");
    browser.fill("Password", "mary");
    browser.click("Save");
    browser.sees("The password is too similar to the username.");
    browser.until("return document.activeElement.id == 'password'");
    browser.fill("Password", PASSWORD);
    browser.click_at("//fieldset[legend='Groups']//label[normalize-space()='billing']");
    browser.click("Save");
    browser.sees("mary was created.");
    let key = app.login("mary", PASSWORD);

    browser.click("Account");
    browser.fill("First name", "Mary");
    browser.click("Save");
    browser.sees("Saved.");
    browser.click("Tokens");
    browser.click("Regenerate");
    browser.sees("The new login key");
    let new = shown(&browser);
    assert!(app.is_good(&new) && !app.is_good(&key));
    browser.tools(
        "Browser.grantPermissions",
        &serde_json::json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] }),
    );
    browser.click("Copy");
    browser.sees("Copied.");
    assert_eq!(browser.run_async("navigator.clipboard.readText().then(arguments[0])"), new.as_str());

    browser.click("Back to mary");
    browser.fill("Name", "ci");
    browser.fill("Expires in", "90d");
    browser.click("New token");
    browser.sees("The key of ci");
    let named = shown(&browser);
    browser.click("Back to mary");
    browser.click_at("//tr[contains(., 'ci')]//button[normalize-space()='Revoke']");
    browser.sees("The token is revoked.");
    assert!(!app.is_good(&named) && app.is_good(&new));

    browser.click("Deactivate");
    browser.sees("mary is deactivated");
    assert!(!app.is_good(&new));
    browser.click("Activate");
    browser.sees("mary is active again.");
    browser.click("Set password");
    browser.fill("Password", "123");
    browser.click("Set password");
    browser.sees("This password is too short.");
    browser.until("const box = document.activeElement.getBoundingClientRect(); return document.activeElement.id == 'password' && box.top > 0 && box.bottom < innerHeight");
    browser.fill("Password", "another lantern in a fog");
    browser.click("Set password");
    browser.sees("The password is set.");
    app.login("mary", "another lantern in a fog");

    browser.click("Activity");
    browser.sees("password set");
    browser.click("Delete");
    browser.sees("Delete mary?");
    browser.click("Delete");
    browser.sees("mary was deleted.");
    browser.click("Audit");
    browser.sees("user deleted");
    browser.click("Sign out");
    browser.sees("For staff.");
    browser.open("/console/audit");
    browser.sees("For staff.");
    browser.assert_clean();
}
