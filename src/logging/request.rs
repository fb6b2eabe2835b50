//! The current request: every line that is logged while it is served has its id.

use std::sync::{Arc, OnceLock};

// Log lines are written everywhere, from the store to other crates. Passing the id to all of them as a parameter is
// impossible for other crates and noise for the rest. The value is set only for the duration of one future or call.
tokio::task_local! {
    static CURRENT: RequestContext;
}

/// The request that log lines belong to: its id, and its caller once that is known.
#[derive(Clone, Debug)]
pub struct RequestContext(Arc<Facts>);

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

impl RequestContext {
    /// A request with the id that its answer has.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(Arc::new(Facts { id: id.into(), who: OnceLock::new() }))
    }

    /// The request that this task or thread serves.
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
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// Notes that the current request comes from this user, who is authenticated.
    pub fn set_user(username: &str) {
        Self::set_caller(|| Who::User(username.to_owned()));
    }

    /// Notes that the current request comes from this client, which is authenticated.
    pub fn set_client(client_id: &str) {
        Self::set_caller(|| Who::Client(client_id.to_owned()));
    }

    fn set_caller(who: impl FnOnce() -> Who) {
        // Outside a request there is nothing to note.
        let _ = CURRENT.try_with(|request| {
            request.0.who.get_or_init(who);
        });
    }

    /// The user it comes from, if any.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        if let Some(Who::User(username)) = self.0.who.get() { Some(username) } else { None }
    }

    /// The client it comes from, if any.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        if let Some(Who::Client(client_id)) = self.0.who.get() { Some(client_id) } else { None }
    }
}

/// Carries the current request to another thread: the returned closure runs `work` as part of it.
pub fn propagate<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let request = RequestContext::current();
    move || match request {
        Some(request) => request.run(work),
        None => work(),
    }
}
