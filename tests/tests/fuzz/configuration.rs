//! Configuration files: an operator's text. The daemon is a program, so each input is a file and a run of `basculed check`.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use bascule_tests::Outcome;
use bascule_tests::binaries::Program;
use bascule_tests::chance::Chance;

use super::{mutate, run};

/// A run of a program costs as much as some hundred readings, so there are fewer.
const SHARE: u64 = 20;
/// What `check` may end with: sound, or refused (`EX_CONFIG`).
const ENDS: [i32; 2] = [0, 78];
/// Bytes of complaints for each byte of a file: a line may be wrong by four bytes, and no complaint repeats the whole file.
const COMPLAINTS_FACTOR: usize = 64;

#[test]
fn configurations_are_sound_or_refused() -> Outcome {
    let example = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/basculed.toml"))?;
    let small = b"[node]\ndata = \"/d\"\nregion = \"us-east-1\"\naccount = \"000000000000\"\n[listen]\ngrpc = \"127.0.0.1:0\"\n".to_vec();
    let corpus = [example, small];
    let (folder, program) = (tempfile::tempdir()?, Program::Daemon.find()?);
    let path = folder.path().join("basculed.toml");
    let seed = Chance::printed("configurations").draw();
    for nth in 0..run::inputs(SHARE) {
        let input = mutate::mutated(&corpus, &mut Chance::seeded(seed.wrapping_add(nth)));
        fs::write(&path, &input)?;
        let mut command = Command::new(&program);
        let ended =
            command.arg("check").arg("--config").arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        let is_known = ended.status.code().is_some_and(|code| ENDS.contains(&code)) && ended.status.signal().is_none();
        assert!(
            is_known && !said.contains("panicked"),
            "input {nth}: {}: {said}: `{}`",
            ended.status,
            input.escape_ascii()
        );
        let limit = COMPLAINTS_FACTOR * (input.len() + 256);
        assert!(said.len() < limit, "input {nth} of {} bytes: {} bytes of complaints", input.len(), said.len());
    }
    Ok(())
}
