//! Sends jeton the requests that Django has answered, compares both answers, and reports the differences.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::job::Job;
use super::keys::{Keys, jetons};
use super::{Header, latin1};
use crate::domain::shadow::{About, Answer, Explained, Facts, differences, key_in};
use crate::domain::token::Token;
use crate::http::edge::request_id::context_of;
use crate::http::oauth::paths;
use crate::http::options::LOGIN_PATH;
use crate::service::{AuthenticationFault, Differing, Error, Reason, Service, ShadowReport, Superuser};
use crate::upstream::{Forward, Outgoing, whole};

/// How long jeton may take to answer. Nobody waits for it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests to jeton at once.
const AT_ONCE: u32 = 16;

/// The largest answer of jeton's that is read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

const AUTHORIZATION: &str = "authorization";

/// Headers that are not sent to jeton, for example because it needs no cookies and is to compress nothing.
const NOT_ASKED_WITH: [&str; 5] = ["accept-encoding", "cookie", "expect", "host", "x-request-id"];

/// Headers that describe a body. A check is sent without a body.
const OF_BODY: [&str; 2] = ["content-type", "content-encoding"];

/// jeton's own paths, apart from the login's. The project may use other paths.
const LOGOUT: &str = "/logout/";
const LOGOUTALL: &str = "/logoutall/";

/// Asks jeton.
pub struct Asker {
    jeton: Forward,
    service: Service,
    caller: Superuser,
    keys: RefCell<Keys>,
    /// Keywords that jeton takes and the project passes over, as its answers have shown.
    passed_over: RefCell<BTreeSet<String>>,
    report: Arc<ShadowReport>,
}

/// Sends jeton the requests of all jobs, and returns when the last one is answered. A request that ends tokens is sent
/// alone, after all requests before it are answered, so that jeton gets it in the same order as Django.
pub async fn ask_all(asker: Rc<Asker>, mut jobs: Receiver<Option<Job>>) {
    let permits = Arc::new(Semaphore::new(AT_ONCE as usize));
    let take = |count| {
        let permits = Arc::clone(&permits);
        async move { permits.acquire_many_owned(count).await.expect("nobody closes it") }
    };
    while let Some(Some(job)) = jobs.recv().await {
        if job.about.ends_tokens() {
            let all: OwnedSemaphorePermit = take(AT_ONCE).await;
            asker.ask(job, None).await;
            drop(all);
            continue;
        }
        let permit = take(1).await;
        let given = asker.begin(&job);
        let asker = Rc::clone(&asker);
        actix_web::rt::spawn(async move {
            asker.ask(job, given).await;
            drop(permit);
        });
    }
    drop(take(AT_ONCE).await);
}

impl Asker {
    /// Sends requests to `jeton`, and looks up in its `service` why it refused a token.
    #[must_use]
    pub fn new(jeton: Forward, service: Service, caller: Superuser, report: Arc<ShadowReport>) -> Self {
        Self { jeton, service, caller, keys: RefCell::default(), passed_over: RefCell::default(), report }
    }

    /// Notes the key of a login, before jeton is asked: checks with it may already wait.
    fn begin(&self, job: &Job) -> Option<watch::Sender<Option<Token>>> {
        let key = given_key(job.about, &job.django)?;
        Some(self.keys.borrow_mut().begin(&key))
    }

    /// Asks jeton, and reports the differences. A key that jeton's login gives is sent to `given`: checks wait for it.
    async fn ask(&self, job: Job, given: Option<watch::Sender<Option<Token>>>) {
        let context = context_of(&job.id);
        context.serve(self.ask_and_compare(&job, given)).await;
    }

    async fn ask_and_compare(&self, job: &Job, given: Option<watch::Sender<Option<Token>>>) {
        let key = self.jetons_key(job).await;
        let jeton = match timeout(ANSWER_TIMEOUT, self.answer(job, key.as_ref())).await {
            Ok(Ok(answer)) if answer.status < 500 => answer,
            Ok(Ok(answer)) => return self.report.unanswered(job.about, &format!("status {}", answer.status)),
            Ok(Err(error)) => return self.report.unanswered(job.about, &error.to_string()),
            Err(_) => return self.report.unanswered(job.about, "too late"),
        };
        if let (Some(given), Some(ours)) = (given, given_key(job.about, &jeton))
            && given_key(job.about, &job.django).is_some_and(|theirs| theirs != ours)
        {
            // Perhaps no check waits for the key.
            let _ = given.send(Some(ours));
        }
        let found = differences(job.about, job.method == Method::HEAD, &job.django, &jeton, &job.secrets);
        if found.is_empty() {
            return self.report.equal();
        }
        let reason = self.reason(key.as_ref().map(Token::expose).or(job.key.as_deref())).await;
        let facts = Facts {
            has_authorization: job.has_authorization,
            is_passed_over: self.is_passed_over(job),
            is_long: job.body.is_none(),
            is_user_unknown: self.is_unknown(job.username.as_deref()).await,
            is_token_unknown: reason == Some(Reason::Unknown.as_str()),
        };
        self.report.different(&Differing {
            about: job.about,
            id: job.id.to_str().unwrap_or_default(),
            method: job.method_name,
            path: &job.path,
            django: &job.django,
            jeton: &jeton,
            reason,
            explained: Explained::of(job.about, &job.django, &jeton, facts),
            differences: found,
            secrets: &job.secrets,
        });
    }

    /// Whether the project did not look at the token, because it stands behind another keyword. An answer as to a request
    /// without a token shows which keywords those are; another refusal, if it has words, shows that it did look.
    fn is_passed_over(&self, job: &Job) -> bool {
        let Some(keyword) = &job.other_keyword else { return false };
        let mut passed_over = self.passed_over.borrow_mut();
        if job.django.detail() == Some(AuthenticationFault::Missing.to_string()) {
            passed_over.insert(keyword.clone());
            return true;
        }
        if job.django.status == 401 { job.method == Method::HEAD } else { passed_over.contains(keyword) }
    }

    /// The key of jeton's that stands for the one in the request.
    async fn jetons_key(&self, job: &Job) -> Option<Token> {
        let key = Token::parse(job.key.as_deref()?, None)?;
        let known = self.keys.borrow().find(&key)?;
        jetons(known).await
    }

    async fn answer(&self, job: &Job, key: Option<&Token>) -> io::Result<Answer> {
        let body = match (job.about, &job.body) {
            (About::Login, None) => return Ok(Answer { status: 413, ..Answer::default() }),
            (About::Check, _) | (_, None) => Bytes::new(),
            (_, Some(body)) => body.clone(),
        };
        let (method, path) = match job.about {
            About::Login => (job.method.as_str(), LOGIN_PATH),
            About::Logout => (job.method.as_str(), LOGOUT),
            About::Logoutall => (job.method.as_str(), LOGOUTALL),
            About::Check => ("GET", paths::VERIFY),
        };
        let is_asked_with =
            |name: &str| !(NOT_ASKED_WITH.contains(&name) || job.about == About::Check && OF_BODY.contains(&name));
        let mut headers: Vec<Header> = job.headers.iter().filter(|(name, _)| is_asked_with(name)).cloned().collect();
        headers.push(("x-request-id".into(), job.id.as_bytes().to_vec()));
        if let Some(key) = key {
            let authorization = replaced(&headers, key);
            headers.retain(|(name, _)| name != AUTHORIZATION);
            headers.push((AUTHORIZATION.into(), authorization));
        }
        let body = (!body.is_empty()).then(|| {
            headers.push(("content-length".into(), body.len().to_string().into_bytes()));
            stream::iter([Ok(body)]).boxed_local()
        });
        let request = Outgoing { method: method.into(), target: path.into(), headers, body };
        let answer = self.jeton.send(request).await?;
        let headers = answer.headers.into_iter().map(|(name, value)| (name, latin1(&value))).collect();
        Ok(Answer { status: answer.status, headers, body: Some(whole(answer.body, MAX_ANSWER).await?) })
    }

    /// Why jeton does not take a key.
    async fn reason(&self, key: Option<&str>) -> Option<&'static str> {
        let explanation = self.service.tokens.explain(key?, &self.caller).await.ok()?;
        explanation.reason.map(Reason::as_str)
    }

    async fn is_unknown(&self, username: Option<&str>) -> bool {
        let Some(username) = username else { return false };
        matches!(self.service.accounts.user(username, &self.caller).await, Err(Error::NotFound))
    }
}

/// The key that a login gave.
fn given_key(about: About, answer: &Answer) -> Option<Token> {
    let is_login = about == About::Login && (200..300).contains(&answer.status);
    let body = answer.body.as_ref().filter(|_| is_login)?;
    Token::parse(&key_in(body)?, None)
}

/// `Authorization` with another key behind its keyword.
fn replaced(headers: &[Header], key: &Token) -> Vec<u8> {
    let sent = headers.iter().find(|(name, _)| name == AUTHORIZATION).map(|(_, value)| latin1(value));
    let keyword = sent.as_deref().and_then(|value| value.split_whitespace().next()).unwrap_or_default();
    format!("{keyword} {}", key.expose()).into_bytes()
}
