//! Which conjunctions of a segment are gone: bits in blocks that copies share, so that a change copies one block.

use std::sync::Arc;

const BLOCK_BITS: usize = 4_096;

type Block = [u64; BLOCK_BITS / 64];

/// The bits.
#[derive(Debug, Clone, Default)]
pub struct Gone {
    /// Empty while nothing is gone.
    blocks: Vec<Option<Arc<Block>>>,
}

impl Gone {
    /// Whether a conjunction is gone.
    #[inline]
    pub fn has(&self, sub: u32) -> bool {
        let at = sub as usize;
        match self.blocks.get(at / BLOCK_BITS) {
            Some(Some(block)) => block[at % BLOCK_BITS / 64] >> (at % 64) & 1 == 1,
            _ => false,
        }
    }

    /// Takes a conjunction away.
    pub fn add(&mut self, sub: u32) {
        let at = sub as usize;
        if self.blocks.len() <= at / BLOCK_BITS {
            self.blocks.resize(at / BLOCK_BITS + 1, None);
        }
        let block = self.blocks[at / BLOCK_BITS].get_or_insert_with(|| Arc::new([0; BLOCK_BITS / 64]));
        Arc::make_mut(block)[at % BLOCK_BITS / 64] |= 1 << (at % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_it_had() {
        let mut gone = Gone::default();
        assert!(!gone.has(9_000));
        gone.add(9_000);
        let before = gone.clone();
        gone.add(9_001);
        gone.add(3);
        for sub in [3, 63, 64, 8_999, 9_000, 9_001, 50_000] {
            assert_eq!(gone.has(sub), [3, 9_000, 9_001].contains(&sub), "{sub}");
            assert_eq!(before.has(sub), sub == 9_000, "{sub}");
        }
    }
}
