//! Reads a document: JSON to statements, with what each kind of policy may hold.
//!
//! Sources: `reference_policies_grammar`, `orgs_manage_policies_scps_syntax`, `orgs_manage_policies_rcps_syntax`.

use crate::arn;
use crate::error::Invalid;
use crate::json::{self, Node};
use crate::limits::{DOCUMENT_LIMIT_BYTES, SID_LIMIT_CHARS, STATEMENTS_LIMIT_COUNT};
use crate::operands;
use crate::path::Path;
use crate::statement::{Effect, Kind, Listed, PrincipalPattern, Statement, Version};
use crate::template::Template;

const ELEMENTS: &str = "`Version`, `Id`, `Statement`";
const STATEMENT_ELEMENTS: &str =
    "`Sid`, `Effect`, `Principal`, `NotPrincipal`, `Action`, `NotAction`, `Resource`, `NotResource`, `Condition`";
const PRINCIPAL_TYPES: &str = "`AWS`, `Service`";

/// Members of an object.
pub type Members = [(String, Node)];

/// The statements of `text`.
pub fn document(kind: Kind, text: &str, limit_chars: usize) -> Result<Vec<Statement>, Invalid> {
    let large = |found, unit, limit| Err(Invalid::Large { kind, found, unit, limit });
    if text.len() > DOCUMENT_LIMIT_BYTES {
        return large(text.len(), "bytes", DOCUMENT_LIMIT_BYTES);
    }
    let root = json::read(text)?;
    let chars = match kind {
        Kind::Scp | Kind::Rcp => text.chars().count(),
        _ => json::characters_without_space(text),
    };
    if chars > limit_chars {
        return large(chars, "characters", limit_chars);
    }
    let path = Path::Root;
    let members = object(&root, &path)?;
    once(members, &path)?;
    if let Some((name, _)) = members.iter().find(|(name, _)| !matches!(&**name, "Version" | "Id" | "Statement")) {
        return Err(path.does_not_know(name, ELEMENTS));
    }
    let version = version(kind, members)?;
    if let Some(id) = member(members, "Id") {
        if !matches!(kind, Kind::Resource | Kind::Trust) {
            return Err(path.has_no_place_for("Id", format!("{kind} policies")));
        }
        string(id, &path.field("Id"))?;
    }
    let path = path.field("Statement");
    let reading = Reading { kind, version };
    let statements = match member(members, "Statement").ok_or(Path::Root.misses("Statement"))? {
        Node::List(items) if items.len() > STATEMENTS_LIMIT_COUNT => {
            return large(items.len(), "statements", STATEMENTS_LIMIT_COUNT);
        }
        Node::List(items) if items.is_empty() => return Err(path.refuses("[]", "it must have a statement")),
        Node::List(items) => {
            items.iter().enumerate().map(|(at, item)| reading.statement(item, &path.item(at))).collect()
        }
        single => reading.statement(single, &path).map(|statement| vec![statement]),
    }?;
    sids_differ(&statements, &path)?;
    Ok(statements)
}

/// Refuses an object with a key twice.
pub fn once(members: &Members, path: &Path<'_>) -> Result<(), Invalid> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(path.repeats(pair[0])),
        None => Ok(()),
    }
}

pub fn object<'n>(node: &'n Node, path: &Path<'_>) -> Result<&'n Members, Invalid> {
    match node {
        Node::Object(members) => Ok(members),
        other => Err(path.refuses(other.word(), "it must be an object")),
    }
}

pub fn string<'n>(node: &'n Node, path: &Path<'_>) -> Result<&'n str, Invalid> {
    match node {
        Node::Text(text) => Ok(text),
        other => Err(path.refuses(other.word(), "it must be a string")),
    }
}

/// Each item of an array, or the one value that stands for it.
pub fn items<T>(
    node: &Node,
    path: &Path<'_>,
    mut read: impl FnMut(&Node, &Path<'_>) -> Result<T, Invalid>,
) -> Result<Box<[T]>, Invalid> {
    match node {
        Node::List(items) if items.is_empty() => Err(path.refuses("[]", "it must have a value")),
        Node::List(items) => items.iter().enumerate().map(|(at, item)| read(item, &path.item(at))).collect(),
        single => Ok(Box::new([read(single, path)?])),
    }
}

fn member<'n>(members: &'n Members, name: &str) -> Option<&'n Node> {
    members.iter().find(|(own, _)| own == name).map(|(_, node)| node)
}

fn version(kind: Kind, members: &Members) -> Result<Version, Invalid> {
    let path = Path::Root;
    let found = match member(members, "Version") {
        Some(node) => Some(string(node, &path.field("Version"))?),
        None => None,
    };
    match found {
        Some("2012-10-17") => Ok(Version::V2012),
        None if matches!(kind, Kind::Scp | Kind::Rcp) => Err(path.misses("Version")),
        None => Ok(Version::V2008),
        Some("2008-10-17") if !matches!(kind, Kind::Scp | Kind::Rcp) => Ok(Version::V2008),
        Some(other) if matches!(kind, Kind::Scp | Kind::Rcp) => {
            Err(path.field("Version").refuses(other, "it must be `2012-10-17`"))
        }
        Some(other) => Err(path.field("Version").refuses(other, "it must be `2012-10-17` or `2008-10-17`")),
    }
}

fn sids_differ(statements: &[Statement], path: &Path<'_>) -> Result<(), Invalid> {
    let mut sids: Vec<&str> = statements.iter().filter_map(Statement::sid).collect();
    sids.sort_unstable();
    match sids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(path.repeats(pair[0])),
        None => Ok(()),
    }
}

#[derive(Clone, Copy)]
struct Reading {
    kind: Kind,
    version: Version,
}

impl Reading {
    fn statement(self, node: &Node, path: &Path<'_>) -> Result<Statement, Invalid> {
        let members = object(node, path)?;
        once(members, path)?;
        for (name, _) in members {
            let known = ["Sid", "Effect", "Condition"].contains(&&**name);
            if !known && !["Principal", "Action", "Resource"].contains(&name.strip_prefix("Not").unwrap_or(name)) {
                return Err(path.does_not_know(name, STATEMENT_ELEMENTS));
            }
        }
        let sid = match member(members, "Sid") {
            Some(node) => self.sid(node, &path.field("Sid"))?,
            None => None,
        };
        let effect = effect(member(members, "Effect").ok_or_else(|| path.misses("Effect"))?, &path.field("Effect"))?;
        let conditions = match member(members, "Condition") {
            Some(node) => operands::conditions(node, self.version, &path.field("Condition"))?,
            None => Box::default(),
        };
        let principals = self.principals(members, effect, path)?;
        let resources = self.resources(members, path)?;
        let statement =
            Statement { sid, effect, principals, actions: self.actions(members, path)?, resources, conditions };
        if self.kind == Kind::Rcp {
            rcp_allows_all_or_nothing(&statement, path)?;
        }
        Ok(statement)
    }

    /// `reference_policies_elements_sid`: letters and digits in IAM's own policies; other services take more. An empty one is none.
    fn sid(self, node: &Node, path: &Path<'_>) -> Result<Option<Box<str>>, Invalid> {
        let sid = string(node, path)?;
        let own = !self.kind.names_principals();
        let fine =
            |letter: char| letter.is_ascii_alphanumeric() || !own && (letter == ' ' || letter.is_ascii_graphic());
        if sid.chars().count() > SID_LIMIT_CHARS {
            return Err(path.refuses(sid, format!("it must have at most {SID_LIMIT_CHARS} characters")));
        }
        if !sid.chars().all(fine) {
            let letters = if own { "letters and digits" } else { "printable ASCII characters" };
            return Err(path.refuses(sid, format!("it may have {letters} alone")));
        }
        Ok(Some(sid.into()).filter(|_| !sid.is_empty()))
    }

    fn actions(self, members: &Members, path: &Path<'_>) -> Result<Listed<Template>, Invalid> {
        let (negated, name, node) = pair(members, "Action", "NotAction", path)?.ok_or_else(|| path.misses("Action"))?;
        if negated && self.kind == Kind::Rcp {
            return Err(path.has_no_place_for("NotAction", "resource control policies"));
        }
        let items = items(node, &path.field(name), |node, path| {
            let text = string(node, path)?;
            let action = arn::read_action(text).map_err(|reason| path.refuses(text, reason))?;
            if self.kind == Kind::Trust && !text.to_ascii_lowercase().starts_with("sts:") {
                return Err(path.refuses(text, "a role trust policy is about actions of `sts` alone"));
            }
            Ok(action)
        })?;
        Ok(Listed { negated, items })
    }

    fn resources(self, members: &Members, path: &Path<'_>) -> Result<Option<Listed<Template>>, Invalid> {
        let found = pair(members, "Resource", "NotResource", path)?;
        let Some((negated, name, node)) = found else {
            return if self.kind == Kind::Trust { Ok(None) } else { Err(path.misses("Resource")) };
        };
        if self.kind == Kind::Trust {
            let element = if negated { "NotResource" } else { "Resource" };
            return Err(path.has_no_place_for(element, "role trust policies, which are about their own role"));
        }
        let items = items(node, &path.field(name), |node, path| {
            let text = string(node, path)?;
            arn::read_resource(text, self.version).map_err(|reason| path.refuses(text, reason))
        })?;
        Ok(Some(Listed { negated, items }))
    }

    fn principals(
        self,
        members: &Members,
        effect: Effect,
        path: &Path<'_>,
    ) -> Result<Option<Listed<PrincipalPattern>>, Invalid> {
        let found = pair(members, "Principal", "NotPrincipal", path)?;
        let Some((negated, name, node)) = found else {
            return if self.kind.names_principals() { Err(path.misses("Principal")) } else { Ok(None) };
        };
        let element = if negated { "NotPrincipal" } else { "Principal" };
        if !self.kind.names_principals() || negated && self.kind == Kind::Trust {
            return Err(path.has_no_place_for(element, format!("{} policies", self.kind)));
        }
        if negated && effect == Effect::Allow {
            return Err(path.has_no_place_for(element, "a statement that allows: it would allow strangers"));
        }
        let items = principal_map(node, &path.field(name))?;
        if self.kind == Kind::Rcp && (negated || *items != [PrincipalPattern::Any]) {
            return Err(path
                .field(name)
                .refuses(element, "a resource control policy has `\"Principal\": \"*\"` alone"));
        }
        Ok(Some(Listed { negated, items }))
    }
}

/// The one of two elements that is there.
fn pair<'n>(
    members: &'n Members,
    plain: &'static str,
    negated: &'static str,
    path: &Path<'_>,
) -> Result<Option<(bool, &'static str, &'n Node)>, Invalid> {
    match (member(members, plain), member(members, negated)) {
        (Some(_), Some(_)) => Err(path.has_no_place_for(negated, format!("a statement that has `{plain}`"))),
        (Some(node), None) => Ok(Some((false, plain, node))),
        (None, Some(node)) => Ok(Some((true, negated, node))),
        (None, None) => Ok(None),
    }
}

fn effect(node: &Node, path: &Path<'_>) -> Result<Effect, Invalid> {
    match string(node, path)? {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(path.does_not_know(other, "`Allow`, `Deny`")),
    }
}

fn principal_map(node: &Node, path: &Path<'_>) -> Result<Box<[PrincipalPattern]>, Invalid> {
    if let Node::Text(text) = node {
        return match &**text {
            "*" => Ok(Box::new([PrincipalPattern::Any])),
            other => Err(path.refuses(other, "it must be `*` or an object")),
        };
    }
    let members = object(node, path)?;
    once(members, path)?;
    if members.is_empty() {
        return Err(path.refuses("{}", "it must name a principal"));
    }
    let mut all = Vec::new();
    for (kind, node) in members {
        let read = match &**kind {
            "AWS" => arn::read_principal,
            "Service" => arn::read_service,
            other => return Err(path.does_not_know(other, PRINCIPAL_TYPES)),
        };
        let patterns = items(node, &path.field(kind), |node, path| {
            let text = string(node, path)?;
            read(text).map_err(|reason| path.refuses(text, reason))
        })?;
        all.extend(patterns);
    }
    Ok(all.into())
}

/// `Allow` belongs to `RCPFullAWSAccess` alone, which allows everything.
fn rcp_allows_all_or_nothing(statement: &Statement, path: &Path<'_>) -> Result<(), Invalid> {
    let everything = |listed: &Listed<Template>| !listed.negated && listed.items.iter().any(Template::is_everything);
    let all = everything(&statement.actions)
        && statement.resources.as_ref().is_some_and(everything)
        && statement.conditions.is_empty();
    if statement.effect == Effect::Allow && !all {
        let reason = "a resource control policy denies, or allows everything to everybody";
        return Err(path.field("Effect").refuses("Allow", reason));
    }
    Ok(())
}
