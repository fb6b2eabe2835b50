//! A client is registered, rotated and deleted by clicking and typing.

use super::in_use;
use crate::support::app::{ADMIN, App};
use crate::support::browser::Browser;
use crate::support::http::Request;

fn status(app: &App, secret: &str) -> u16 {
    app.send(Request::new("POST", "/introspect").basic("billing", secret).form(&[("token", "x")])).status
}

fn shown(browser: &Browser) -> String {
    browser.sees("The secret is shown only once");
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
    browser.sees("Rotate the secret of billing?");
    browser.click("Cancel");
    browser.click_at("//tr[contains(., 'billing')]//button[normalize-space()='Rotate']");
    browser.sees("Rotate the secret of billing?");
    browser.choose("The old secret expires", "in an hour");
    browser.click("Rotate");
    browser.sees("the old one stays valid until");
    let middle = shown(&browser);
    assert_eq!((status(&app, &first), status(&app, &middle)), (200, 200));
    browser.open("/console/clients/@billing/rotate");
    browser.click("Rotate");
    browser.sees("the old one no longer works");
    let second = shown(&browser);
    assert_eq!([&first, &middle, &second].map(|secret| status(&app, secret)), [401, 401, 200]);
    browser.reload();
    browser.sees("This form was sent already");
    assert_eq!(status(&app, &second), 200, "a reload does not rotate again");
    browser.open("/console/clients");
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

/// The answer to each form shows a secret once. A reload of the answer does not create another secret.
#[test]
fn a_reload_creates_nothing_again() {
    let app = in_use();
    let browser = Browser::on(&app);
    browser.sign_in(ADMIN);
    let counts = || app.sql("select (select count(*) from tokens), (select count(*) from clients)");
    browser.open("/console/users/@ada");
    browser.click("Regenerate");
    browser.sees("The new login key");
    let key = browser.run("return document.querySelector('#secret').value").as_str().unwrap().to_owned();
    let before = counts();
    browser.reload();
    browser.sees("This form was sent already");
    assert!(counts() == before && app.is_good(&key));
    browser.open("/console/users/@ada");
    browser.fill("Name", "nightly");
    browser.click("New token");
    browser.sees("The key of nightly");
    let before = counts();
    browser.reload();
    browser.sees("This form was sent already");
    assert_eq!(counts(), before);
    browser.open("/console/clients/new");
    browser.fill("Client id", "billing");
    browser.click("Save");
    let secret = shown(&browser);
    browser.reload();
    browser.sees("This form was sent already");
    assert_eq!(status(&app, &secret), 200);
    browser.open("/console/users/new");
    browser.fill("Username", "newcomer");
    // Two clicks count as one: the second would be refused, and hide the result of the first.
    browser.run("const save = [...document.querySelectorAll('button')].find(b => b.innerText === 'Save'); save.click(); save.click()");
    browser.sees("newcomer was created.");
    browser.assert_clean();
}

/// After going back, the page has a new form, which can be sent.
#[test]
fn after_going_back_a_form_can_be_sent_again() {
    let app = in_use();
    let browser = Browser::on(&app);
    browser.sign_in(ADMIN);
    let key = || browser.run("return document.querySelector('#secret').value").as_str().unwrap().to_owned();
    browser.open("/console/users/@ada");
    browser.click("Regenerate");
    browser.sees("The new login key");
    let first = key();
    browser.back();
    browser.until("return document.querySelector('#secret') === null && document.readyState === 'complete'");
    browser.click("Regenerate");
    browser.sees("The new login key");
    assert!(!app.is_good(&first) && app.is_good(&key()));
    browser.assert_clean();
}
