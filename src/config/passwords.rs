//! How passwords are hashed and checked.

use super::parsers;
use super::reader::Reader;
use super::setting::plain;
use crate::domain::password::{Argon2Cost, HashPolicy};
use crate::service::HasherOptions;

pub fn hashing(from: &mut Reader<'_>) -> HasherOptions {
    const MEMORY: &str = "JETON_ARGON2_MEMORY_KIB";
    const MAX_MEMORY: &str = "JETON_HASH_MAX_MEMORY";
    from.under("Passwords");
    let options = HasherOptions {
        policy: HashPolicy {
            cost: Argon2Cost {
                memory_kib: from
                    .read(plain(MEMORY, "19456", "argon2id memory of new password hashes"), parsers::positive),
                iterations: from.read(plain("JETON_ARGON2_ITERATIONS", "2", "argon2id passes"), parsers::positive),
                parallelism: from.read(plain("JETON_ARGON2_PARALLELISM", "1", "argon2id lanes"), parsers::positive),
            },
            max_memory_kib: from.read(
                plain(
                    MAX_MEMORY,
                    "128MiB",
                    "memory that one password check may take; hashes that need more are refused",
                ),
                parsers::kibibytes,
            ),
            legacy: from.read(
                plain("JETON_LEGACY_HASHES", "false", "whether Django's md5 and sha1 hashes may log in"),
                parsers::boolean,
            ),
        },
        threads: from.read(plain("JETON_LOGIN_THREADS", "cores", "threads that hash passwords"), parsers::threads),
        queue: from.read(plain("JETON_LOGIN_QUEUE", "64", "logins that may wait for a hashing thread"), parsers::whole),
    };
    let cost = options.policy.cost;
    if let Err(error) = cost.check() {
        from.fault(MEMORY, &error);
    } else if cost.memory_kib > options.policy.max_memory_kib && !from.has_fault_of(&[MEMORY, MAX_MEMORY]) {
        from.fault(MAX_MEMORY, "it is less than JETON_ARGON2_MEMORY_KIB, which new hashes need");
    }
    options
}
