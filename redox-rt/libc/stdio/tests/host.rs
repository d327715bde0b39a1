//! The same calls to this crate and to the GNU library of the host, compared byte by byte.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

#[path = "host/memory.rs"]
mod memory;
#[path = "host/printed.rs"]
mod printed;
#[path = "host/scanned.rs"]
mod scanned;
#[path = "host/streamed.rs"]
mod streamed;

/// How many cases a test makes.
const CASES: usize = 30_000;

/// A seed of one's own, or that of an earlier run: `STDIO_SEED`.
fn random() -> (fastrand::Rng, u64) {
    let told = std::env::var("STDIO_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = told.unwrap_or_else(|| fastrand::u64(..));
    println!("STDIO_SEED={seed}");
    (fastrand::Rng::with_seed(seed), seed)
}

/// Wide characters are UTF-8 on both sides.
fn locale() {
    static SET: std::sync::Once = std::sync::Once::new();
    SET.call_once(|| {
        // SAFETY: a string; no test has asked anything that depends on it before this.
        let set = unsafe { libc::setlocale(libc::LC_ALL, c"C.UTF-8".as_ptr()) };
        assert!(!set.is_null());
    });
}
