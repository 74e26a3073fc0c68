//! A rule: what it wants from its bus, and whether it is on.

use crate::arn::Arn;
use crate::fault::Fault;
use crate::limits::{DESCRIPTION_LIMIT_CHARS, PATTERN_LIMIT_CHARS, Quotas, SCHEDULE_LIMIT_CHARS};
use crate::name::{BusName, RuleName};

/// Whether a rule is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum RuleState {
    /// It picks events.
    #[default]
    Enabled,
    /// It picks none.
    Disabled,
    /// On, and for read-only management events of `aws.` sources too.
    EnabledWithAllManagementEvents,
}

impl RuleState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Enabled, Self::Disabled, Self::EnabledWithAllManagementEvents];

    /// The word of the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::EnabledWithAllManagementEvents => "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        }
    }

    /// Reads the word of the API.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::ALL
            .into_iter()
            .find(|state| state.word() == text)
            .ok_or_else(|| Fault::invalid("State", "it is no state of a rule", text))
    }

    /// Whether events or due times are picked at all.
    #[must_use]
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::Disabled)
    }
}

/// A rule. A field that is left out is empty: PutRule replaces the whole rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The bus it stands on.
    pub bus: BusName,
    /// Its name, unique on the bus.
    pub name: RuleName,
    /// Event pattern, JSON text.
    pub pattern: Option<String>,
    /// `rate(…)` or `cron(…)`.
    pub schedule: Option<String>,
    /// Whether it is on.
    pub state: RuleState,
    /// Free text, at most 512 characters.
    pub description: String,
    /// Role in which its targets are invoked unless they name their own.
    pub role: Option<Arn>,
}

impl Rule {
    /// Checks what the fields' types do not; the pattern and the schedule are compiled elsewhere.
    ///
    /// # Errors
    /// [`Fault::Invalid`], and [`Fault::LimitExceeded`] for a pattern over its quota.
    pub fn check(&self, quotas: &Quotas) -> Result<(), Fault> {
        Fault::unless_at_most("Description", &self.description, DESCRIPTION_LIMIT_CHARS)?;
        if self.pattern.is_none() && self.schedule.is_none() {
            let reason = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
            return Err(Fault::invalid("EventPattern", reason, ""));
        }
        if let Some(pattern) = &self.pattern {
            Fault::unless_at_most("EventPattern", pattern, PATTERN_LIMIT_CHARS)?;
            let chars = pattern.chars().count() as u64;
            if chars > u64::from(quotas.pattern_chars) {
                return Err(Fault::limit("characters per event pattern", chars, quotas.pattern_chars));
            }
        }
        let Some(schedule) = &self.schedule else {
            return Ok(());
        };
        Fault::unless_at_most("ScheduleExpression", schedule, SCHEDULE_LIMIT_CHARS)?;
        if !self.bus.is_default() {
            let reason = "ScheduleExpression is supported only on the default event bus.";
            return Err(Fault::invalid("ScheduleExpression", reason, schedule));
        }
        if self.state == RuleState::EnabledWithAllManagementEvents {
            return Err(Fault::invalid("State", "a rule with a schedule cannot have this state", self.state.word()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_back() {
        for state in RuleState::ALL {
            assert_eq!(RuleState::parse(state.word()), Ok(state));
        }
        assert!(RuleState::parse("enabled").is_err());
        assert_eq!(RuleState::ALL.map(RuleState::is_on), [true, false, true]);
    }

    #[test]
    fn rules_hold_at_their_borders() {
        let of = |length: usize| Some("p".repeat(length));
        let all = RuleState::EnabledWithAllManagementEvents;
        for (bus, pattern, schedule, state, description, good) in [
            ("default", of(1), None, RuleState::Enabled, 512, true),
            ("default", of(1), None, RuleState::Enabled, 513, false),
            ("default", of(2_048), None, all, 0, true),
            ("default", of(2_049), None, RuleState::Enabled, 0, false),
            ("default", of(4_097), None, RuleState::Enabled, 0, false),
            ("default", None, None, RuleState::Enabled, 0, false),
            ("default", None, of(256), RuleState::Disabled, 0, true),
            ("default", None, of(257), RuleState::Enabled, 0, false),
            ("b", None, of(9), RuleState::Enabled, 0, false),
            ("default", of(1), of(9), all, 0, false),
        ] {
            let rule = Rule {
                bus: BusName::parse(bus).unwrap(),
                name: RuleName::parse("r").unwrap(),
                pattern,
                schedule,
                state,
                description: "d".repeat(description),
                role: None,
            };
            assert_eq!(rule.check(&Quotas::default()).is_ok(), good, "{rule:?}");
        }
    }
}
