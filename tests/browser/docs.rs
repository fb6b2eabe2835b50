//! `/docs/` in a real browser, with its Content-Security-Policy: it shows the API, and requests can be sent.

use crate::support::app::{App, Kind};
use crate::support::browser::Browser;

/// XPaths of elements that the page's script creates.
const TO_SIGN_IN: &str = "//button[contains(@class,'authorize')][normalize-space()='Authorize']";
const KEY: &str = "//input[@aria-label='auth-bearer-value']";
const SIGN_IN: &str =
    "//div[@class='auth-container'][.//input[@aria-label='auth-bearer-value']]//button[@type='submit']";
const ME: &str = "//*[@id='operations-Login-me']//button[contains(@class,'opblock-summary-control')]";

#[test]
fn an_operation_can_be_tried_with_a_token_and_no_other_host_is_called() {
    let app = App::start(Kind::Sqlite);
    let key = app.admin_token();
    for path in ["/docs/", "/docs"] {
        let browser = Browser::on(&app);
        browser.open(path);
        browser.sees("Revoke all login tokens of the caller");
        browser.click_at(TO_SIGN_IN);
        browser.click_at(KEY);
        browser.press(&key);
        browser.click_at(SIGN_IN);
        browser.click("Close");
        browser.click_at(ME);
        browser.click("Execute");
        browser.sees("\"username\": \"admin\"");
        browser.assert_clean();
    }
}
