//! How requests are authorised, as arguments: names and places are said, secrets are read from files or the standard input.

use std::path::{Path, PathBuf};

use bascule_api::v1::connection_authorization::Method;
use bascule_api::v1::connection_parameter::Value;
use bascule_api::v1::{
    ApiKeyAuthorization, BasicAuthorization, ConnectionAuthorization, ConnectionParameter, HttpMethod,
    OAuthClientCredentials, SigningSecrets,
};
use clap::{ArgGroup, Args, ValueEnum};

use crate::error::Error;
use crate::inputs::Inputs;
use crate::verbs::pairs::placed;

/// The arguments of which each names one way.
pub const WAYS: [&str; 4] = ["api_key_name", "basic_user", "oauth_client_id", "signing_secret_file"];

/// Method of the token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum TokenMethod {
    /// POST.
    Post,
    /// GET.
    Get,
    /// PUT.
    Put,
}

/// How requests are authorised: one of four ways, and what is added to each request.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("authorization").args(WAYS))]
pub struct Authorization {
    /// Header that holds an API key
    #[arg(long, value_name = "NAME", requires = "api_key_value_file")]
    api_key_name: Option<String>,
    /// File with the API key, `-` for the standard input
    #[arg(long, value_name = "FILE", requires = "api_key_name")]
    api_key_value_file: Option<PathBuf>,
    /// User name of HTTP basic authentication
    #[arg(long, value_name = "NAME", requires = "basic_password_file")]
    basic_user: Option<String>,
    /// File with the password, `-` for the standard input
    #[arg(long, value_name = "FILE", requires = "basic_user")]
    basic_password_file: Option<PathBuf>,
    /// Client id of OAuth client credentials
    #[arg(long, value_name = "ID", requires_all = ["oauth_client_secret_file", "oauth_endpoint"])]
    oauth_client_id: Option<String>,
    /// File with the client secret, `-` for the standard input
    #[arg(long, value_name = "FILE", requires = "oauth_client_id")]
    oauth_client_secret_file: Option<PathBuf>,
    /// HTTPS address of the token endpoint
    #[arg(long, value_name = "URL", requires = "oauth_client_id")]
    oauth_endpoint: Option<String>,
    /// Method of the token request: POST, GET or PUT
    #[arg(
        long,
        value_name = "METHOD",
        ignore_case = true,
        hide_possible_values = true,
        default_value = "POST",
        requires = "oauth_client_id"
    )]
    oauth_method: TokenMethod,
    /// What to add to the token request, PLACE is `header`, `query` or `body`; may be repeated
    #[arg(long = "oauth-parameter", value_name = "PLACE:NAME=VALUE", requires = "oauth_client_id")]
    oauth_parameters: Vec<String>,
    /// The same with a secret value, from a file; may be repeated
    #[arg(long = "oauth-secret-parameter", value_name = "PLACE:NAME=FILE", requires = "oauth_client_id")]
    oauth_secret_parameters: Vec<String>,
    /// File with a signing secret `whsec_…`, `-` for the standard input; twice to change from an old to a new one
    #[arg(long, value_name = "FILE")]
    signing_secret_file: Vec<PathBuf>,
    /// What to add to each request, PLACE is `header`, `query` or `body`; may be repeated
    #[arg(long = "parameter", value_name = "PLACE:NAME=VALUE", requires = "authorization")]
    parameters: Vec<String>,
    /// The same with a secret value, from a file; may be repeated
    #[arg(long = "secret-parameter", value_name = "PLACE:NAME=FILE", requires = "authorization")]
    secret_parameters: Vec<String>,
}

impl Authorization {
    /// The wire's form, secrets read; none when no way is named.
    ///
    /// # Errors
    /// What is wrong with an argument or a file; never what it holds.
    pub fn read(&self, inputs: &mut Inputs) -> Result<Option<ConnectionAuthorization>, Error> {
        let Some(method) = self.method(inputs)? else {
            return Ok(None);
        };
        let mut invocation_parameters = plain("--parameter", &self.parameters)?;
        invocation_parameters.extend(secret("--secret-parameter", &self.secret_parameters, inputs)?);
        Ok(Some(ConnectionAuthorization { method: Some(method), invocation_parameters }))
    }

    // The parser demands each way whole, and one at most.
    fn method(&self, inputs: &mut Inputs) -> Result<Option<Method>, Error> {
        if let (Some(name), Some(file)) = (&self.api_key_name, &self.api_key_value_file) {
            let api_key_value = Some(inputs.secret("--api-key-value-file", file)?);
            return Ok(Some(Method::ApiKey(ApiKeyAuthorization { api_key_name: name.clone(), api_key_value })));
        }
        if let (Some(user), Some(file)) = (&self.basic_user, &self.basic_password_file) {
            let password = Some(inputs.secret("--basic-password-file", file)?);
            return Ok(Some(Method::Basic(BasicAuthorization { username: user.clone(), password })));
        }
        if let (Some(id), Some(file)) = (&self.oauth_client_id, &self.oauth_client_secret_file) {
            return self.oauth(id, file, inputs).map(|oauth| Some(Method::Oauth(oauth)));
        }
        if self.signing_secret_file.is_empty() {
            return Ok(None);
        }
        let secrets = self.signing_secret_file.iter().map(|file| inputs.secret("--signing-secret-file", file));
        Ok(Some(Method::Signing(SigningSecrets { secrets: secrets.collect::<Result<_, _>>()? })))
    }

    fn oauth(&self, id: &str, file: &Path, inputs: &mut Inputs) -> Result<OAuthClientCredentials, Error> {
        let http_method = match self.oauth_method {
            TokenMethod::Post => HttpMethod::Post,
            TokenMethod::Get => HttpMethod::Get,
            TokenMethod::Put => HttpMethod::Put,
        };
        let client_secret = Some(inputs.secret("--oauth-client-secret-file", file)?);
        let mut parameters = plain("--oauth-parameter", &self.oauth_parameters)?;
        parameters.extend(secret("--oauth-secret-parameter", &self.oauth_secret_parameters, inputs)?);
        Ok(OAuthClientCredentials {
            authorization_endpoint: self.oauth_endpoint.clone().unwrap_or_default(),
            http_method: http_method.into(),
            client_id: id.to_owned(),
            client_secret,
            parameters,
        })
    }
}

fn plain(flag: &'static str, given: &[String]) -> Result<Vec<ConnectionParameter>, Error> {
    let read = given.iter().map(|text| {
        let (place, key, value) = placed(flag, text, "PLACE:NAME=VALUE")?;
        let value = Some(Value::Plain(value.to_owned()));
        Ok(ConnectionParameter { place: place.into(), key: key.to_owned(), value })
    });
    read.collect()
}

fn secret(flag: &'static str, given: &[String], inputs: &mut Inputs) -> Result<Vec<ConnectionParameter>, Error> {
    let read = given.iter().map(|text| {
        let (place, key, file) = placed(flag, text, "PLACE:NAME=FILE")?;
        let value = Some(Value::Secret(inputs.secret(flag, Path::new(file))?));
        Ok(ConnectionParameter { place: place.into(), key: key.to_owned(), value })
    });
    read.collect()
}
