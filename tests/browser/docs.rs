//! `/docs/` in a real browser, with its Content-Security-Policy: it shows the API, and requests can be sent.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

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

/// How light a colour is, from 0 to 1. Behind what is transparent the page is white.
const LIGHTNESS: &str = "const lightness = (selector, name) => { \
    const [r, g, b, a] = getComputedStyle(document.querySelector(selector))[name].match(/[0-9.]+/g).map(Number); \
    return a === 0 ? 1 : (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255; };";

#[test]
fn the_page_is_dark_where_the_system_is() {
    let app = App::start(Kind::Sqlite);
    let browser = Browser::on(&app);
    for dark in [true, false, true] {
        browser.dark(dark);
        if dark {
            browser.open("/docs/");
        } else {
            // It follows a change, too, without a reload.
            browser.until("return !document.documentElement.classList.contains('dark-mode')");
        }
        browser.sees("Revoke all login tokens of the caller");
        for (selector, name, is_text) in [
            ("html", "backgroundColor", false),
            (".swagger-ui .info .title", "color", true),
            (".swagger-ui .opblock-summary-description", "color", true),
            (".swagger-ui .opblock-summary-path", "color", true),
        ] {
            let light = browser.run(&format!("{LIGHTNESS} return lightness('{selector}', '{name}')")).as_f64().unwrap();
            assert_eq!(light > 0.5, dark == is_text, "{selector}, {name}, dark {dark}: {light}");
        }
        if let Some(folder) = std::env::var_os("SCREENSHOTS") {
            let picture = BASE64_STANDARD.decode(browser.picture()).unwrap();
            let name = if dark { "docs-dark.png" } else { "docs-light.png" };
            std::fs::write(std::path::Path::new(&folder).join(name), picture).unwrap();
        }
    }
    browser.assert_clean();
}
