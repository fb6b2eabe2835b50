//! Every page, light and dark and narrow: axe finds no serious fault, nothing overflows, no other host is called.
//! With SCREENSHOTS=<folder>, the test saves a picture of each page there.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::{PASSWORD, in_use};
use crate::support::app::{ADMIN, App};
use crate::support::browser::Browser;
use crate::support::python::Environment;

const AXE: [&str; 2] = ["axe-playwright-python==0.1.8", "--no-deps"];

const PAGES: [(&str, &str); 22] = [
    ("overview", "/console/"),
    ("users", "/console/users"),
    ("nobody", "/console/users?search=zzz"),
    ("user", "/console/users/@ada"),
    ("filtered", "/console/users?is_active=false&logins=never"),
    ("activity", "/console/users/@ada/activity"),
    ("account", "/console/users/@ada/account"),
    ("token", "/console/users/@ada/tokens/1"),
    ("tokens", "/console/tokens?show=unused"),
    ("check", "/console/explain"),
    ("groups", "/console/groups"),
    ("group", "/console/groups/@billing"),
    ("staff", "/console/users/@admin"),
    ("new-user", "/console/users/new"),
    ("delete", "/console/users/@ada/delete"),
    ("bulk", "/console/users/bulk?do=deactivate&all=matching&search=example.org"),
    ("right-to-left", "/console/users/@%D7%99%D7%A2%D7%9C"),
    ("clients", "/console/clients"),
    ("new-client", "/console/clients/new"),
    ("rotate", "/console/clients/@demo/rotate"),
    ("audit", "/console/audit"),
    ("none", "/console/nothing"),
];

pub struct PageChecker {
    pub browser: Browser,
    axe: String,
}

impl PageChecker {
    pub fn on(app: &App) -> Self {
        Self { browser: Browser::on(app), axe: Environment::of(&AXE).file("axe_playwright_python/axe.min.js") }
    }

    /// Checks the open page in each appearance.
    #[track_caller]
    pub fn check(&self, name: &str) {
        for (way, dark, width) in [("light", false, 1200), ("dark", true, 1200), ("narrow", false, 390)] {
            self.browser.dark(dark);
            self.browser.resize(width, 844);
            let room = self.browser.run("return [document.scrollingElement.scrollWidth, innerWidth]");
            assert!(room[0].as_u64() <= room[1].as_u64(), "{name}, {way}: {room}");
            self.assert_accessible(&format!("{name}, {way}"));
            if let Some(folder) = std::env::var_os("SCREENSHOTS") {
                let height = self.browser.run("return Math.min(2600, document.documentElement.scrollHeight)");
                self.browser.resize(width, u32::try_from(height.as_u64().unwrap()).unwrap());
                let picture = BASE64_STANDARD.decode(self.browser.picture()).unwrap();
                fs::write(Path::new(&folder).join(format!("{name}-{way}.png")), picture).unwrap();
            }
        }
        self.browser.resize(1200, 900);
        self.browser.assert_clean();
    }

    #[track_caller]
    fn assert_accessible(&self, what: &str) {
        if self.browser.run("return typeof axe") != "object" {
            self.browser.run(&self.axe);
        }
        let found = self.browser.run_async(
            "const done = arguments[0]; axe.run({ resultTypes: ['violations'] }).then(found => done({ \
             passed: found.passes.length, \
             bad: found.violations.filter(one => ['serious', 'critical'].includes(one.impact)) \
             .map(one => one.id + ': ' + one.nodes.map(node => node.html + ' ' + node.failureSummary).join('; ')) }))",
        );
        assert!(found["passed"].as_u64().unwrap() > 5, "{what}: axe has run: {found}");
        assert_eq!(found["bad"], Value::Array(Vec::new()), "{what}");
    }
}

#[test]
fn the_sign_in_page_is_accessible() {
    let app = in_use();
    let checker = PageChecker::on(&app);
    checker.browser.open("/console/");
    checker.check("sign-in");
    checker.browser.fill("Username", "ada");
    checker.browser.fill("Password", PASSWORD);
    checker.browser.click("Sign in");
    checker.browser.sees("Please enter the correct username and password");
    checker.browser.assert_clean();
}

#[test]
fn every_page_behind_the_sign_in_is_accessible() {
    let app = in_use();
    let checker = PageChecker::on(&app);
    checker.browser.sign_in(ADMIN);
    for (name, path) in PAGES {
        checker.browser.open(path);
        checker.check(name);
    }
    checker.browser.open("/console/users/@ada");
    checker.browser.click("Regenerate");
    checker.browser.sees("The new login key");
    checker.check("secret");
}
