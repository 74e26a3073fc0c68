//! What lies plain: nothing, in a daemon as it is; everything, in one whose sealing is planted away.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;

use anyhow::ensure;
use bascule_tests::chance::Chance;
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::receiver::Receiver;
use bascule_tests::{Outcome, skip};

use super::search::{Found, Search};
use super::songs::{NEVER_KEPT, Songs};

/// The variable that names a daemon with planted faults; `./x test --long` builds one.
const PLANTED_ENV: &str = "BASCULED_PLANTED";
/// A folder with less in it cannot have taken all that was sent.
const LEAST_BYTES: u64 = 100_000;

/// Rows are searched as they lie on disk, so they must not be squeezed first.
fn options() -> Options {
    Options::default().set("storage.compress_tables=false")
}

fn nothing(when: &str, found: &Found) -> Outcome {
    ensure!(found.places.is_empty(), "{when}: found in plain: {:#?}", found.places);
    ensure!(found.bytes >= LEAST_BYTES, "{when}: only {} bytes were there to be searched", found.bytes);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lies_plain_in_the_data_folder() -> Outcome {
    let songs = Songs::new(&mut Chance::printed("nothing_lies_plain_in_the_data_folder"));
    let search = Search::new(&songs.all);
    let mut daemon = Daemon::start(&options())?;
    let receiver = Receiver::start(&daemon)?;
    songs.sing(&Client::operator(&daemon).await?, &receiver).await?;
    nothing("while it runs", &search.below(&daemon.data())?)?;
    ensure!(daemon.terminate()?.success(), "it did not end well");
    nothing("after an orderly stop", &search.below(&daemon.data())?)?;
    daemon.start_again()?;
    // Work in the middle of which it is killed.
    let client = Client::operator(&daemon).await?;
    let canary = &songs.all[0].text;
    for _ in 0..20 {
        client.put((0..10).map(|_| entry("late", "t", &format!(r#"{{"mark":"{canary}"}}"#))).collect()).await?;
    }
    daemon.kill9()?;
    nothing("after a kill", &search.below(&daemon.data())?)?;
    daemon.start_again()?;
    nothing("after the recovery", &search.below(&daemon.data())?)?;
    // Its log is no place for a user's words either, and the search can find: the receiver was sent most of them.
    let mut told = BTreeSet::new();
    search.find(&std::fs::read(daemon.log_path())?, &mut told);
    told.retain(|place| !place.ends_with(" name"));
    ensure!(told.is_empty(), "the log tells {told:?}");
    let received = search.below(receiver.folder())?;
    for place in ["detail", "source", "resource", "endpoint", "target header", "api key", "hidden parameter"] {
        ensure!(
            received.places.contains_key(place),
            "the receiver was not sent `{place}`: {:?}",
            received.places.keys()
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_lies_plain_where_sealing_is_planted_away() -> Outcome {
    const NAME: &str = "canary::everything_lies_plain_where_sealing_is_planted_away";
    let Some(planted) = env::var_os(PLANTED_ENV).map(PathBuf::from) else {
        return Ok(skip(NAME, &format!("{PLANTED_ENV} is not set"))?);
    };
    let songs = Songs::new(&mut Chance::printed(NAME));
    let search = Search::new(&songs.all);
    let mut daemon = Daemon::start(&options().binary(&planted).environment("BASCULE_PLANT", "no-seal"))?;
    let receiver = Receiver::start(&daemon)?;
    songs.sing(&Client::operator(&daemon).await?, &receiver).await?;
    let wanted: BTreeSet<&str> =
        songs.all.iter().map(|canary| canary.place).filter(|p| !NEVER_KEPT.contains(p)).collect();
    let everything = |when: &str, found: &Found| -> Outcome {
        let found: BTreeSet<&str> = found.places.keys().copied().collect();
        let missed: Vec<_> = wanted.difference(&found).collect();
        ensure!(missed.is_empty(), "{when}: the search misses {missed:?}");
        let kept: Vec<_> = found.difference(&wanted).collect();
        ensure!(kept.is_empty(), "{when}: {kept:?} is kept by now, so strike it off the list of what never is");
        Ok(())
    };
    everything("while it runs", &search.below(&daemon.data())?)?;
    ensure!(daemon.terminate()?.success(), "it did not end well");
    everything("after an orderly stop", &search.below(&daemon.data())?)?;
    daemon.start_again()?;
    daemon.kill9()?;
    everything("after a kill", &search.below(&daemon.data())?)
}
