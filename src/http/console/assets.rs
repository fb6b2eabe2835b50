//! The console's one style sheet, one script and one picture: part of the binary, kept long by browsers.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

use super::page::{Answered, Refusal};

/// A file that goes with the pages.
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    text: &'static str,
    hash: u64,
}

/// How everything looks.
pub const CSS: Asset = Asset::new("console", "css", "text/css; charset=utf-8", include_str!("assets/console.css"));
/// The conveniences.
pub const JS: Asset = Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("assets/console.js"));
/// In the browser's tab.
pub const ICON: Asset = Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg"));

impl Asset {
    const fn new(stem: &'static str, extension: &'static str, content_type: &'static str, text: &'static str) -> Self {
        Self { stem, extension, content_type, text, hash: fnv1a(text.as_bytes()) }
    }

    /// Where it is; another text is elsewhere, so that this one may be kept for ever.
    pub fn url(&self) -> String {
        format!("/console/assets/{}", self.name())
    }

    fn name(&self) -> String {
        format!("{}.{:016x}.{}", self.stem, self.hash, self.extension)
    }

    /// Whether a name is this file's, today's or another version's.
    fn is_named(&self, name: &str) -> bool {
        let hash = name.strip_prefix(self.stem).and_then(|rest| rest.strip_suffix(self.extension));
        let hash = hash.and_then(|rest| rest.strip_prefix('.')?.strip_suffix('.'));
        hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

/// Tells texts apart, no more; made at compile time.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// One of the files. While nodes are replaced, a page of the one asks the other: it gives what it has, not to be kept.
pub async fn asset(name: web::Path<String>) -> Answered {
    let asset = [CSS, JS, ICON].into_iter().find(|asset| asset.is_named(&name)).ok_or_else(Refusal::not_found)?;
    let keep = if *name == asset.name() { "public, max-age=31536000, immutable" } else { "no-store" };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, asset.content_type)).insert_header((CACHE_CONTROL, keep));
    Ok(answer.body(asset.text))
}
