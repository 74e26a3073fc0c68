//! Chance from the system's own device, for request ids and the waits between attempts.

use std::fs::File;
use std::io::Read;

use bascule_model::ambient::{Entropy, NoEntropy};

use crate::limits::REQUEST_ID_BYTES;

/// Where the system gives random bytes.
const DEVICE: &str = "/dev/urandom";

/// The system's random bytes.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Entropy for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        File::open(DEVICE).and_then(|mut device| device.read_exact(buffer)).map_err(|_| NoEntropy)
    }
}

/// A new name for one call: 32 hexadecimal digits.
///
/// # Errors
/// [`NoEntropy`] when the system gave no random bytes.
pub fn request_id(entropy: &dyn Entropy) -> Result<String, NoEntropy> {
    let mut bytes = [0; REQUEST_ID_BYTES];
    entropy.fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_hexadecimal_and_differ() {
        let [one, two] = [request_id(&System).unwrap(), request_id(&System).unwrap()];
        assert_ne!(one, two);
        for id in [one, two] {
            assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        }
    }
}
