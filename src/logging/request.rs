//! The request that is served just now: whatever is logged meanwhile carries its id.

use std::sync::{Arc, OnceLock};

// A line is written where something happens, from the store to a crate of others; to hand the id to all of them as a
// parameter is impossible for the last and noise for the rest. It is set for the length of a future or a call only.
tokio::task_local! {
    static CURRENT: Request;
}

/// What lines of a request say of it.
#[derive(Clone, Debug)]
pub struct Request(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    id: Box<str>,
    who: OnceLock<Who>,
}

#[derive(Debug)]
enum Who {
    User(String),
    Client(String),
}

impl Request {
    /// With the id that its answer has.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(Arc::new(Facts { id: id.into(), who: OnceLock::new() }))
    }

    /// The one that is served here and now.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Runs `work` as part of it.
    pub async fn serve<T>(&self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), work).await
    }

    /// Runs `work` as part of it, on this thread.
    pub fn within<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// Notes that the request of now is this user's, who has proved it.
    pub fn is_of_user(username: &str) {
        Self::is_of(|| Who::User(username.to_owned()));
    }

    /// Notes that the request of now is this client's, which has proved it.
    pub fn is_of_client(client_id: &str) {
        Self::is_of(|| Who::Client(client_id.to_owned()));
    }

    fn is_of(who: impl FnOnce() -> Who) {
        // Outside a request nobody asks who it is.
        let _ = CURRENT.try_with(|request| {
            request.0.who.get_or_init(who);
        });
    }

    /// Whose it is, if a user's.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        if let Some(Who::User(username)) = self.0.who.get() { Some(username) } else { None }
    }

    /// Whose it is, if a client's.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        if let Some(Who::Client(client_id)) = self.0.who.get() { Some(client_id) } else { None }
    }
}

/// Carries the request of now to another thread: what it gives runs `work` as part of it.
pub fn carried<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let request = Request::current();
    move || match request {
        Some(request) => request.within(work),
        None => work(),
    }
}
