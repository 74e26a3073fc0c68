//! Names of condition keys, and where in a request their values stand. Case does not matter: `reference_policies_elements_condition`.

use crate::limits::KEY_LIMIT_CHARS;
use crate::request::{Found, PrincipalKind, Request, Tag, Value};

/// The key of a condition or variable.
#[derive(Debug, Clone)]
pub struct Key {
    name: Box<str>,
    place: Place,
}

/// Where a value comes from. What the request itself says cannot be overridden by its list of other keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    CurrentTime,
    EpochTime,
    TokenIssueTime,
    PrincipalArn,
    PrincipalAccount,
    PrincipalOrgId,
    PrincipalOrgPaths,
    PrincipalType,
    PrincipalIsService,
    PrincipalServiceName,
    PrincipalTag,
    UserId,
    UserName,
    ResourceAccount,
    ResourceOrgId,
    ResourceOrgPaths,
    ResourceTag,
    RequestTag,
    TagKeys,
    Listed,
}

/// `reference_policies_condition-keys`.
const PLACES: [(&str, Place); 16] = [
    ("aws:CurrentTime", Place::CurrentTime),
    ("aws:EpochTime", Place::EpochTime),
    ("aws:TokenIssueTime", Place::TokenIssueTime),
    ("aws:PrincipalArn", Place::PrincipalArn),
    ("aws:PrincipalAccount", Place::PrincipalAccount),
    ("aws:PrincipalOrgID", Place::PrincipalOrgId),
    ("aws:PrincipalOrgPaths", Place::PrincipalOrgPaths),
    ("aws:PrincipalType", Place::PrincipalType),
    ("aws:PrincipalIsAWSService", Place::PrincipalIsService),
    ("aws:PrincipalServiceName", Place::PrincipalServiceName),
    ("aws:userid", Place::UserId),
    ("aws:username", Place::UserName),
    ("aws:ResourceAccount", Place::ResourceAccount),
    ("aws:ResourceOrgID", Place::ResourceOrgId),
    ("aws:ResourceOrgPaths", Place::ResourceOrgPaths),
    ("aws:TagKeys", Place::TagKeys),
];

/// Keys that a tag's own key follows.
const TAGS: [(&str, Place); 3] = [
    ("aws:PrincipalTag/", Place::PrincipalTag),
    ("aws:ResourceTag/", Place::ResourceTag),
    ("aws:RequestTag/", Place::RequestTag),
];

impl Key {
    /// Reads `prefix:name`; `Err` says what it must be.
    pub fn read(text: &str) -> Result<Self, String> {
        let fine = |letter: char| !letter.is_control() && !matches!(letter, '*' | '?' | '$' | '{' | '}' | '\'');
        let prefix = text.split_once(':').filter(|(prefix, name)| !prefix.is_empty() && !name.is_empty());
        if prefix.is_none() || !text.chars().all(fine) || text.chars().count() > KEY_LIMIT_CHARS {
            return Err(format!("it must be `prefix:name` with up to {KEY_LIMIT_CHARS} characters"));
        }
        let whole = PLACES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, place)| *place);
        let tag = TAGS.iter().find(|(name, _)| tag_key(text, name).is_some()).map(|(_, place)| *place);
        if TAGS.iter().any(|(name, _)| tag_key(text, name) == Some("")) {
            return Err("the key of a tag must follow it".to_owned());
        }
        Ok(Self { name: text.into(), place: whole.or(tag).unwrap_or(Place::Listed) })
    }

    /// As the policy writes it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its values in `request`.
    pub fn find<'r>(&self, request: &Request<'r>) -> Found<'r> {
        let who = &request.principal;
        let owner = &request.resource;
        let text = |text: Option<&'r str>| text.map_or(Found::Nothing, |text| Found::One(Value::Text(text)));
        match self.place {
            Place::CurrentTime => Found::One(Value::Time(request.now)),
            Place::EpochTime => Found::One(Value::Epoch(request.now)),
            Place::TokenIssueTime => match who.kind {
                PrincipalKind::Session { issued, .. } => Found::One(Value::Time(issued)),
                _ => Found::Nothing,
            },
            Place::PrincipalArn => text(who.kind.arn()),
            Place::PrincipalAccount => who.account.map_or(Found::Nothing, |id| Found::One(Value::Account(id))),
            Place::PrincipalOrgId => text(who.org.map(|org| org.id)),
            Place::PrincipalOrgPaths => text(who.org.map(|org| org.path)),
            Place::PrincipalType => text(who.kind.word()),
            Place::PrincipalIsService => Found::One(Value::Bool(matches!(who.kind, PrincipalKind::Service { .. }))),
            Place::PrincipalServiceName => match who.kind {
                PrincipalKind::Service { name } => text(Some(name)),
                _ => Found::Nothing,
            },
            Place::PrincipalTag => self.tag(who.tags, "aws:PrincipalTag/"),
            Place::UserId => text(Some(who.id).filter(|id| !id.is_empty())),
            Place::UserName => match who.kind {
                PrincipalKind::User { name, .. } => text(Some(name)),
                _ => Found::Nothing,
            },
            Place::ResourceAccount => Found::One(Value::Account(owner.account)),
            Place::ResourceOrgId => text(owner.org.map(|org| org.id)),
            Place::ResourceOrgPaths => text(owner.org.map(|org| org.path)),
            Place::ResourceTag => self.tag(owner.tags, "aws:ResourceTag/"),
            Place::RequestTag => self.tag(request.tags, "aws:RequestTag/"),
            Place::TagKeys if request.tags.is_empty() => Found::Nothing,
            Place::TagKeys => Found::Keys(request.tags),
            Place::Listed => self.listed(request),
        }
    }

    fn listed<'r>(&self, request: &Request<'r>) -> Found<'r> {
        let mut found = request.context.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&self.name));
        match (found.next(), found.next()) {
            (None, _) => Found::Nothing,
            (Some((_, values)), None) => values.found(),
            // Two values for one key, and nothing says which is meant.
            (Some(_), Some(_)) => Found::Unclear,
        }
    }

    fn tag<'r>(&self, tags: &'r [Tag<'r>], prefix: &str) -> Found<'r> {
        let wanted = tag_key(&self.name, prefix).unwrap_or_default();
        let mut found = tags.iter().filter(|(key, _)| key.eq_ignore_ascii_case(wanted));
        match (found.next(), found.next()) {
            (None, _) => Found::Nothing,
            (Some((_, value)), None) => Found::One(Value::Text(value)),
            // Tags whose keys differ in case alone.
            (Some(_), Some(_)) => Found::Unclear,
        }
    }
}

fn tag_key<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
