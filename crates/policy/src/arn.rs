//! ARNs in policies: patterns that are compared part by part, and the forms that `Resource` and `Principal` take.
//!
//! Sources: `reference_policies_elements_condition_operators`, ARN operators; `reference_policies_elements_resource`.

use bascule_model::arn::Arn;
use bascule_model::name::AccountId;

use crate::meter::Metered;
use crate::statement::{PrincipalPattern, Version};
use crate::template::{Case, Fit, Piece, Template, Wildcards};

/// Colons between the six parts. The sixth may have more of its own.
const COLONS: usize = 5;
/// What taking an ARN apart takes.
const PARTS_STEPS: usize = 16;

/// An operand of `ArnLike` and its kin: no wildcard crosses one of the first five colons.
#[derive(Debug, Clone)]
pub enum ArnPattern {
    Parts(Box<[Template]>),
    /// A variable has the colons, so that the parts are known only with its value.
    Later(Template),
}

impl ArnPattern {
    /// Reads a pattern; `Err` says what it must be.
    pub fn read(text: &str, version: Version) -> Result<Self, String> {
        let template = Template::read(text, version, Wildcards::Count)?;
        match template.split(COLONS) {
            Some(parts) => Ok(Self::Parts(parts.into())),
            None if template.has_variables() => Ok(Self::Later(template)),
            None => Err("it must be `arn:partition:service:region:account:resource`".to_owned()),
        }
    }

    pub fn fits(&self, value: &str, request: &Metered<'_, '_>) -> Fit {
        match self {
            Self::Parts(parts) => fits_parts(parts, value, request),
            Self::Later(template) => match template.resolved(request) {
                Err(unfilled) => unfilled,
                Ok(resolved) => match resolved.split(COLONS) {
                    Some(parts) => fits_parts(&parts, value, request),
                    None => Fit::No,
                },
            },
        }
    }
}

/// Whether a request's value is an ARN, so that it can be compared as one.
pub fn is_arn(value: &str) -> bool {
    value.starts_with("arn:") && value.bytes().filter(|byte| *byte == b':').count() >= COLONS
}

fn fits_parts(parts: &[Template], value: &str, request: &Metered<'_, '_>) -> Fit {
    request.pay(PARTS_STEPS);
    let mut all = Fit::Yes;
    let mut values = value.splitn(COLONS + 1, ':');
    for part in parts {
        let Some(value) = values.next() else { return Fit::No };
        match part.fits(value, Case::Sensitive, request) {
            Fit::Yes => {}
            // One part that matches nothing is enough.
            Fit::No | Fit::Unresolved => return Fit::No,
            Fit::Unclear => all = Fit::Unclear,
        }
    }
    if values.next().is_some() { Fit::No } else { all }
}

/// Reads an entry of `Resource`: `*`, or an ARN with wildcards, and with variables in its sixth part alone.
pub fn read_resource(text: &str, version: Version) -> Result<Template, String> {
    let template = Template::read(text, version, Wildcards::Count)?;
    if template.is_everything() {
        return Ok(template);
    }
    const FORM: &str = "it must be `*` or `arn:partition:service:region:account:resource`";
    let Some(parts) = template.split(COLONS) else { return Err(FORM.to_owned()) };
    let mut heads = parts.iter().take(COLONS);
    if heads.clone().any(|part| part.pieces().iter().any(|piece| matches!(piece, Piece::Variable(_)))) {
        return Err("a variable may stand in its sixth part alone".to_owned());
    }
    if heads.next().and_then(Template::literal) != Some("arn") {
        return Err(FORM.to_owned());
    }
    let word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    for (part, name) in heads.zip(["partition", "service", "region", "account"]) {
        let plain = |piece: &Piece| !matches!(piece, Piece::Text(text) if !text.chars().all(word));
        if !part.pieces().iter().all(plain) {
            return Err(format!("its {name} may have letters, digits, `-`, `_` and wildcards"));
        }
        let empty = part.literal() == Some("");
        if empty && matches!(name, "partition" | "service") {
            return Err(format!("its {name} is empty"));
        }
        // Resources that AWS owns have the account `aws`.
        let account = part.literal().filter(|text| name == "account" && !matches!(*text, "" | "aws"));
        if account.is_some_and(|text| AccountId::parse(text).is_err()) {
            return Err("its account must have twelve digits".to_owned());
        }
    }
    if parts.last().and_then(Template::literal) == Some("") {
        return Err("its resource is empty".to_owned());
    }
    Ok(template)
}

/// Reads an entry of `Principal.AWS`: `*`, twelve digits, or the ARN of an account's root, a user, a role or a role session.
pub fn read_principal(text: &str) -> Result<PrincipalPattern, String> {
    if text == "*" {
        return Ok(PrincipalPattern::Any);
    }
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let account = AccountId::parse(text).map_err(|fault| fault.to_string())?;
        return Ok(PrincipalPattern::Account(account));
    }
    const FORM: &str = "it must be `*`, twelve digits, or the ARN of an account, user, role or role session";
    if text.contains(['*', '?', '$']) {
        return Err(format!("{FORM}, without wildcards or variables"));
    }
    let arn = Arn::parse("Principal", text).map_err(|_| FORM.to_owned())?;
    let account = arn.account().filter(|_| arn.region().is_empty()).ok_or_else(|| FORM.to_owned())?;
    let resource: Vec<&str> = arn.resource().split('/').collect();
    if resource.iter().any(|step| step.is_empty()) {
        return Err(FORM.to_owned());
    }
    match (arn.service(), &*resource) {
        ("iam", ["root"]) => Ok(PrincipalPattern::Account(account)),
        ("iam", ["user" | "role", _, ..]) | ("sts", ["assumed-role", _, _]) => Ok(PrincipalPattern::Arn(text.into())),
        _ => Err(FORM.to_owned()),
    }
}

/// Reads an entry of `Principal.Service`: `name.amazonaws.com` and the like.
pub fn read_service(text: &str) -> Result<PrincipalPattern, String> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let named = |step: &str| !step.is_empty() && step.bytes().all(letter);
    if text.split('.').count() < 2 || !text.split('.').all(named) {
        return Err("it must be a service such as `events.amazonaws.com`, without wildcards".to_owned());
    }
    Ok(PrincipalPattern::Service(text.into()))
}

/// Reads an entry of `Action`: `*`, or `service:name` with wildcards in the name. Kept in lower case.
pub fn read_action(text: &str) -> Result<Template, String> {
    // Actions have no variables in any version.
    let template = Template::read(text, Version::V2008, Wildcards::Count)?.lowered();
    if template.is_everything() {
        return Ok(template);
    }
    let (service, name) = text.split_once(':').unwrap_or_default();
    let service_fine = service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name_fine = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'?'));
    if service.is_empty() || name.is_empty() || !service_fine || !name_fine {
        return Err("it must be `*` or `service:Name` with wildcards in the name alone".to_owned());
    }
    Ok(template)
}
