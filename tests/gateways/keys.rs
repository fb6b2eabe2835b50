//! Keys that do not stand in `Authorization` behind a keyword, through each gateway.

use super::gateway::Kind;
use super::{NONE, Site};
use crate::behind_each;
use crate::support::app::ADMIN;
use crate::support::http::{Request, base64};

behind_each! {
    fn a_key_as_the_password_of_basic_which_the_refusal_asks_for(gateway) {
        let site = Site::with(gateway, &[("JETON_KEY_BASIC", "true")]);
        let key = site.jeton.admin_token();
        let credentials = base64(format!("anybody:{key}").as_bytes());
        let request = Request::new("GET", "/things").header("Authorization", format!("Basic {credentials}"));
        assert_eq!(site.gateway.send(request).status, 200);
        let received = site.service.received();
        assert_eq!(received[0].headers_named("X-Auth-User"), [ADMIN.0]);
        assert!(!format!("{received:?}").contains(&credentials));
        let refused = site.gateway.send(Request::new("GET", "/things"));
        assert_eq!((refused.status, &refused.json()["detail"]), (401, &NONE.into()));
        let challenges = refused.headers_named("WWW-Authenticate");
        assert!(challenges.iter().any(|challenge| challenge == "Basic realm=\"jeton\""), "{challenges:?}");
    }

    fn a_key_in_a_header_of_its_own(gateway) {
        // Envoy passes on what its configuration names; its README says where.
        if gateway == Kind::Envoy {
            return;
        }
        let site = Site::with(gateway, &[("JETON_KEY_HEADERS", "X-Api-Key")]);
        let key = site.jeton.admin_token();
        assert_eq!(site.gateway.send(Request::new("GET", "/things").header("X-Api-Key", &key)).status, 200);
        assert_eq!(site.service.received()[0].headers_named("X-Auth-User"), [ADMIN.0]);
        let two = Request::new("GET", "/things").header("X-Api-Key", &key).token(&"0".repeat(40));
        assert_eq!(site.gateway.send(two).status, 401);
        assert!(site.service.received().is_empty());
    }
}
