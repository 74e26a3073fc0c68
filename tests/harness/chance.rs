//! Chance and time for tests: the ports of `model::ambient`, and numbers from a seed that is printed.

use std::env;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use bascule_model::ambient::{Clock, Entropy, NoEntropy};
use bascule_model::time::{BootMillis, Millis};

/// The variable that sets the seed of a test that uses chance.
pub const SEED_ENV: &str = "BASCULE_SEED";

/// The system's chance and time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Air;

impl Entropy for Air {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        let mut done = 0;
        while done < buffer.len() {
            let flags = rustix::rand::GetRandomFlags::empty();
            done += rustix::rand::getrandom(&mut buffer[done..], flags).map_err(|_| NoEntropy)?;
        }
        Ok(())
    }
}

impl Clock for Air {
    fn wall(&self) -> Millis {
        Millis(now_ms())
    }

    fn boot(&self) -> BootMillis {
        BootMillis(now_ms())
    }
}

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds since 1970, for certificates.
#[must_use]
pub fn now_s() -> i64 {
    i64::try_from(now_ms() / 1_000).unwrap_or(i64::MAX)
}

/// Numbers from one seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From `BASCULE_SEED`, else from the system; the seed is printed, so that what failed can be run again.
    #[must_use]
    pub fn printed(test: &str) -> Self {
        let given = env::var(SEED_ENV).ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let mut bytes = [0; 8];
            // Without chance the seed is zero, which is as good as any.
            let _ = Air.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        });
        let _ = io::stderr().write_all(format!("{test}: {SEED_ENV}={seed}\n").as_bytes());
        Self(seed)
    }

    /// From a seed that is known.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not zero.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.draw() % limit
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.draw().to_le_bytes()[0]).collect()
    }
}
