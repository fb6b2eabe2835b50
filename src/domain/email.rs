//! Django's rule for e-mail addresses (`django/core/validators.py::EmailValidator`).

use std::sync::LazyLock;

use regex::Regex;

static USER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\A(?:[-!#$%&'*+/=?^_`{}|~0-9A-Z]+(?:\.[-!#$%&'*+/=?^_`{}|~0-9A-Z]+)*|"(?:[\x01-\x08\x0b\x0c\x0e-\x1f!#-\[\]-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*")\z"#,
    )
});

/// Non-ASCII letters are allowed because Django also tries the IDNA form. The length of a label is checked separately:
/// as a count in the pattern it would copy the letter class sixty times, which takes 80 ms to compile.
static DOMAIN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\A(?:(?i-u:localhost)|(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+[\p{L}\p{N}-]+[\p{L}\p{N}])\z")
});

static LITERAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\A\[[0-9A-Fa-f:.]+\]\z"));

/// The longest address, in characters (Django).
pub const MAX_EMAIL_CHARS: usize = 254;

const MAX_LABEL_CHARS: usize = 63;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is fixed")
}

/// Django's message for an invalid address; `None` when `email` is valid.
#[must_use]
pub fn email_fault(email: &str) -> Option<&'static str> {
    let good = email.len() <= 320
        && email
            .rsplit_once('@')
            .is_some_and(|(user, domain)| USER.is_match(user) && (is_domain(domain) || LITERAL.is_match(domain)));
    if !good {
        Some("Enter a valid email address.")
    } else if email.chars().count() > MAX_EMAIL_CHARS {
        Some("Ensure this field has no more than 254 characters.")
    } else {
        None
    }
}

fn is_domain(text: &str) -> bool {
    DOMAIN.is_match(text) && text.split('.').all(|label| label.chars().count() <= MAX_LABEL_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_follow_django() {
        let (longest, tld) = ("x".repeat(63), "y".repeat(63));
        let (long, umlauts) = (format!("a@{longest}.{tld}"), format!("a@{}.de", "ü".repeat(63)));
        for good in [
            "a@b.co",
            "a+b@LocalHost",
            "\"a!b\"@example.com",
            "a@[127.0.0.1]",
            "a@müller.de",
            "A@B.CO",
            "a@b.-co",
            &long,
            &umlauts,
        ] {
            assert!(email_fault(good).is_none(), "{good}");
        }
        let (label, last) = (format!("a@{longest}x.de"), format!("a@b.{tld}y"));
        for bad in [
            "",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a@b..co",
            "a@-b.co",
            "a@b-.co",
            "a b@c.de",
            "\"a b\"@example.com",
            "a@b.c",
            "a@b.co\n",
            &label,
            &last,
        ] {
            assert!(email_fault(bad).is_some(), "{bad}");
        }
    }
}
