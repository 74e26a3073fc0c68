//! One field of a cron expression as a set of numbers: lists, ranges, steps and names.

/// A field's name, its least and greatest value, and names of values, the first for `named_from`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) name: &'static str,
    pub(super) least: u16,
    pub(super) most: u16,
    pub(super) names: &'static [&'static str],
}

/// Which values of a range a field has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    least: u16,
    bits: Vec<bool>,
}

impl Set {
    pub(super) fn has(&self, value: u16) -> bool {
        value.checked_sub(self.least).and_then(|at| self.bits.get(usize::from(at))).copied().unwrap_or(false)
    }

    /// The least value of the set that is `from` or more.
    pub(super) fn first_from(&self, from: u16) -> Option<u16> {
        let most = self.least + u16::try_from(self.bits.len()).unwrap_or(u16::MAX) - 1;
        (from.max(self.least)..=most).find(|value| self.has(*value))
    }
}

impl Range {
    /// A value by number or name.
    pub(super) fn value(&self, text: &str) -> Result<u16, String> {
        let named = self.names.iter().zip(self.least..).find(|(name, _)| name.eq_ignore_ascii_case(text));
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = named.map(|(_, value)| value).or_else(|| text.parse().ok().filter(|_| digits));
        number
            .filter(|value| (self.least..=self.most).contains(value))
            .ok_or_else(|| format!("`{text}` is no value of {}, which are {} to {}", self.name, self.least, self.most))
    }

    /// The values of `a,b-c,d/e,*`.
    pub(super) fn set(&self, text: &str) -> Result<Set, String> {
        let mut set = Set { least: self.least, bits: vec![false; usize::from(self.most - self.least) + 1] };
        for item in text.split(',') {
            let (span, step) = match item.split_once('/') {
                Some((span, step)) => (span, Some(self.step(step)?)),
                None => (item, None),
            };
            let (from, to) = match span.split_once('-') {
                _ if span == "*" => (self.least, self.most),
                Some((from, to)) => (self.value(from)?, self.value(to)?),
                // A step counts from its start to the end of the field.
                None if step.is_some() => (self.value(span)?, self.most),
                None => (self.value(span)?, self.value(span)?),
            };
            if from > to {
                return Err(format!("`{span}` of {} ends before it begins", self.name));
            }
            for value in (from..=to).step_by(usize::from(step.unwrap_or(1))) {
                if let Some(bit) = set.bits.get_mut(usize::from(value - self.least)) {
                    *bit = true;
                }
            }
        }
        Ok(set)
    }

    fn step(&self, text: &str) -> Result<u16, String> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let step = text.parse().ok().filter(|step| digits && *step > 0 && *step <= self.most);
        step.ok_or_else(|| format!("`/{text}` is no step of {}", self.name))
    }
}
