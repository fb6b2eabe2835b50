//! Django's rule for e-mail addresses (`django/core/validators.py::EmailValidator`).

use regex::Regex;

/// The rule, made once for as many addresses as there are.
#[derive(Debug)]
pub struct EmailRule {
    user: Regex,
    domain: Regex,
    literal: Regex,
}

impl EmailRule {
    /// # Panics
    /// Never: its patterns are fixed.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it is work, and no value")]
    pub fn new() -> Self {
        const USER: &str = r#"(?i)\A(?:[-!#$%&'*+/=?^_`{}|~0-9A-Z]+(?:\.[-!#$%&'*+/=?^_`{}|~0-9A-Z]+)*|"(?:[\x01-\x08\x0b\x0c\x0e-\x1f!#-\[\]-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*")\z"#;
        // Letters outside ASCII stand for the IDNA form that Django tries second.
        const DOMAIN: &str = r"(?i)\A(?:localhost|(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+[\p{L}\p{N}-]{1,62}[\p{L}\p{N}])\z";
        const LITERAL: &str = r"\A\[[0-9A-Fa-f:.]+\]\z";
        let pattern = |text| Regex::new(text).expect("a pattern of ours");
        Self { user: pattern(USER), domain: pattern(DOMAIN), literal: pattern(LITERAL) }
    }

    /// Why `email` is none, in Django's words; `None` when it is one.
    #[must_use]
    pub fn fault(&self, email: &str) -> Option<&'static str> {
        let good = email.len() <= 320
            && email.rsplit_once('@').is_some_and(|(user, domain)| {
                self.user.is_match(user) && (self.domain.is_match(domain) || self.literal.is_match(domain))
            });
        if !good {
            Some("Enter a valid email address.")
        } else if email.chars().count() > 254 {
            Some("Ensure this field has no more than 254 characters.")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_follow_django() {
        let rule = EmailRule::new();
        for good in ["a@b.co", "a+b@localhost", "\"a!b\"@example.com", "a@[127.0.0.1]", "a@müller.de"] {
            assert!(rule.fault(good).is_none(), "{good}");
        }
        for bad in ["", "a", "a@", "@b.co", "a@b", "a@b..co", "a@-b.co", "a b@c.de", "\"a b\"@example.com"] {
            assert!(rule.fault(bad).is_some(), "{bad}");
        }
    }
}
