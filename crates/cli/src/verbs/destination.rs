//! `bascule destination`: create, list, describe, update, delete.

use bascule_api::v1::{
    CreateApiDestinationRequest, DeleteApiDestinationRequest, DescribeApiDestinationRequest, HttpMethod,
    ListApiDestinationsRequest, UpdateApiDestinationRequest,
};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use crate::error::Error;
use crate::limits::PAGE_MAX_COUNT;
use crate::link::{ask, every, tell};
use crate::output::record::Record;
use crate::output::{View, destination};
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said, shown};

/// What to do with API destinations.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a destination
    Create(Create),
    /// List the account's destinations
    List(List),
    /// Show everything about a destination
    Describe(Describe),
    /// Change a destination; what is not named stays as it is
    Update(Update),
    /// Delete a destination
    Delete(Delete),
}

/// The method of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Method {
    /// POST.
    Post,
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// OPTIONS.
    Options,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl From<Method> for HttpMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Post => Self::Post,
            Method::Get => Self::Get,
            Method::Head => Self::Head,
            Method::Options => Self::Options,
            Method::Put => Self::Put,
            Method::Patch => Self::Patch,
            Method::Delete => Self::Delete,
        }
    }
}

/// The destination to create.
#[derive(Debug, Args)]
pub struct Create {
    /// Name, 1 to 64 of `.-_A-Za-z0-9`
    name: String,
    /// Connection that authorises its requests
    #[arg(long, value_name = "ARN")]
    connection_arn: String,
    /// HTTPS address; each `*` of its path is filled by a target
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// Method of its requests: POST, GET, HEAD, OPTIONS, PUT, PATCH or DELETE
    #[arg(long, ignore_case = true, hide_possible_values = true)]
    method: Method,
    /// Most requests a second, 1 to 300 [default: 300]
    #[arg(long, value_name = "COUNT")]
    rate_limit_per_second: Option<u32>,
    /// Description, at most 512 characters
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    #[command(flatten)]
    writing: Writing,
}

/// Which destinations to list.
#[derive(Debug, Args)]
pub struct List {
    /// Only names that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Only those of this connection
    #[arg(long, value_name = "ARN", default_value = "", hide_default_value = true)]
    connection_arn: String,
    #[command(flatten)]
    reading: Reading,
}

/// The destination to look at.
#[derive(Debug, Args)]
pub struct Describe {
    /// Name
    name: String,
    #[command(flatten)]
    reading: Reading,
}

/// What to change in a destination.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true)
    .args(["connection_arn", "endpoint", "method", "rate_limit_per_second", "description"]))]
pub struct Update {
    /// Name
    name: String,
    /// Connection that authorises its requests
    #[arg(long, value_name = "ARN")]
    connection_arn: Option<String>,
    /// HTTPS address; each `*` of its path is filled by a target
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Method of its requests: POST, GET, HEAD, OPTIONS, PUT, PATCH or DELETE
    #[arg(long, ignore_case = true, hide_possible_values = true)]
    method: Option<Method>,
    /// Most requests a second, 1 to 300
    #[arg(long, value_name = "COUNT")]
    rate_limit_per_second: Option<u32>,
    /// Description, at most 512 characters; empty for none
    #[arg(long)]
    description: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

/// The destination to delete.
#[derive(Debug, Args)]
pub struct Delete {
    /// Name
    name: String,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        Verb::Create(create) => self::create(create, desk).await,
        Verb::List(list) => self::list(list, desk).await,
        Verb::Describe(describe) => {
            let link = desk.dial.link().await?;
            let request =
                DescribeApiDestinationRequest { name: describe.name, allow_stale: describe.reading.allow_stale };
            let answer = ask!(link, api_destinations.describe_api_destination, request).await?;
            let found = held(answer.api_destination, "DescribeApiDestination", "api_destination")?;
            Ok(Outcome::done(View::one(destination::record(&found))))
        }
        Verb::Update(update) => self::update(update, desk).await,
        Verb::Delete(delete) => {
            let link = desk.dial.link().await?;
            let request = DeleteApiDestinationRequest {
                name: delete.name.clone(),
                request_id: link.request_id(delete.writing.request_id.as_ref())?,
                validate_only: delete.writing.validate_only,
            };
            let answer = tell!(link, api_destinations.delete_api_destination, request).await?;
            let text = said(&delete.writing, "destination", &delete.name, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
    }
}

async fn create(create: Create, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let request = CreateApiDestinationRequest {
        name: create.name.clone(),
        description: create.description,
        connection_arn: create.connection_arn,
        invocation_endpoint: create.endpoint,
        http_method: HttpMethod::from(create.method).into(),
        invocation_rate_limit_per_second: create.rate_limit_per_second.unwrap_or_default(),
        request_id: link.request_id(create.writing.request_id.as_ref())?,
        validate_only: create.writing.validate_only,
    };
    let answer = tell!(link, api_destinations.create_api_destination, request).await?;
    let made = answer.api_destination.as_ref().map(destination::record);
    let made = shown(&create.writing, made, "CreateApiDestination", "api_destination")?;
    let text = said(&create.writing, "destination", &create.name, "created");
    let undo = format!("bascule destination delete {}", create.name);
    Ok(Outcome::changed(text, made, answer.control_index).undone_by(&create.writing, undo))
}

async fn update(update: Update, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let request = UpdateApiDestinationRequest {
        name: update.name.clone(),
        description: update.description,
        connection_arn: update.connection_arn,
        invocation_endpoint: update.endpoint,
        http_method: update.method.map_or(HttpMethod::Unspecified, HttpMethod::from).into(),
        invocation_rate_limit_per_second: update.rate_limit_per_second,
        request_id: link.request_id(update.writing.request_id.as_ref())?,
        validate_only: update.writing.validate_only,
    };
    let answer = tell!(link, api_destinations.update_api_destination, request).await?;
    let made = answer.api_destination.as_ref().map(destination::record);
    let made = shown(&update.writing, made, "UpdateApiDestination", "api_destination")?;
    Ok(Outcome::changed(said(&update.writing, "destination", &update.name, "changed"), made, answer.control_index))
}

async fn list(list: List, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let all = every(|page_token| {
        let request = ListApiDestinationsRequest {
            name_prefix: list.prefix.clone(),
            connection_arn: list.connection_arn.clone(),
            allow_stale: list.reading.allow_stale,
            page_size: PAGE_MAX_COUNT,
            page_token,
        };
        let page = ask!(link, api_destinations.list_api_destinations, request);
        async move { page.await.map(|page| (page.api_destinations, page.next_page_token)) }
    })
    .await?;
    Ok(Outcome::done(destination::list(&all)))
}
