//! A rule's target: where matched events go, as what, and how long that is tried.

use crate::arn::Arn;
use crate::fault::Fault;
use crate::limits::{
    EVENT_AGE_LEAST_SECONDS, EVENT_AGE_LIMIT_SECONDS, HTTP_PARAMETERS_LIMIT_PARAMETERS, INPUT_LIMIT_CHARS,
    INPUT_PATH_LIMIT_CHARS, INPUT_PATHS_LIMIT_PATHS, RETRY_ATTEMPTS_LIMIT_ATTEMPTS,
};
use crate::name::{BusName, DestinationName, QueueName, TargetId};

/// How often and how long a delivery is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: u32,
    age_s: u32,
}

impl RetryPolicy {
    /// A policy of at most `attempts` retries (0 to 185) within `age_s` seconds (60 to 86,400).
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn new(attempts: u32, age_s: u32) -> Result<Self, Fault> {
        if attempts > RETRY_ATTEMPTS_LIMIT_ATTEMPTS {
            let reason = format!("it must be 0 to {RETRY_ATTEMPTS_LIMIT_ATTEMPTS}");
            return Err(Fault::invalid("MaximumRetryAttempts", reason, &attempts.to_string()));
        }
        if !(EVENT_AGE_LEAST_SECONDS..=EVENT_AGE_LIMIT_SECONDS).contains(&age_s) {
            let reason = format!("it must be {EVENT_AGE_LEAST_SECONDS} to {EVENT_AGE_LIMIT_SECONDS}");
            return Err(Fault::invalid("MaximumEventAgeInSeconds", reason, &age_s.to_string()));
        }
        Ok(Self { attempts, age_s })
    }

    /// Retries after the first attempt.
    #[must_use]
    pub const fn attempts(self) -> u32 {
        self.attempts
    }

    /// Seconds from acceptance after which it is given up.
    #[must_use]
    pub const fn age_s(self) -> u32 {
        self.age_s
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: RETRY_ATTEMPTS_LIMIT_ATTEMPTS, age_s: EVENT_AGE_LIMIT_SECONDS }
    }
}

/// What a target's ARN leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// A built-in queue.
    Queue(QueueName),
    /// HTTP by way of an API destination.
    Destination(DestinationName),
    /// A log group.
    Log(String),
    /// Another bus.
    Bus(BusName),
    /// `bascule` service, resource `KIND/NAME`: gRPC, Kafka, NATS.
    Wire {
        /// `grpc`, `kafka` or `nats`.
        kind: String,
        /// Its name.
        name: String,
    },
}

impl TargetKind {
    /// Resolves an ARN.
    ///
    /// # Errors
    /// [`Fault::Invalid`] for an ARN that this build cannot send to, or one without region or account.
    pub fn of(arn: &Arn) -> Result<Self, Fault> {
        let refused = |reason: &str| Fault::invalid("Arn", reason, &arn.to_string());
        if arn.scope().is_none() {
            return Err(refused("a target needs region and account"));
        }
        match (arn.service(), arn.resource().split_once(['/', ':'])) {
            ("sqs", None) => QueueName::parse(arn.resource()).map(Self::Queue),
            ("events", Some(("api-destination", rest))) => {
                // Real ARNs have a uuid behind the name; whoever copied one means the same destination.
                let name = rest.split_once('/').map_or(rest, |(name, _)| name);
                DestinationName::parse(name).map(Self::Destination)
            }
            ("events", Some(("event-bus", name))) => BusName::parse(name).map(Self::Bus),
            ("logs", Some(("log-group", rest))) => {
                let name = rest.strip_suffix(":*").unwrap_or(rest);
                if name.is_empty() { Err(refused("the log group has no name")) } else { Ok(Self::Log(name.to_owned())) }
            }
            ("bascule", Some((kind @ ("grpc" | "kafka" | "nats"), name))) if !name.is_empty() => {
                Ok(Self::Wire { kind: kind.to_owned(), name: name.to_owned() })
            }
            _ => Err(refused("it is no kind of target that can be invoked here")),
        }
    }
}

/// What the target is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Input {
    /// The whole event.
    #[default]
    Event,
    /// This JSON text instead.
    Constant(String),
    /// What stands at this path of the event.
    Path(String),
    /// A template with values taken from paths.
    Template {
        /// Variable and path, ascending by variable.
        paths: Vec<(String, String)>,
        /// The template.
        template: String,
    },
}

/// What is added to the HTTP call of an API destination. A connection's own parameters win.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpParameters {
    /// For the `*`s of the endpoint's path, in order.
    pub path_values: Vec<String>,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// Query names and values.
    pub query: Vec<(String, String)>,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its id, unique in its rule.
    pub id: TargetId,
    /// Where to.
    pub arn: Arn,
    /// What that is.
    pub kind: TargetKind,
    /// Role in which it is invoked; the rule's if absent.
    pub role: Option<Arn>,
    /// What it is sent.
    pub input: Input,
    /// How long it is tried.
    pub retry: RetryPolicy,
    /// Standard queue for what could not be delivered.
    pub dead_letter: Option<Arn>,
    /// For API destinations.
    pub http: HttpParameters,
}

impl Target {
    /// A target of `arn` with every default.
    ///
    /// # Errors
    /// [`Fault::Invalid`] as for [`TargetKind::of`].
    pub fn new(id: TargetId, arn: Arn) -> Result<Self, Fault> {
        Ok(Self {
            kind: TargetKind::of(&arn)?,
            id,
            arn,
            role: None,
            input: Input::default(),
            retry: RetryPolicy::default(),
            dead_letter: None,
            http: HttpParameters::default(),
        })
    }

    /// Checks what the fields' types do not; paths and templates are compiled elsewhere.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn check(&self) -> Result<(), Fault> {
        self.check_input()?;
        let HttpParameters { path_values, headers, query } = &self.http;
        for (field, count) in [
            ("PathParameterValues", path_values.len()),
            ("HeaderParameters", headers.len()),
            ("QueryStringParameters", query.len()),
        ] {
            if count > HTTP_PARAMETERS_LIMIT_PARAMETERS {
                let reason = format!("there may be at most {HTTP_PARAMETERS_LIMIT_PARAMETERS}");
                return Err(Fault::invalid(field, reason, &count.to_string()));
            }
        }
        if let Some(arn) = &self.dead_letter
            && !matches!(TargetKind::of(arn), Ok(TargetKind::Queue(_)))
        {
            return Err(Fault::invalid("DeadLetterConfig.Arn", "it must be a standard queue", &arn.to_string()));
        }
        if matches!(self.kind, TargetKind::Bus(_)) && self.role.is_none() {
            return Err(Fault::invalid("RoleArn", "a target that is an event bus needs a role", self.id.as_str()));
        }
        if matches!(self.kind, TargetKind::Bus(_)) && self.input != Input::Event {
            return Err(Fault::invalid(
                "Input",
                "a target that is an event bus takes the whole event",
                self.id.as_str(),
            ));
        }
        Ok(())
    }

    fn check_input(&self) -> Result<(), Fault> {
        match &self.input {
            Input::Event => Ok(()),
            Input::Constant(text) => Fault::unless_at_most("Input", text, INPUT_LIMIT_CHARS),
            Input::Path(path) => Fault::unless_at_most("InputPath", path, INPUT_PATH_LIMIT_CHARS),
            Input::Template { paths, template } => {
                if paths.len() > INPUT_PATHS_LIMIT_PATHS {
                    let reason = format!("there may be at most {INPUT_PATHS_LIMIT_PATHS}");
                    return Err(Fault::invalid("InputPathsMap", reason, &paths.len().to_string()));
                }
                for (variable, path) in paths {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
                    if variable.is_empty() || !variable.bytes().all(plain) {
                        return Err(Fault::invalid("InputPathsMap", r"a key must match `[A-Za-z0-9\_\-]+`", variable));
                    }
                    Fault::unless_at_most("InputPathsMap", path, INPUT_PATH_LIMIT_CHARS)?;
                }
                if template.is_empty() {
                    return Err(Fault::invalid("InputTemplate", "it must be there", ""));
                }
                Fault::unless_at_most("InputTemplate", template, INPUT_LIMIT_CHARS)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(resource: &str) -> Target {
        let arn = Arn::parse("Arn", &format!("arn:aws:{resource}")).unwrap();
        Target::new(TargetId::parse("t").unwrap(), arn).unwrap()
    }

    #[test]
    fn kinds_are_resolved_from_arns() {
        let at = "us-east-1:000000000000";
        for (text, kind) in [
            (format!("sqs:{at}:q"), Some(TargetKind::Queue(QueueName::parse("q").unwrap()))),
            (
                format!("events:{at}:api-destination/d/uuid"),
                Some(TargetKind::Destination(DestinationName::parse("d").unwrap())),
            ),
            (
                format!("events:{at}:api-destination/d"),
                Some(TargetKind::Destination(DestinationName::parse("d").unwrap())),
            ),
            (format!("events:{at}:event-bus/b"), Some(TargetKind::Bus(BusName::parse("b").unwrap()))),
            (format!("logs:{at}:log-group:/a/b:*"), Some(TargetKind::Log("/a/b".to_owned()))),
            (format!("bascule:{at}:nats/n"), Some(TargetKind::Wire { kind: "nats".to_owned(), name: "n".to_owned() })),
            (format!("bascule:{at}:smtp/n"), None),
            (format!("sqs:{at}:a.fifo"), None),
            (format!("events:{at}:rule/r"), None),
            ("sqs:us-east-1::q".to_owned(), None),
            ("sqs::000000000000:q".to_owned(), None),
            (format!("logs:{at}:log-group:"), None),
        ] {
            let arn = Arn::parse("Arn", &format!("arn:aws:{text}")).unwrap();
            assert_eq!(TargetKind::of(&arn).ok(), kind, "{text}");
        }
    }

    #[test]
    fn retry_policies_hold_at_their_borders() {
        for (attempts, age_s, good) in
            [(0, 60, true), (185, 86_400, true), (186, 60, false), (0, 59, false), (0, 86_401, false)]
        {
            assert_eq!(RetryPolicy::new(attempts, age_s).is_ok(), good, "{attempts} {age_s}");
        }
        assert_eq!(RetryPolicy::default(), RetryPolicy::new(185, 86_400).unwrap());
    }

    #[test]
    fn targets_hold_at_their_borders() {
        let at = "us-east-1:000000000000";
        let queue = target(&format!("sqs:{at}:q"));
        let bus = target(&format!("events:{at}:event-bus/b"));
        let of = |length: usize| "p".repeat(length);
        let template = |count: usize, key: &str, path: usize, length: usize| Input::Template {
            paths: vec![(key.to_owned(), of(path)); count],
            template: of(length),
        };
        let many = |count: usize| HttpParameters { path_values: vec![of(1); count], ..HttpParameters::default() };
        for (target, good) in [
            (Target { input: Input::Constant(of(8_192)), ..queue.clone() }, true),
            (Target { input: Input::Constant(of(8_193)), ..queue.clone() }, false),
            (Target { input: Input::Path(of(256)), ..queue.clone() }, true),
            (Target { input: Input::Path(of(257)), ..queue.clone() }, false),
            (Target { input: template(100, "a-_9", 256, 8_192), ..queue.clone() }, true),
            (Target { input: template(101, "a", 1, 1), ..queue.clone() }, false),
            (Target { input: template(1, "a.b", 1, 1), ..queue.clone() }, false),
            (Target { input: template(1, "a", 257, 1), ..queue.clone() }, false),
            (Target { input: template(0, "a", 1, 0), ..queue.clone() }, false),
            (Target { input: template(0, "a", 1, 8_193), ..queue.clone() }, false),
            (Target { http: many(100), ..queue.clone() }, true),
            (Target { http: many(101), ..queue.clone() }, false),
            (Target { dead_letter: Some(queue.arn.clone()), ..queue.clone() }, true),
            (Target { dead_letter: Some(bus.arn.clone()), ..queue.clone() }, false),
            (bus.clone(), false),
            (Target { role: Some(queue.arn.clone()), ..bus.clone() }, true),
            (Target { role: Some(queue.arn.clone()), input: Input::Path(of(1)), ..bus }, false),
        ] {
            assert_eq!(target.check().is_ok(), good, "{target:?}");
        }
    }
}
