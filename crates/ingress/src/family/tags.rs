//! Tags of buses and rules.

use std::collections::BTreeMap;

use tonic::{Request, Response, Status};

use bascule_api::status::Refusal;
use bascule_api::v1::tags_server::Tags;
use bascule_api::v1::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, TagResourceRequest, TagResourceResponse,
    UntagResourceRequest, UntagResourceResponse,
};
use bascule_model::arn::Arn;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::limits::TAGS_LIMIT_COUNT;
use bascule_model::name::{BusName, RuleName};
use bascule_model::tag;
use bascule_statemachine::codec::control::{self, Kind, Pair};

use crate::family::{Front, given};
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

/// A bus, or a rule on it, by ARN.
struct Resource {
    arn: Arn,
    bus: String,
    rule: Option<String>,
}

struct Change {
    resource: Resource,
    set: Vec<Pair>,
    remove: Vec<String>,
    writing: Writing,
}

impl Resource {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let arn = Arn::parse("ResourceArn", text).map_err(wire::fault)?;
        let other = || wire::field("ResourceArn", "buses and rules have tags", text);
        let (kind, rest) = arn.resource().split_once('/').filter(|_| arn.service() == "events").ok_or_else(other)?;
        let bus = |name: &str| BusName::parse(name).map(|name| name.as_str().to_owned()).map_err(wire::fault);
        let rule = |name: &str| RuleName::parse(name).map(|name| Some(name.as_str().to_owned())).map_err(wire::fault);
        let (bus, rule) = match (kind, rest.rsplit_once('/')) {
            ("event-bus", _) => (bus(rest)?, None),
            ("rule", Some((of, name))) => (bus(of)?, rule(name)?),
            ("rule", None) => (BusName::DEFAULT.to_owned(), rule(rest)?),
            _ => return Err(other()),
        };
        Ok(Self { arn, bus, rule })
    }

    /// Whatever is elsewhere does not exist for the caller.
    fn unless_elsewhere(&self, rooms: &Rooms, permit: &Permitted) -> Result<(), Refusal> {
        let view = rooms.viewer.now();
        let scope = Rooms::cluster(&view)?.scope.of_account(permit.account());
        let noun = if self.rule.is_some() { Noun::Rule } else { Noun::Bus };
        let here = self.arn.scope().as_ref() == Some(&scope);
        if here { Ok(()) } else { Err(wire::fault(Fault::not_found(noun, self.arn.to_string()))) }
    }
}

/// Tags as a message holds them, checked.
pub(super) fn pairs(tags: BTreeMap<String, String>) -> Result<Vec<Pair>, Refusal> {
    tag::check(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))).map_err(wire::fault)?;
    Ok(tags.into_iter().map(|(name, value)| Pair { name, value }).collect())
}

fn check_tag(_: &Permitted, request: TagResourceRequest) -> Result<Change, Refusal> {
    let resource = Resource::parse(&request.resource_arn)?;
    if request.tags.is_empty() {
        return Err(wire::field("Tags", format!("there must be 1 to {TAGS_LIMIT_COUNT}"), "0"));
    }
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(Change { resource, set: pairs(request.tags)?, remove: Vec::new(), writing })
}

fn check_untag(_: &Permitted, request: UntagResourceRequest) -> Result<Change, Refusal> {
    let resource = Resource::parse(&request.resource_arn)?;
    let count = request.tag_keys.len();
    if count == 0 || count > TAGS_LIMIT_COUNT {
        return Err(wire::field("TagKeys", format!("there must be 1 to {TAGS_LIMIT_COUNT}"), &count.to_string()));
    }
    request.tag_keys.iter().try_for_each(|key| tag::check_key(key)).map_err(wire::fault)?;
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(Change { resource, set: Vec::new(), remove: request.tag_keys, writing })
}

fn check_list(_: &Permitted, request: ListTagsForResourceRequest) -> Result<(Resource, bool), Refusal> {
    Ok((Resource::parse(&request.resource_arn)?, request.allow_stale))
}

impl Front {
    /// The change's index.
    async fn change_tags(&self, checked: Checked<Change>) -> Result<u64, Refusal> {
        let (permit, Change { resource, set, remove, writing }) = checked.into_parts();
        resource.unless_elsewhere(&self.rooms, &permit)?;
        let Resource { bus, rule, .. } = resource;
        let kind = Kind::Tag(control::Tag { bus, rule: rule.unwrap_or_default(), set, remove });
        Ok(self.rooms.change(&permit, writing, [0; 16], kind).await?.index.0)
    }

    async fn list_the_tags(&self, checked: Checked<(Resource, bool)>) -> Result<ListTagsForResourceResponse, Refusal> {
        let (permit, (resource, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        resource.unless_elsewhere(&self.rooms, &permit)?;
        let bus = view.bus(permit.account(), &resource.bus);
        let bus = bus.ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, &resource.bus)))?;
        let tags = match &resource.rule {
            None => &bus.row.tags,
            Some(name) => {
                let missing = || wire::fault(Fault::not_found(Noun::Rule, name));
                &bus.rules.get(name).ok_or_else(missing)?.row.tags
            }
        };
        let tags = tags.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect();
        Ok(ListTagsForResourceResponse { tags })
    }
}

#[tonic::async_trait]
impl Tags for Front {
    async fn tag_resource(
        &self,
        request: Request<TagResourceRequest>,
    ) -> Result<Response<TagResourceResponse>, Status> {
        let work = async |checked| Ok(TagResourceResponse { control_index: self.change_tags(checked).await? });
        self.stack.run(request, check_tag, work).await
    }

    async fn untag_resource(
        &self,
        request: Request<UntagResourceRequest>,
    ) -> Result<Response<UntagResourceResponse>, Status> {
        let work = async |checked| Ok(UntagResourceResponse { control_index: self.change_tags(checked).await? });
        self.stack.run(request, check_untag, work).await
    }

    async fn list_tags_for_resource(
        &self,
        request: Request<ListTagsForResourceRequest>,
    ) -> Result<Response<ListTagsForResourceResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list_the_tags(checked)).await
    }
}
