//! Django's rules for new passwords: the four validators of `startproject`'s settings, in their
//! order and words (source: `django/contrib/auth/password_validation.py`, Django 5.2), and two
//! bounds of our own: no NUL, and at most 4096 bytes to work on.

use std::cmp::Ordering;

use super::profile::{Profile, ProfileField};

/// The user's fields that a new password must not resemble (`DEFAULT_USER_ATTRIBUTES` in
/// `django/contrib/auth/password_validation.py`).
pub struct Attributes<'a> {
    /// The login name.
    pub username: &'a str,
    /// E-mail address and names.
    pub profile: &'a Profile,
}

/// The shortest password, in characters (Django).
pub const MIN_PASSWORD_CHARS: usize = 8;

/// The longest password, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 4096;

/// Every fault of `password`, in Django's order and words; empty when it may be used
/// (`validate_password` in `django/contrib/auth/password_validation.py`).
pub fn faults(password: &str, user: &Attributes<'_>) -> Vec<String> {
    if password.contains('\0') {
        return vec!["Null characters are not allowed.".into()];
    }
    // The names are those of Django's `User` model. Only the first match is reported.
    let profile = ProfileField::COMPARED_WITH_PASSWORDS;
    let profile = profile.map(|(field, name)| (name, user.profile.get(field).as_str()));
    let mut attributes = std::iter::once(("username", user.username)).chain(profile);
    let mut faults = Vec::new();
    if password.len() > MAX_PASSWORD_BYTES {
        // No common password is that long, and comparing it with the user's fields would cost too much.
        faults.push(format!("This password is too long. It must contain at most {MAX_PASSWORD_BYTES} bytes."));
    } else {
        let chars = sorted(&password.to_lowercase());
        if let Some((name, _)) = attributes.find(|(_, value)| resembles(&chars, value)) {
            faults.push(format!("The password is too similar to the {name}."));
        }
        if password.chars().count() < MIN_PASSWORD_CHARS {
            let fault =
                format!("This password is too short. It must contain at least {MIN_PASSWORD_CHARS} characters.");
            faults.push(fault);
        }
        if is_common(password) {
            faults.push("This password is too common.".into());
        }
    }
    if !password.is_empty() && password.chars().all(is_digit) {
        faults.push("This password is entirely numeric.".into());
    }
    faults
}

/// Whether `value` or a word of it has too many characters in common with the password's.
fn resembles(password: &[char], value: &str) -> bool {
    let value = value.to_lowercase();
    // Python's `\W`, except for vowel signs and circled letters, which Rust counts as letters.
    let gap = |c: char| !c.is_alphanumeric() && c != '_';
    if password.is_empty() {
        // Python's split leaves an empty word beside a gap at either end, and "" resembles "".
        return value.starts_with(gap) || value.ends_with(gap);
    }
    let mut words = value.split(gap).chain([value.as_str()]).map(sorted);
    words.any(|word| {
        // A far shorter word cannot match: Django skips it too, which bounds the work. The rest
        // is difflib's `quick_ratio() >= 0.7`, that is 2 * shared / lengths, in whole numbers.
        password.len() < 10 * word.len() && 20 * shared(password, &word) >= 7 * (password.len() + word.len())
    })
}

fn sorted(text: &str) -> Vec<char> {
    let mut chars: Vec<char> = text.chars().collect();
    chars.sort_unstable();
    chars
}

/// How many characters two sorted lists have in common.
fn shared(a: &[char], b: &[char]) -> usize {
    let mut b = b.iter().peekable();
    let in_b = |c: &&char| {
        while b.next_if(|other| other < c).is_some() {}
        b.next_if_eq(c).is_some()
    };
    a.iter().filter(in_b).count()
}

/// Searches the sorted text of the list directly, so that no set must be built.
fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    // Python's `strip` takes the four ASCII separators for blanks; Rust's `trim` does not.
    let wanted = lower.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\x1c'..='\x1f'));
    let mut rest = include_str!("common_passwords.txt");
    while !rest.is_empty() {
        let middle = rest.floor_char_boundary(rest.len() / 2);
        let start = rest[..middle].rfind('\n').map_or(0, |newline| newline + 1);
        let (before, from) = rest.split_at(start);
        let (line, after) = from.split_once('\n').unwrap_or((from, ""));
        match wanted.cmp(line) {
            Ordering::Less => rest = before,
            Ordering::Equal => return true,
            Ordering::Greater => rest = after,
        }
    }
    false
}

/// Python's `str.isdigit`, which knows more than 0-9 (٣, ²) but less than `char::is_numeric` (½).
fn is_digit(c: char) -> bool {
    DIGITS.partition_point(|&bound| bound <= u32::from(c)) % 2 == 1
}

/// The ranges of decimals and digits in Unicode 16: first, end, first, end and so on.
const DIGITS: [u32; 180] = [
    0x30, 0x3a, 0xb2, 0xb4, 0xb9, 0xba, 0x660, 0x66a, 0x6f0, 0x6fa, 0x7c0, 0x7ca, 0x966, 0x970, 0x9e6, 0x9f0, 0xa66,
    0xa70, 0xae6, 0xaf0, 0xb66, 0xb70, 0xbe6, 0xbf0, 0xc66, 0xc70, 0xce6, 0xcf0, 0xd66, 0xd70, 0xde6, 0xdf0, 0xe50,
    0xe5a, 0xed0, 0xeda, 0xf20, 0xf2a, 0x1040, 0x104a, 0x1090, 0x109a, 0x1369, 0x1372, 0x17e0, 0x17ea, 0x1810, 0x181a,
    0x1946, 0x1950, 0x19d0, 0x19db, 0x1a80, 0x1a8a, 0x1a90, 0x1a9a, 0x1b50, 0x1b5a, 0x1bb0, 0x1bba, 0x1c40, 0x1c4a,
    0x1c50, 0x1c5a, 0x2070, 0x2071, 0x2074, 0x207a, 0x2080, 0x208a, 0x2460, 0x2469, 0x2474, 0x247d, 0x2488, 0x2491,
    0x24ea, 0x24eb, 0x24f5, 0x24fe, 0x24ff, 0x2500, 0x2776, 0x277f, 0x2780, 0x2789, 0x278a, 0x2793, 0xa620, 0xa62a,
    0xa8d0, 0xa8da, 0xa900, 0xa90a, 0xa9d0, 0xa9da, 0xa9f0, 0xa9fa, 0xaa50, 0xaa5a, 0xabf0, 0xabfa, 0xff10, 0xff1a,
    0x104a0, 0x104aa, 0x10a40, 0x10a44, 0x10d30, 0x10d3a, 0x10d40, 0x10d4a, 0x10e60, 0x10e69, 0x11052, 0x1105b,
    0x11066, 0x11070, 0x110f0, 0x110fa, 0x11136, 0x11140, 0x111d0, 0x111da, 0x112f0, 0x112fa, 0x11450, 0x1145a,
    0x114d0, 0x114da, 0x11650, 0x1165a, 0x116c0, 0x116ca, 0x116d0, 0x116e4, 0x11730, 0x1173a, 0x118e0, 0x118ea,
    0x11950, 0x1195a, 0x11bf0, 0x11bfa, 0x11c50, 0x11c5a, 0x11d50, 0x11d5a, 0x11da0, 0x11daa, 0x11f50, 0x11f5a,
    0x16130, 0x1613a, 0x16a60, 0x16a6a, 0x16ac0, 0x16aca, 0x16b50, 0x16b5a, 0x16d70, 0x16d7a, 0x1ccf0, 0x1ccfa,
    0x1d7ce, 0x1d800, 0x1e140, 0x1e14a, 0x1e2f0, 0x1e2fa, 0x1e4f0, 0x1e4fa, 0x1e5f1, 0x1e5fb, 0x1e950, 0x1e95a,
    0x1f100, 0x1f10b, 0x1fbf0, 0x1fbfa,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_for_alice(password: &str) -> Vec<String> {
        let profile = Profile {
            first_name: "Nadège".into(),
            last_name: "O'Connor-Smith Jr.".into(),
            email: "a.liddell@wonderland.example".into(),
        };
        faults(password, &Attributes { username: "alice", profile: &profile })
    }

    /// Django 5.2's answers. Each line has the letters of the messages in [`words`], a colon, and the passwords that
    /// get exactly these messages.
    const DJANGO: &str = "\
:alice12345|smithsmith|correct horse|xK9#mQ2p|éééééééé|½½½½½½½½|pass word
c:password|PassWord|password123|trustno1  | iloveyou\t|\x1fpassword1\x1c|\u{3000}sunshine\u{a0}
e:liddell9|wonderland!|a.liddell@wonderland.example|example-x
f:Nadège42|NADÈGE42|nadege42
l:connor2024
ls:
n:٣٤٥٦٧٨٩٠|²²²²²²²²|①②③④⑤⑥⑦⑧|９８７６５４３２|91827364
s: |short|sevench|ééééééé
u:ecila321
cn:12345678|000000000
sc:Пароль|ПАРОЛЬ
uc:alice123|ALICE123
usc:alice";

    fn words(fault: char) -> &'static str {
        match fault {
            'u' => "The password is too similar to the username.",
            'f' => "The password is too similar to the first name.",
            'l' => "The password is too similar to the last name.",
            'e' => "The password is too similar to the email address.",
            's' => "This password is too short. It must contain at least 8 characters.",
            'b' => "This password is too long. It must contain at most 4096 bytes.",
            'c' => "This password is too common.",
            'n' => "This password is entirely numeric.",
            _ => "Null characters are not allowed.",
        }
    }

    #[test]
    fn answers_as_django_does() {
        for line in DJANGO.lines() {
            let (expected, passwords) = line.split_once(':').unwrap();
            let expected: Vec<_> = expected.chars().map(words).collect();
            for password in passwords.split('|') {
                assert_eq!(faults_for_alice(password), expected, "{password:?}");
            }
        }
    }

    #[test]
    fn bounds_of_our_own() {
        assert!(faults_for_alice(&"é".repeat(2048)).is_empty());
        assert_eq!(faults_for_alice(&"1".repeat(4097)), [words('b'), words('n')]);
        assert_eq!(faults_for_alice("alice\0"), [words('0')]);
    }
}
