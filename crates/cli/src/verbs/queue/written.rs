//! What a followed queue writes: messages as they come, and how the stream stands.

use std::io::{self, Write};
use std::time::Duration;

use crate::error::Error;
use crate::limits::SUBSCRIBE_WORDS_MAX_MS;
use crate::output::{Format, View, visible};
use crate::verbs::Desk;
use crate::verbs::follow::{Outlet, Reader, show};

/// The outputs: tables set apart by an empty line, in JSON an object on each line as nobody knows the last, YAML documents with `---`
/// before each.
pub struct Written<'a> {
    out: &'a mut Outlet,
    aside: &'a mut Outlet,
    format: Format,
    tells: bool,
    begun: bool,
    told: String,
    /// How long each word may wait for a reader; none while there is time.
    words_max: Option<Duration>,
}

impl<'a> Written<'a> {
    /// Writes to the desk's outputs; how the stream stands is told if somebody watches or asked for it.
    pub fn on(desk: &'a mut Desk, verbose: bool) -> Self {
        let Desk { out, aside, format, watched, .. } = desk;
        let tells = *watched || verbose;
        Self { out, aside, format: *format, tells, begun: false, told: String::new(), words_max: None }
    }

    /// Writes these views: only then they are written.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub async fn write(&mut self, views: &[View]) -> Result<Reader, Error> {
        let Self { out, format, begun, .. } = self;
        let mut text = Vec::new();
        views.iter().try_for_each(|view| one(view, *format, begun, &mut text))?;
        show(out, &text).await
    }

    /// Tells how the stream stands, by its name and in words; not twice in a row.
    pub async fn tell(&mut self, name: &str, words: &str) {
        let text = if words.is_empty() { name.to_owned() } else { format!("{name}: {words}") };
        if self.tells && self.told != text {
            self.warn(&text).await;
            self.told = text;
        }
    }

    /// Tells what must not be missed, whoever watches. Where the standard error is broken there is nobody to tell.
    pub async fn warn(&mut self, text: &str) {
        let line = format!("{}\n", visible(text));
        let words = show(self.aside, line.as_bytes());
        match self.words_max {
            None => drop(words.await),
            Some(Duration::ZERO) => {}
            Some(max) => {
                // Who does not read this one reads none after it.
                if tokio::time::timeout(max, words).await.is_err() {
                    self.words_max = Some(Duration::ZERO);
                }
            }
        }
    }

    /// From now on words wait for a reader only for a moment.
    pub fn hurry(&mut self) {
        self.words_max = Some(Duration::from_millis(SUBSCRIBE_WORDS_MAX_MS));
    }
}

fn one(view: &View, format: Format, begun: &mut bool, to: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table | Format::Wide if *begun => writeln!(to)?,
        Format::Yaml => writeln!(to, "---")?,
        Format::Table | Format::Wide | Format::Json | Format::Jsonl => {}
    }
    *begun = true;
    let format = if format == Format::Json { Format::Jsonl } else { format };
    view.write(format, false, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::record::Record;
    use crate::verbs::tests::Paper;

    fn on<'a>(out: &'a mut Outlet, aside: &'a mut Outlet, format: Format) -> Written<'a> {
        Written { out, aside, format, tells: true, begun: false, told: String::new(), words_max: None }
    }

    #[tokio::test]
    async fn views_are_set_apart_as_their_format_wants_it() {
        for (format, expected) in [
            (Format::Table, "A:  1\n\nA:  2\n"),
            (Format::Wide, "A:  1\n\nA:  2\n"),
            (Format::Json, "{\"A\":1}\n{\"A\":2}\n"),
            (Format::Jsonl, "{\"A\":1}\n{\"A\":2}\n"),
            (Format::Yaml, "---\nA: 1\n---\nA: 2\n"),
        ] {
            let paper = Paper::default();
            let (mut out, mut aside) = (paper.outlet(), Paper::default().outlet());
            let mut written = on(&mut out, &mut aside, format);
            for number in [1, 2] {
                let reader = written.write(&[View::one(Record::new().number("A", number))]).await.unwrap();
                assert_eq!(reader, Reader::Reads);
            }
            assert_eq!(paper.text(), expected, "{format:?}");
        }
    }

    #[tokio::test]
    async fn states_are_told_once_and_rule_no_terminal() {
        let (paper, told) = (Paper::default(), Paper::default());
        let (mut out, mut aside) = (paper.outlet(), told.outlet());
        let mut written = on(&mut out, &mut aside, Format::Jsonl);
        for name in ["ACTIVE", "ACTIVE", "NO_LEADER", "ACTIVE"] {
            written.tell(name, "\u{1b}").await;
        }
        let expected = ["ACTIVE", "NO_LEADER", "ACTIVE"].map(|name| format!("{name}: \\u{{1b}}\n")).concat();
        assert_eq!((paper.text(), told.text()), (String::new(), expected));
    }

    #[tokio::test]
    async fn last_words_do_not_wait_for_a_reader() {
        // Nobody reads: it holds one byte.
        let (_reader, writer) = tokio::io::duplex(1);
        let (mut out, mut aside): (Outlet, Outlet) = (Paper::default().outlet(), Box::new(writer));
        let mut written = on(&mut out, &mut aside, Format::Jsonl);
        written.hurry();
        written.warn("one").await;
        assert_eq!(written.words_max, Some(Duration::ZERO));
        written.warn("two").await;
    }
}
