//! What operators look at and set: dead letters, accounts of delivery, quotas, the cluster's nodes and the tokens by which they join.

use bascule_api::admin::v1::{
    CanStopNodeRequest, CreateJoinTokenRequest, DeleteJoinTokenRequest, DescribeClusterRequest,
    DescribeDeliveryRequest, DescribeQuotasRequest, DrainNodeRequest, ListDeadLettersRequest, ListJoinTokensRequest,
    ListNodesRequest, RemoveNodeRequest, ResumeNodeRequest, UpdateQuotasRequest,
};

use crate::stack::access::asks;

asks! {
    ListDeadLettersRequest ListDeadLetters |request, asking| asking.bus(&request.event_bus_name);
    DescribeDeliveryRequest DescribeDelivery |request, asking| asking.rule(&request.event_bus_name, &request.rule);
    DescribeQuotasRequest DescribeQuotas |_request, asking| asking.everything();
    UpdateQuotasRequest UpdateQuotas |_request, asking| asking.cluster();
    DescribeClusterRequest DescribeCluster |_request, asking| asking.whole_cluster();
    ListNodesRequest ListNodes |_request, asking| asking.whole_cluster();
    CreateJoinTokenRequest CreateJoinToken |_request, asking| asking.whole_cluster();
    ListJoinTokensRequest ListJoinTokens |_request, asking| asking.whole_cluster();
    DeleteJoinTokenRequest DeleteJoinToken |_request, asking| asking.whole_cluster();
    DrainNodeRequest DrainNode |request, asking| asking.cluster_node(request.node_id);
    ResumeNodeRequest ResumeNode |request, asking| asking.cluster_node(request.node_id);
    RemoveNodeRequest RemoveNode |request, asking| asking.cluster_node(request.node_id);
    CanStopNodeRequest CanStopNode |request, asking| asking.cluster_node(request.node_id);
}
