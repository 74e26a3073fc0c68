//! `bascule pattern test`: whether a pattern matches an event, as the cluster sees it.

use bascule_api::v1::TestEventPatternRequest;
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::explain::Exit;
use crate::link::ask;
use crate::output::View;
use crate::output::record::Record;
use crate::verbs::{Desk, Outcome};

/// What to do with patterns.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Test a pattern against an event; exits with 0 on a match and with 1 on none
    Test(Test),
}

/// A pattern and an event.
#[derive(Debug, Args)]
pub struct Test {
    /// Pattern: JSON, `@FILE`, or `-` for the standard input
    #[arg(long, value_name = "JSON")]
    pattern: String,
    /// Whole event with `id`, `account`, `source`, `time`, `region` and `detail-type`: JSON, `@FILE`, or `-`
    #[arg(long, value_name = "JSON")]
    event: String,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    let Verb::Test(test) = verb;
    let request = TestEventPatternRequest {
        event_pattern: desk.inputs.document("--pattern", &test.pattern)?,
        event: desk.inputs.document("--event", &test.event)?,
    };
    let link = desk.dial.link().await?;
    let answer = ask!(link, rules.test_event_pattern, request).await?;
    Ok(told(answer.result))
}

fn told(result: bool) -> Outcome {
    let json = Record::new().flag("Result", result);
    match result {
        true => Outcome::done(View::line("match", json)),
        false => Outcome { view: View::line("no match", json), exit: Exit::Negative, trouble: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn a_result_is_a_word_and_an_exit_code() {
        let rows = [(true, "match\n", 0, "true"), (false, "no match\n", 1, "false")];
        for (result, text, exit, json) in rows {
            let outcome = told(result);
            let written = |format| {
                let mut out = Vec::new();
                outcome.view.write(format, false, &mut out).unwrap();
                String::from_utf8(out).unwrap()
            };
            assert_eq!(written(Format::Table), text);
            assert_eq!(written(Format::Json), format!("{{\n  \"Result\": {json}\n}}\n"));
            assert_eq!(outcome.exit as u8, exit);
        }
    }
}
