//! Tokens behind other keywords than the project's: what it passes over is expected to differ, and nothing else.

use super::{LIMIT, Package, Site};
use crate::on_both;
use crate::support::eventually;
use crate::support::http::Request;

const KEYWORDS: &str = "JETON_AUTH_KEYWORDS";

fn get(site: &Site, path: &str, authorization: &str) -> u16 {
    site.send(Request::new("GET", path).header("Authorization", authorization)).status
}

on_both! {
    fn a_keyword_that_the_project_passes_over_is_named_so(db) {
        let site = Site::with(db, Package::Drf, &[(KEYWORDS, "Token,Bearer")]);
        site.revoke_here("user2");
        let (good, revoked) = (site.project.key("user0"), site.project.key("user2"));
        assert_eq!(get(&site, "/me/", &format!("bearer {good}")), 401);
        site.reported(1);
        // A view for everybody does not look at the token at all.
        assert_eq!(get(&site, "/open/", &format!("Bearer {revoked}")), 200);
        // Nor does jeton take this keyword.
        assert_eq!(get(&site, "/me/", &format!("JWT {good}")), 401);
        let (summary, report) = site.stop();
        let explained: Vec<&str> = report.iter().map(|line| line["explained"].as_str().unwrap()).collect();
        assert_eq!(explained, ["other_keyword"; 2], "{report:#?}");
        assert_eq!((summary.compared, summary.equal, summary.different), (3, 1, 0));
    }

    fn a_keyword_that_the_project_takes_hides_no_difference(db) {
        let site = Site::with(db, Package::Drf, &[(KEYWORDS, "Bearer,Token")]);
        site.revoke_here("user2");
        assert_eq!(get(&site, "/me/", &format!("Token {}", site.project.key("user0"))), 200);
        assert_eq!(get(&site, "/me/", &format!("Token {}", site.project.key("user2"))), 200);
        assert_eq!(get(&site, "/me/", &format!("Token {}", "f".repeat(40))), 401);
        eventually("the differences", LIMIT, || (site.report().len() == 2).then_some(()));
        let (summary, report) = site.stop();
        assert!(report.iter().all(|line| line["explained"].is_null()), "{report:#?}");
        assert_eq!((summary.compared, summary.equal, summary.different), (3, 1, 2));
    }
}
