//! What an operation asks of policies: an action, a resource, and the keys that conditions look at, read from the request alone.
//!
//! In: a request as it came, and where the caller stands.
//! Out: every access that it needs; at least one.
//! Never: a refusal, a look at what there is, an access that a name widens. What is no name is on `*`, which only `*` allows; a
//! `*` in a name is that letter.
//!
//! Who may not must learn nothing from what the request could be. So a request that cannot be is asked about too, and two ways to
//! name one resource lead to one ARN here, or whoever is denied it would take the other.

mod asking;
mod destinations;
mod events;
mod iam;
mod literals;
mod operators;
mod organizations;
mod queues;
mod rules;
mod sessions;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bascule_model::limits::TAGS_LIMIT_COUNT;

use crate::operation::Operation;

pub use asking::{Asking, Named, Standing};
pub use queues::Settles;
pub(in crate::stack) use rules::passing;

/// A request that knows what it asks of policies. One that does not cannot pass the stack.
pub trait Asks {
    /// Whose request it is.
    const OPERATION: Operation;

    /// What it is on.
    fn resource(&self, asking: &Asking) -> Named;

    /// Every access that it needs.
    fn accesses(&self, asking: &Asking) -> Accesses {
        Accesses::one(Access::of(Self::OPERATION, self.resource(asking)))
    }
}

/// Requests that need their operation's action on one resource, and have no keys of their own.
macro_rules! asks {
    ($($message:ident $operation:ident |$request:ident, $asking:ident| $resource:expr;)+) => {
        $(impl $crate::stack::access::Asks for $message {
            const OPERATION: $crate::operation::Operation = $crate::operation::Operation::$operation;

            fn resource(
                &self,
                $asking: &$crate::stack::access::Asking,
            ) -> $crate::stack::access::Named {
                let $request = self;
                $resource
            }
        })+
    };
}
pub(in crate::stack::access) use asks;

/// What one request asks for.
#[derive(Debug, Clone)]
pub struct Accesses {
    /// There is always one, so that nothing is allowed for want of a question.
    pub(in crate::stack) first: Access,
    pub(in crate::stack) more: Vec<Access>,
    pub(in crate::stack) judged: Judged,
}

/// What a refused access refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The call.
    Together,
    /// The entry of the same place.
    EachByItself,
}

impl Accesses {
    fn one(first: Access) -> Self {
        Self { first, more: Vec::new(), judged: Judged::Together }
    }

    fn and(mut self, more: impl IntoIterator<Item = Access>) -> Self {
        self.more.extend(more);
        self
    }

    const fn each_by_itself(mut self) -> Self {
        self.judged = Judged::EachByItself;
        self
    }

    /// All, the first first.
    pub(in crate::stack) fn iter(&self) -> impl Iterator<Item = &Access> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// One question of a policy.
#[derive(Debug, Clone)]
pub struct Access {
    /// For example `events:PutRule`.
    pub(in crate::stack) action: &'static str,
    pub(in crate::stack) resource: Named,
    /// Tags that the request would set.
    pub(in crate::stack) tags: Vec<(String, String)>,
    /// Other keys. One that stands here twice cannot be evaluated, which never widens.
    pub(in crate::stack) keys: Vec<(&'static str, Given)>,
}

/// What a request gives for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// One text.
    Text(String),
    /// Several; none of them is as if the key were not there.
    Texts(Vec<String>),
    /// `true` or `false`.
    Bool(bool),
}

impl Given {
    /// Its texts, if it is of several.
    pub(in crate::stack) fn texts(&self) -> &[String] {
        match self {
            Self::Texts(texts) => texts,
            Self::Text(_) | Self::Bool(_) => &[],
        }
    }
}

impl Access {
    fn of(operation: Operation, resource: Named) -> Self {
        Self::to(operation.action(), resource)
    }

    fn to(action: &'static str, resource: Named) -> Self {
        Self { action, resource, tags: Vec::new(), keys: Vec::new() }
    }

    fn with(mut self, key: &'static str, given: Given) -> Self {
        self.keys.push((key, given));
        self
    }

    fn with_text(self, key: &'static str, text: &str) -> Self {
        self.with(key, Given::Text(text.to_owned()))
    }

    /// That tags may be set at once on what is yet to be made: it takes the right to set them as well.
    fn tagging(action: &'static str, resource: &Named, tags: &BTreeMap<String, String>) -> Option<Self> {
        (!tags.is_empty()).then(|| Self::to(action, resource.clone()).with_tags(tags))
    }

    /// That events of the caller's making may be laid into a queue of their account, by its ARN, by the service in its own name. A queue
    /// of another account has to admit the service itself.
    fn laying(arn: &str, asking: &Asking) -> Option<Self> {
        let queue = asking.queue(arn);
        (!arn.is_empty() && asking.is_own(&queue)).then(|| Self::to("sqs:SendMessage", queue))
    }

    /// With tags that are to be set; more than a resource may have come to nothing anyway.
    fn with_tags(mut self, tags: &BTreeMap<String, String>) -> Self {
        let some = tags.iter().take(TAGS_LIMIT_COUNT + 1);
        self.tags = some.map(|(key, value)| (key.clone(), value.clone())).collect();
        self
    }
}
