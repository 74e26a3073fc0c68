//! What operators look at and set: dead letters, accounts of delivery, quotas.

use bascule_api::admin::v1::{
    DescribeDeliveryRequest, DescribeQuotasRequest, ListDeadLettersRequest, UpdateQuotasRequest,
};

use crate::stack::access::asks;

asks! {
    ListDeadLettersRequest ListDeadLetters |request, asking| asking.bus(&request.event_bus_name);
    DescribeDeliveryRequest DescribeDelivery |request, asking| asking.rule(&request.event_bus_name, &request.rule);
    DescribeQuotasRequest DescribeQuotas |_request, asking| asking.everything();
    UpdateQuotasRequest UpdateQuotas |_request, asking| asking.cluster();
}
