//! Which key of jeton's stands for which of Django's: both were the answer to one login, after the import.

use std::collections::{HashMap, VecDeque};

use tokio::sync::watch;

use crate::domain::token::{Token, TokenDigest};

/// How many of Django's keys are remembered. When there are more, the oldest one is forgotten. A check with it is then
/// sent to jeton as it is, and jeton does not know its key.
const MAX_KEYS: usize = 100_000;

/// jeton's keys, by the digests of Django's keys. jeton's are in plain text, because they are sent to jeton. They are in
/// memory only.
#[derive(Default)]
pub struct Keys {
    known: HashMap<TokenDigest, watch::Receiver<Option<Token>>>,
    order: VecDeque<TokenDigest>,
}

impl Keys {
    /// Django's login gave this key, and jeton's login is about to be asked. Checks with Django's key wait for jeton's key,
    /// which is to be sent to the returned sender.
    pub fn begin(&mut self, django: &Token) -> watch::Sender<Option<Token>> {
        let digest = django.digest();
        let before = self.known.get(&digest).and_then(|known| known.borrow().clone());
        let (sender, receiver) = watch::channel(before);
        if self.known.insert(digest, receiver).is_none() {
            self.order.push_back(digest);
            if self.order.len() > MAX_KEYS
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
        sender
    }

    /// What to wait for, if Django gave this key at a login.
    pub fn find(&self, django: &Token) -> Option<watch::Receiver<Option<Token>>> {
        self.known.get(&django.digest()).cloned()
    }
}

/// jeton's key, once the login is answered. `None` if jeton refused it, or gave the same key.
pub async fn jetons(mut known: watch::Receiver<Option<Token>>) -> Option<Token> {
    // The sender is dropped without a key if there is none.
    let _ = known.wait_for(Option::is_some).await;
    known.borrow().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_key_is_forgotten() {
        let mut keys = Keys::default();
        let key = |number: usize| Token::parse(&format!("key{number}"), None).unwrap();
        for number in 0..=MAX_KEYS {
            drop(keys.begin(&key(number)));
            drop(keys.begin(&key(number)));
        }
        assert!(keys.find(&key(0)).is_none() && keys.find(&key(1)).is_some() && keys.find(&key(MAX_KEYS)).is_some());
        assert_eq!((keys.known.len(), keys.order.len()), (MAX_KEYS, MAX_KEYS));
    }

    #[test]
    fn a_second_login_does_not_forget_what_the_first_one_gave() {
        let mut keys = Keys::default();
        let (django, jeton) = (Token::parse("django", None).unwrap(), Token::parse("jeton", None).unwrap());
        keys.begin(&django).send(Some(jeton.clone())).unwrap();
        let second = keys.begin(&django);
        let known = keys.find(&django).unwrap();
        assert!(*known.borrow() == Some(jeton));
        drop(second);
    }
}
