//! Nothing but argon2id with OWASP's parameters, on so many threads for so many seconds: what `scripts/bench` holds
//! logins against. Prints hashes per second, and milliseconds of CPU for each.
//!
//! `cargo run --profile dist --example argon2id -- 2 5`

#![allow(clippy::disallowed_methods, clippy::cast_precision_loss, reason = "a measuring program")]

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let (threads, seconds) = (arguments.next().unwrap_or(2), arguments.next().unwrap_or(5));
    let end = Instant::now() + Duration::from_secs(seconds);
    let work = move || {
        let params = Params::new(19_456, 2, 1, Some(32)).expect("good parameters");
        let mut memory = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let (mut hashes, mut out) = (0_u64, [0; 32]);
        while Instant::now() < end {
            argon2
                .hash_password_into_with_memory(b"a password", b"sixteen bytes!!!", &mut out, &mut memory)
                .expect("it hashes");
            hashes += 1;
        }
        hashes
    };
    let started = Instant::now();
    let running: Vec<_> = (0..threads).map(|_| std::thread::spawn(work)).collect();
    let hashes: u64 = running.into_iter().map(|thread| thread.join().expect("no panic")).sum();
    let took = started.elapsed().as_secs_f64();
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let cpu = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
    println!("{:.2} {:.3}", hashes as f64 / took, cpu * 1000.0 / hashes as f64);
}
