//! A client's whole life, by clicking and typing.

use super::in_use;
use crate::support::app::{ADMIN, App};
use crate::support::browser::Browser;
use crate::support::http::Request;

fn status(app: &App, secret: &str) -> u16 {
    app.send(Request::new("POST", "/introspect").basic("billing", secret).form(&[("token", "x")])).status
}

fn shown(browser: &Browser) -> String {
    browser.sees("The secret is shown this once");
    browser.run("return document.querySelector('#secret').value").as_str().unwrap().to_owned()
}

#[test]
fn a_client_is_registered_rotated_and_deleted() {
    let app = in_use();
    let browser = Browser::on(&app);
    browser.sign_in(ADMIN);
    browser.click("Clients");
    browser.click("New client");
    browser.fill("Client id", "a:b");
    browser.click("Save");
    browser.sees("Enter a valid client id");
    browser.fill("Client id", "billing");
    browser.click("Save");
    let first = shown(&browser);
    assert_eq!(status(&app, &first), 200);
    browser.click("Back to Clients");
    browser.click_at("//tr[contains(., 'billing')]//button[normalize-space()='Rotate']");
    browser.sees("the old one is dead");
    let second = shown(&browser);
    assert_eq!((status(&app, &first), status(&app, &second)), (401, 200));
    browser.click("Back to Clients");
    browser.click_at("//tr[contains(., 'billing')]//button[normalize-space()='Delete']");
    browser.sees("Delete billing?");
    browser.click("Cancel");
    browser.click_at("//tr[contains(., 'billing')]//button[normalize-space()='Delete']");
    browser.sees("Delete billing?");
    browser.click("Delete");
    browser.sees("billing was deleted.");
    assert_eq!(status(&app, &second), 401);
    browser.assert_clean();
}
