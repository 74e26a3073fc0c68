//! One reader's run: so many inputs, each from its own seed; what fails names its input.

use std::env;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use bascule_tests::chance::Chance;
use rustix::time::{ClockId, clock_gettime};

use super::mutate;

/// The variable that asks for long runs.
const LONG_ENV: &str = "BASCULE_LONG";
/// Inputs of each reader in a run of all tests.
const SHORT_INPUTS_COUNT: u64 = 2_000;
/// Inputs of each reader in a long run.
const LONG_INPUTS_COUNT: u64 = 100_000;
/// Processor time that one input may take. Work is what is bounded; the processor's time stands for it, which other processes
/// do not stretch. The worst input takes some milliseconds in a debug build; work that grows with the square of 64 KiB takes minutes.
const INPUT_LIMIT: Duration = Duration::from_secs(1);

/// How many inputs this run gives to a reader that takes `1 / share` of the usual.
pub fn inputs(share: u64) -> u64 {
    let whole = if env::var_os(LONG_ENV).is_some() { LONG_INPUTS_COUNT } else { SHORT_INPUTS_COUNT };
    whole / share
}

/// Gives mutated inputs to `reader`, which panics at what must not be.
pub fn each(name: &str, corpus: &[Vec<u8>], mut reader: impl FnMut(&[u8])) {
    let seed = Chance::printed(name).draw();
    let mut worst = Duration::ZERO;
    for nth in 0..inputs(1) {
        let input = mutate::mutated(corpus, &mut Chance::seeded(seed.wrapping_add(nth)));
        let began = used();
        let ended = catch_unwind(AssertUnwindSafe(|| reader(&input)));
        let took = used().saturating_sub(began);
        if let Err(panic) = ended {
            say(&format!("{name}: input {nth} of {} bytes: `{}`", input.len(), input.escape_ascii()));
            resume_unwind(panic);
        }
        assert!(took < INPUT_LIMIT, "{name}: input {nth} took {took:?}: `{}`", input.escape_ascii());
        worst = worst.max(took);
    }
    say(&format!("{name}: {} inputs, the worst took {worst:?} of processor time", inputs(1)));
}

/// Says something to whoever reads a test's output.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The corpus from texts.
pub fn corpus<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Vec<u8>> {
    texts.into_iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Processor time of this thread.
fn used() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    Duration::from_secs(part(now.tv_sec)) + Duration::from_nanos(part(now.tv_nsec))
}
