//! Tags of buses and rules, which are named by ARN.

use bascule_api::v1::{ListTagsForResourceRequest, TagResourceRequest, UntagResourceRequest};
use bascule_model::limits::TAGS_LIMIT_COUNT;

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Asking, Asks, Named, asks};

asks! {
    ListTagsForResourceRequest ListTagsForResource |request, asking| asking.given(&request.resource_arn);
}

impl Asks for TagResourceRequest {
    const OPERATION: Operation = Operation::TagResource;

    fn resource(&self, asking: &Asking) -> Named {
        asking.given(&self.resource_arn)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        Accesses::one(Access::of(Self::OPERATION, self.resource(asking)).with_tags(&self.tags))
    }
}

impl Asks for UntagResourceRequest {
    const OPERATION: Operation = Operation::UntagResource;

    fn resource(&self, asking: &Asking) -> Named {
        asking.given(&self.resource_arn)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        let mut access = Access::of(Self::OPERATION, self.resource(asking));
        // `aws:TagKeys` has the keys; their tags have no value.
        let keys = self.tag_keys.iter().take(TAGS_LIMIT_COUNT + 1);
        access.tags = keys.map(|key| (key.clone(), String::new())).collect();
        Accesses::one(access)
    }
}
