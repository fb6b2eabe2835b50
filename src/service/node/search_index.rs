//! Creates the index for searches among users, if it is missing.

use crate::service::Node;

impl Node {
    /// Creates the index on a thread of its own, because it takes minutes when there are many users.
    pub fn make_search_index(&self) {
        let store = self.database.store.clone();
        let work = move || {
            if let Err(error) = store.make_search_index() {
                log::warn!("{error}");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("search-index".into()).spawn(work) {
            log::warn!(
                "searches among many users may be slow, because no thread can be started to create their index: {error}"
            );
        }
    }
}
