//! The console's style sheet, script and icon. They are part of the binary, and browsers cache them for a year.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

use super::page::{PageResult, Refusal};
use crate::http::extract::Anyone;

/// A static file of the console.
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    text: &'static str,
    hash: u64,
}

/// The style sheet.
pub const CSS: Asset = Asset::new("console", "css", "text/css; charset=utf-8", include_str!("assets/console.css"));
/// The script. All pages work without it.
pub const JS: Asset = Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("assets/console.js"));
/// The icon.
pub const ICON: Asset = Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg"));

impl Asset {
    const fn new(stem: &'static str, extension: &'static str, content_type: &'static str, text: &'static str) -> Self {
        Self { stem, extension, content_type, text, hash: fnv1a(text.as_bytes()) }
    }

    /// Its URL for the pages below `root`: who may open these can also load it. It contains a hash of the content, so that
    /// browsers may cache it for ever.
    pub fn url(&self, root: &str) -> String {
        format!("{root}/assets/{}", self.name())
    }

    fn name(&self) -> String {
        format!("{}.{:016x}.{}", self.stem, self.hash, self.extension)
    }

    /// Whether a name belongs to this file, in this or another version.
    fn is_named(&self, name: &str) -> bool {
        let hash = name.strip_prefix(self.stem).and_then(|rest| rest.strip_suffix(self.extension));
        let hash = hash.and_then(|rest| rest.strip_prefix('.')?.strip_suffix('.'));
        hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

/// A hash that only tells texts apart, computed at compile time.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Serves a file. During an upgrade a page of one version may ask a node of another version: that one answers with its
/// own file and `no-store`.
pub async fn asset(_: Anyone, name: web::Path<String>) -> PageResult {
    let asset = [CSS, JS, ICON].into_iter().find(|asset| asset.is_named(&name)).ok_or_else(Refusal::not_found)?;
    let caching = if *name == asset.name() { "public, max-age=31536000, immutable" } else { "no-store" };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, asset.content_type)).insert_header((CACHE_CONTROL, caching));
    Ok(answer.body(asset.text))
}
