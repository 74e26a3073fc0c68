//! Chance that repeats: entropy for tests, different for each seed and each draw.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bascule_model::ambient::{Entropy, NoEntropy};

use crate::cipher;

pub(crate) struct Steps {
    seed: u64,
    next: AtomicU64,
    pub(crate) dry: AtomicBool,
}

impl Steps {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(0), dry: AtomicBool::new(false) }
    }

    pub(crate) fn dried() -> Self {
        let steps = Self::new(0);
        steps.dry.store(true, Ordering::Relaxed);
        steps
    }
}

impl Entropy for Steps {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        if self.dry.load(Ordering::Relaxed) {
            return Err(NoEntropy);
        }
        for chunk in buffer.chunks_mut(32) {
            let step = self.next.fetch_add(1, Ordering::Relaxed);
            let bytes = cipher::digest("steps", &[&self.seed.to_be_bytes(), &step.to_be_bytes()]);
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}
