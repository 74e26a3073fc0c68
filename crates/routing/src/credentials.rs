//! A connection's credentials between the nouns and the control group's opaque bytes. Pure.

use bascule_model::arn::Arn;
use bascule_model::connection::{Auth, AuthKind, Connection, Parameter, Place, Secret};
use bascule_model::destination::{Destination, Method};
use bascule_model::fault::Fault;
use bascule_model::name::{ConnectionName, DestinationName};
use bascule_statemachine::codec;
use bascule_statemachine::codec::control as wire;
use bascule_statemachine::codec::control::credentials::{self, Credentials};
use bascule_statemachine::codec::control::rows::{ConnectionRow, DestinationRow};

/// The message of what a connection authenticates with.
#[must_use]
pub fn to_wire(auth: &Auth, parameters: &[Parameter]) -> wire::Auth {
    let secret = |secret: &Secret| vec![secret.reveal().to_owned()];
    let mut whole =
        Credentials { parameters: parameters.iter().map(parameter_to_wire).collect(), ..Credentials::default() };
    match auth {
        Auth::ApiKey { header, value } => {
            whole.name.clone_from(header);
            whole.secrets = secret(value);
        }
        Auth::Basic { user, password } => {
            whole.name.clone_from(user);
            whole.secrets = secret(password);
        }
        Auth::Oauth { client_id, client_secret, endpoint, method, parameters } => {
            whole.name.clone_from(client_id);
            whole.secrets = secret(client_secret);
            whole.endpoint.clone_from(endpoint);
            method.word().clone_into(&mut whole.method);
            whole.token_parameters = parameters.iter().map(parameter_to_wire).collect();
        }
        Auth::Signing { secrets } => whole.secrets = secrets.iter().map(|secret| secret.reveal().to_owned()).collect(),
    }
    whole.secret_count = u32::try_from(whole.secrets.len()).unwrap_or(u32::MAX);
    let kind = match auth.kind() {
        AuthKind::ApiKey => wire::AuthKind::ApiKey,
        AuthKind::Basic => wire::AuthKind::Basic,
        AuthKind::Oauth => wire::AuthKind::Oauth,
        AuthKind::Signing => wire::AuthKind::Signing,
    };
    wire::Auth { kind: kind.into(), shown: codec::encode(&whole.shown()), secret: codec::encode(&whole) }
}

fn parameter_to_wire(parameter: &Parameter) -> credentials::Parameter {
    let place = match parameter.place {
        Place::Header => credentials::Place::Header,
        Place::Query => credentials::Place::Query,
        Place::Body => credentials::Place::Body,
    };
    credentials::Parameter {
        place: place.into(),
        name: parameter.name.clone(),
        value: parameter.value.reveal().to_owned(),
        hidden: parameter.hidden,
    }
}

/// What of a connection may be shown: its kind, and its credentials without secrets. `None` once deauthorised.
#[must_use]
pub fn shown(row: &ConnectionRow) -> Option<(AuthKind, Credentials)> {
    let auth = row.auth.as_ref()?;
    Some((kind(auth)?, codec::decode(&auth.shown).ok()?))
}

fn kind(auth: &wire::Auth) -> Option<AuthKind> {
    match auth.kind() {
        wire::AuthKind::ApiKey => Some(AuthKind::ApiKey),
        wire::AuthKind::Basic => Some(AuthKind::Basic),
        wire::AuthKind::Oauth => Some(AuthKind::Oauth),
        wire::AuthKind::Signing => Some(AuthKind::Signing),
        wire::AuthKind::Unspecified => None,
    }
}

/// The connection with its secrets, for delivery; `None` if it is deauthorised or of a later build.
#[must_use]
pub fn connection(row: &ConnectionRow) -> Option<Connection> {
    let auth = row.auth.as_ref().filter(|_| row.authorized)?;
    let whole: Credentials = codec::decode(&auth.secret).ok()?;
    let name = whole.name.clone();
    let secret = || whole.secrets.first().cloned().map(Secret::new);
    let auth = match kind(auth)? {
        AuthKind::ApiKey => Auth::ApiKey { header: name, value: secret()? },
        AuthKind::Basic => Auth::Basic { user: name, password: secret()? },
        AuthKind::Oauth => Auth::Oauth {
            client_id: name,
            client_secret: secret()?,
            endpoint: whole.endpoint.clone(),
            method: Method::parse(&whole.method).ok()?,
            parameters: parameters(&whole.token_parameters)?,
        },
        AuthKind::Signing => Auth::Signing { secrets: whole.secrets.iter().cloned().map(Secret::new).collect() },
    };
    Some(Connection {
        name: ConnectionName::parse(&row.name).ok()?,
        description: row.description.clone(),
        auth,
        parameters: parameters(&whole.parameters)?,
    })
}

fn parameters(messages: &[credentials::Parameter]) -> Option<Vec<Parameter>> {
    let read = messages.iter().map(|message| {
        let place = match message.place() {
            credentials::Place::Header => Place::Header,
            credentials::Place::Query => Place::Query,
            credentials::Place::Body => Place::Body,
            credentials::Place::Unspecified => return None,
        };
        let value = Secret::new(message.value.clone());
        Some(Parameter { place, name: message.name.clone(), value, hidden: message.hidden })
    });
    read.collect()
}

/// An API destination as its row holds it; `connection` is the ARN of the connection that it names.
///
/// # Errors
/// [`Fault`] for what no destination can be.
pub fn destination(row: &DestinationRow, connection: Arn) -> Result<Destination, Fault> {
    let message = row.destination.clone().unwrap_or_default();
    Ok(Destination {
        name: DestinationName::parse(&message.name)?,
        description: message.description,
        connection,
        endpoint: message.endpoint,
        method: Method::parse(&message.method)?,
        rate_per_second: message.rate_per_second,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_read_back_and_show_no_secret() {
        let secret = || Secret::new("s3cret-of-32-characters-or-more!".to_owned());
        let parameter = |place, hidden| Parameter { place, name: "n".to_owned(), value: secret(), hidden };
        let auths = [
            Auth::ApiKey { header: "x-key".to_owned(), value: secret() },
            Auth::Basic { user: "u".to_owned(), password: secret() },
            Auth::Oauth {
                client_id: "c".to_owned(),
                client_secret: secret(),
                endpoint: "https://h/token".to_owned(),
                method: Method::Put,
                parameters: vec![parameter(Place::Body, true)],
            },
            Auth::Signing { secrets: vec![secret(), secret()] },
        ];
        for auth in auths {
            let parameters = vec![parameter(Place::Header, true), parameter(Place::Query, true)];
            let row = ConnectionRow {
                name: "c".to_owned(),
                auth: Some(to_wire(&auth, &parameters)),
                authorized: true,
                ..ConnectionRow::default()
            };
            let (kind, shown) = shown(&row).unwrap();
            assert_eq!(kind, auth.kind());
            assert_eq!(shown.secret_count as usize, if kind == AuthKind::Signing { 2 } else { 1 });
            let bytes = codec::encode(&shown);
            assert!(!bytes.windows(6).any(|window| window == b"s3cret"), "{auth:?}");
            let read = connection(&row).unwrap();
            assert_eq!((&read.auth, &read.parameters), (&auth, &parameters));
            assert_eq!(connection(&ConnectionRow { authorized: false, ..row }), None);
        }
    }
}
