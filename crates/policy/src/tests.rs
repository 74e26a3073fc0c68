//! The engine as data: documented rows, refusals, the recorded decisions where they are at hand, random policies.

mod attacks;
mod fixture;
mod naive;
mod properties;
mod refusals;
mod rows;
mod values;
mod vectors;

/// Leaves word for the runner that counts skips.
fn skip(name: &str, reason: &str) {
    use std::io::Write;
    eprintln!("skipped {name}: {reason}");
    if let Ok(path) = std::env::var("BASCULE_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "{name}: {reason}").unwrap();
    }
}
