//! The cost of a password check when there is no hash to check: the same as for one of the hashes that users have.
//!
//! The cost of an imported hash was chosen by its source, and may be ten times the cost of jeton's own hashes. A
//! username that does not exist must have one of these costs, in the same proportion as users have them, and always the
//! same one.

use std::collections::BTreeMap;

use hkdf::Hkdf;
use sha2::Sha512;

use super::PasswordHash;
use crate::domain::random;

/// How many distinct costs are counted at most.
const MAX_COUNTED: usize = 1024;
/// How many of the counted costs, the most common ones, are stored.
const MAX_STORED: usize = 64;

/// The key that decides which cost a username has. Whoever knew it could tell by the time of a login whether a
/// username exists.
#[derive(Clone)]
pub struct NameKey([u8; 32]);

impl NameKey {
    /// A random key.
    #[must_use]
    pub fn generate() -> Self {
        Self(random::bytes())
    }

    /// From [`NameKey::to_hex`].
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// For the database.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl std::fmt::Debug for NameKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NameKey(hidden)")
    }
}

/// How many users have a hash of each cost. A cost is represented by a dummy hash of that cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HashCosts(BTreeMap<String, u32>);

impl HashCosts {
    /// From the items of [`HashCosts::iter`].
    #[must_use]
    pub fn of(costs: impl IntoIterator<Item = (String, u32)>) -> Self {
        Self(costs.into_iter().collect())
    }

    /// Counts a user with this hash. A hash that is refused without a check is not counted: its user is checked
    /// against a dummy hash, as an unknown name is.
    pub fn add(&mut self, hash: &PasswordHash) {
        let Some(dummy) = hash.dummy_of_same_cost() else { return };
        let is_full = self.0.len() >= MAX_COUNTED;
        match self.0.get_mut(&dummy.0) {
            Some(users) => *users = users.saturating_add(1),
            None if is_full => {}
            None => drop(self.0.insert(dummy.0, 1)),
        }
    }

    /// The most common costs: few enough for a login to go through them in negligible time.
    #[must_use]
    pub fn most_common(self) -> Self {
        let mut costs: Vec<(String, u32)> = self.0.into_iter().collect();
        costs.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        Self::of(costs.into_iter().take(MAX_STORED))
    }

    /// Removes the costs that need more memory than this. Such hashes are not checked, so a dummy must not cost as much
    /// either.
    #[must_use]
    pub fn within_memory(mut self, max_memory_kib: u32) -> Self {
        self.0.retain(|dummy, _| PasswordHash(dummy.clone()).fits(max_memory_kib).is_ok());
        self
    }

    /// Each cost and its number of users.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(dummy, users)| (dummy.as_str(), *users))
    }

    /// The dummy hash for `name`. It has one of the counted costs. If no cost is counted, it is `current`, which has the
    /// configured cost.
    ///
    /// Each cost gets as large a share of the unknown names as it has of the users. When users log in, their hashes are
    /// replaced by hashes of the configured cost. So the share of unknown names with that cost must grow as well, while
    /// the other names keep their cost: a first pseudo-random number decides whether a name has the configured cost, and
    /// further ones which of the other costs it has (weighted rendezvous hashing).
    #[must_use]
    pub fn dummy_for(&self, name: &str, current: &PasswordHash, key: &NameKey) -> PasswordHash {
        let of_name = Hkdf::<Sha512>::new(Some(&key.0), name.as_bytes());
        let users_of_current = self.0.get(&current.0).copied().unwrap_or(0);
        let users: f64 = self.0.values().map(|users| f64::from(*users)).sum();
        if uniform(&of_name, "configured") * users < f64::from(users_of_current) {
            return current.clone();
        }
        let others = self.0.iter().filter(|(dummy, users)| **dummy != current.0 && **users > 0);
        let weighted = others.map(|(dummy, users)| (-uniform(&of_name, dummy).ln() / f64::from(*users), dummy));
        let chosen = weighted.min_by(|(one, _), (other, _)| one.total_cmp(other));
        chosen.map_or_else(|| current.clone(), |(_, dummy)| PasswordHash(dummy.clone()))
    }
}

/// A pseudo-random number between 0 and 1, uniformly distributed, that depends on the name and on `label` alone.
fn uniform(of_name: &Hkdf<Sha512>, label: &str) -> f64 {
    let mut bytes = [0; 4];
    of_name.expand(label.as_bytes(), &mut bytes).expect("4 bytes are within what HKDF gives");
    (f64::from(u32::from_be_bytes(bytes)) + 0.5) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::password::{Argon2Cost, HashFault, HashPolicy, Password, Verdict, Workspace, verify};

    const NAMES: usize = 10_000;

    const CONFIGURED: &str = "$argon2id$v=19$m=64,t=1,p=1$0";

    fn costs(parts: [u32; 3]) -> HashCosts {
        let dummies = ["pbkdf2_sha256$1000000$0", CONFIGURED, "bcrypt$$2b$12$0"];
        HashCosts::of(dummies.map(str::to_owned).into_iter().zip(parts).filter(|(_, users)| *users > 0))
    }

    fn chosen(costs: &HashCosts, key: &NameKey) -> Vec<String> {
        let current = PasswordHash(CONFIGURED.into());
        (0..NAMES).map(|number| costs.dummy_for(&format!("user{number}"), &current, key).0).collect()
    }

    fn share(chosen: &[String], prefix: &str) -> f64 {
        f64::from(u32::try_from(chosen.iter().filter(|dummy| dummy.starts_with(prefix)).count()).unwrap()) / 10_000.0
    }

    #[test]
    fn names_have_costs_in_the_proportion_of_the_users() {
        let key = NameKey::generate();
        for (parts, expected) in [
            ([600, 300, 100], [0.6, 0.3, 0.1]),
            ([0, 1, 1], [0.0, 0.5, 0.5]),
            ([3, 0, 1], [0.75, 0.0, 0.25]),
            ([0, 0, 7], [0.0, 0.0, 1.0]),
        ] {
            let chosen = chosen(&costs(parts), &key);
            for (prefix, expected) in ["pbkdf2", "$argon2id", "bcrypt"].into_iter().zip(expected) {
                let found = share(&chosen, prefix);
                // Five standard deviations of a share of 10,000 draws; the deviation is largest, 0.005, for a share of 1/2.
                assert!((found - expected).abs() < 0.025, "{parts:?} {prefix}: {found}");
            }
        }
        assert!(
            chosen(&HashCosts::default(), &key).iter().all(|dummy| dummy == CONFIGURED),
            "where there are no users"
        );
    }

    #[test]
    fn a_name_keeps_its_cost_and_another_key_gives_it_another() {
        let (key, all) = (NameKey::generate(), costs([500, 300, 200]));
        let before = chosen(&all, &key);
        let again = NameKey::from_hex(&key.to_hex()).unwrap();
        assert_eq!(chosen(&all, &again), before);
        assert_ne!(chosen(&all, &NameKey::generate()), before);
        // A part of the users log in, and have a hash of the configured cost from then on.
        let after = chosen(&costs([400, 440, 160]), &key);
        assert_ne!(after, before);
        for (old, new) in before.iter().zip(&after).filter(|(old, new)| old != new) {
            assert_eq!(new, CONFIGURED, "{old}");
        }
    }

    #[test]
    fn a_dummy_costs_as_much_as_its_hash_and_matches_no_password() {
        let policy = HashPolicy {
            cost: Argon2Cost { memory_kib: 64, iterations: 1, parallelism: 1 },
            legacy: true,
            max_memory_kib: 1024,
        };
        let mut counted = HashCosts::default();
        for (stored, dummy) in [
            ("pbkdf2_sha256$7$salt$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0=", "pbkdf2_sha256$7$"),
            ("pbkdf2_sha1$8$salt$eXsF8+KEXF0d2uaBenNie4n/vN0=", "pbkdf2_sha1$8$"),
            ("bcrypt$$2a$04$kC4VbMcr87cjGABBqFhaq.7GBpDQTpqzD1RO3R2MwDZRnhaf6/af.", "bcrypt$$2b$04$"),
            ("bcrypt_sha256$$2b$05$kC4VbMcr87cjGABBqFhaq.7GBpDQTpqzD1RO3R2MwDZRnhaf6/af.", "bcrypt_sha256$$2b$05$"),
            (
                "scrypt$16$NaCl$4$2$e7R+JzW1IcsqZUXsSVbvYoenhdpHtFQOJVKPIPSASOyWdZW4ALTkxlGVBgnnDtVgiC2TmAKOWevYCQ1mQFHqWQ==",
                "scrypt$16$0000000000000000000000$4$2$",
            ),
            (
                "$argon2i$v=16$m=64,t=3,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
                "$argon2i$v=16$m=64,t=3,p=2$",
            ),
            (
                "argon2$argon2id$v=19$m=64,t=1,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
                "$argon2id$v=19$m=64,t=1,p=1$",
            ),
        ] {
            let stored = PasswordHash::from_stored(stored.into());
            let alike = stored.dummy_of_same_cost().unwrap_or_else(|| panic!("{}", stored.as_str()));
            assert!(alike.as_str().starts_with(dummy), "{}", alike.as_str());
            assert_eq!(
                alike.dummy_of_same_cost().as_ref(),
                Some(&alike),
                "hashes of the same cost have the same dummy"
            );
            let verdict = verify(&alike, &Password::new(String::new()), policy, &mut Workspace::default());
            assert_eq!(verdict, Verdict::Wrong, "{}: the dummy is computed, not refused at once", alike.as_str());
            counted.add(&stored);
        }
        for free in ["", "!x", "md5$$3cb4e732631f47e6eb961f34554b7cde", "rot13$x", "bcrypt$$2b$31$x"] {
            let free = PasswordHash::from_stored(free.into());
            assert_eq!(free.dummy_of_same_cost(), None);
            counted.add(&free);
        }
        let endless = PasswordHash::from_stored(
            "pbkdf2_sha256$4000000000$salt$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0=".into(),
        );
        assert_eq!((endless.check(), endless.dummy_of_same_cost()), (Err(HashFault::TooCostly("pbkdf2_sha256")), None));
        assert_eq!(counted.iter().map(|(_, users)| users).collect::<Vec<_>>(), [1; 7]);
    }

    #[test]
    fn no_name_takes_more_memory_than_is_allowed() {
        let costly = "$argon2id$v=19$m=4096,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let costs = HashCosts::of([(costly.to_owned(), 9), (CONFIGURED.to_owned(), 1)]);
        assert_eq!(costs.clone().within_memory(4096), costs);
        assert_eq!(costs.within_memory(4095).iter().collect::<Vec<_>>(), [(CONFIGURED, 1)]);
    }

    #[test]
    fn the_counted_costs_are_bounded() {
        let mut counted = HashCosts::default();
        for iterations in (1..=2_000).chain(1..=3) {
            let stored = format!("pbkdf2_sha256${iterations}$salt$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0=");
            counted.add(&PasswordHash::from_stored(stored));
        }
        assert_eq!(counted.iter().count(), MAX_COUNTED);
        let kept = counted.most_common();
        assert_eq!((kept.iter().count(), kept.iter().filter(|(_, users)| *users == 2).count()), (MAX_STORED, 3));
    }
}
