//! Names, ARNs and keys of requests about principals, policies and the organisation.

use std::collections::BTreeMap;

use bascule_api::iam::v1::{
    AttachControlPolicyRequest, AttachRolePolicyRequest, AttachUserPolicyRequest, ControlPolicyType,
    CreateAccessKeyRequest, CreateControlPolicyRequest, CreatePolicyRequest, CreateUserRequest, DeleteUserRequest,
    DescribeAccountRequest, GetPolicyRequest, GetRoleRequest, TagRoleRequest, UntagUserRequest, UpdateRoleRequest,
    UpdateUserRequest,
};
use serde_json::{Value, json};

use super::rows::full;
use super::{ask, asking, grants, statement};
use crate::stack::access::{Accesses, Asks, Standing};

fn text(text: &str) -> String {
    text.to_owned()
}

/// Whether a caller who may do everything under a condition may this.
#[track_caller]
fn check(accesses: &Accesses, condition: &Value, allowed: bool) {
    let own = grants(&[json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition})]);
    assert_eq!(ask(&own, accesses).is_ok(), allowed, "{condition} {accesses:?}");
}

#[test]
fn names_and_paths_stay_where_they_stand() {
    let wide = grants(&[json!({"Effect": "Allow", "Action": "*", "Resource": "arn:*:*:*:*:*"})]);
    let own = grants(&[
        statement("User", "Allow", "*", &full("iam:user/orders")),
        statement("Team", "Allow", "*", &full("iam:user/team/orders")),
    ]);
    for name in ["", "*", "orders*", "team/orders", "../orders", "a:b", "orders ", "ordérs", "orders\n", "Orders"] {
        let user = DeleteUserRequest { user_name: text(name), ..Default::default() };
        assert!(ask(&own, &user.accesses(&asking())).is_err(), "{name}");
        let user = CreateUserRequest { user_name: text(name), path: text("/team/"), ..Default::default() };
        assert!(ask(&own, &user.accesses(&asking())).is_err(), "new {name}");
        let role = GetRoleRequest { role_name: text(name), ..Default::default() }.accesses(&asking());
        assert!(ask(&own, &role).is_err(), "role {name}");
    }
    for path in ["team", "/team", "//", "/team//", "/*/", "/te?m/", "/a:b/", "/ä/", "/${aws:username}/"] {
        let user = CreateUserRequest { user_name: text("orders"), path: text(path), ..Default::default() };
        let accesses = user.accesses(&asking());
        assert_eq!(accesses.first.resource.arn, "*", "{path}");
        assert!(ask(&wide, &accesses).is_err(), "{path}");
    }
    // The path that another name would be.
    let policy = CreatePolicyRequest { policy_name: text("a/b"), ..Default::default() };
    assert_eq!(policy.accesses(&asking()).first.resource.arn, "*");
}

#[test]
fn what_is_there_is_looked_for_by_name() {
    let user = DeleteUserRequest { user_name: text("orders"), ..Default::default() }.accesses(&asking());
    assert_eq!(user.first.resource.standing, Standing::User { name: text("orders") });
    let role = GetRoleRequest { role_name: text("carry"), ..Default::default() }.accesses(&asking());
    assert_eq!(role.first.resource.standing, Standing::Role { name: text("carry") });
    let user = CreateUserRequest { user_name: text("orders"), ..Default::default() }.accesses(&asking());
    assert_eq!(user.first.resource.standing, Standing::Elsewhere);
}

#[test]
fn an_access_key_without_a_user_is_the_callers() {
    let of = |user: &str, calling: &str| {
        let request = CreateAccessKeyRequest { user_name: text(user), ..Default::default() };
        request.accesses(&asking().of_user(calling)).first.resource
    };
    for (user, calling, arn) in [
        ("", "orders", full("iam:user/orders")),
        ("maker", "orders", full("iam:user/maker")),
        ("maker", "", full("iam:user/maker")),
        // Whoever is no user asks about everything, which only a `*` allows.
        ("", "", text("*")),
        ("*", "orders", full("iam:user/*")),
        ("a/b", "orders", text("*")),
    ] {
        assert_eq!(of(user, calling).arn, arn, "`{user}` of `{calling}`");
    }
    assert_eq!(of("", "orders").standing, Standing::User { name: text("orders") });
    let own = grants(&[statement("Own", "Allow", "iam:CreateAccessKey", &full("iam:user/service/orders"))]);
    let create = |user: &str| CreateAccessKeyRequest { user_name: text(user), ..Default::default() };
    assert!(ask(&own, &create("").accesses(&asking().of_user("orders"))).is_ok(), "its path is known");
    assert!(ask(&own, &create("").accesses(&asking())).is_err());
    assert!(ask(&own, &create("maker").accesses(&asking().of_user("orders"))).is_err());
}

#[test]
fn policies_of_others_and_what_is_none_are_out_of_reach() {
    let all = grants(&[statement("All", "Allow", "*", "*")]);
    let wide = grants(&[json!({"Effect": "Allow", "Action": "*", "Resource": "arn:*:*:*:*:*"})]);
    for (arn, everybody, widely) in [
        ("arn:aws:iam::111122223333:policy/Own", true, true),
        ("arn:aws:iam::aws:policy/BasculePublisher", true, true),
        ("arn:aws:iam::444455556666:policy/Own", false, false),
        ("arn:aws:organizations::444455556666:policy/o-abcdefghij/service_control_policy/a", false, false),
        ("arn:aws:iam::111122223333:role/Own", true, false),
        ("arn:aws:iam::*:policy/Own", true, false),
        ("*", true, false),
        ("", true, false),
    ] {
        let get = GetPolicyRequest { policy_arn: text(arn), ..Default::default() }.accesses(&asking());
        assert_eq!((ask(&all, &get).is_ok(), ask(&wide, &get).is_ok()), (everybody, widely), "{arn}");
    }
    for id in ["", "*", "r-*", "ou-abcd-*", "11112222333?", "o-abcdefghij"] {
        let account = DescribeAccountRequest { account_id: text(id), ..Default::default() }.accesses(&asking());
        assert_eq!(account.first.resource.arn, "*", "{id}");
    }
}

#[test]
fn the_policy_that_is_attached_is_a_key() {
    let arn = full("iam:policy/team/Own");
    let user = AttachUserPolicyRequest { user_name: text("orders"), policy_arn: arn.clone(), ..Default::default() };
    let role = AttachRolePolicyRequest { role_name: text("carry"), policy_arn: arn.clone(), ..Default::default() };
    for accesses in [user.accesses(&asking()), role.accesses(&asking())] {
        check(&accesses, &json!({"ArnEquals": {"iam:PolicyARN": arn}}), true);
        check(&accesses, &json!({"ArnLike": {"iam:PolicyARN": full("iam:policy/team/*")}}), true);
        check(&accesses, &json!({"ArnEquals": {"iam:PolicyARN": full("iam:policy/Own")}}), false);
        check(&accesses, &json!({"ArnNotEquals": {"iam:PolicyARN": arn}}), false);
    }
}

#[test]
fn a_boundary_is_a_key_and_its_change_a_right() {
    let arn = full("iam:policy/Bound");
    let with = json!({"ArnEquals": {"iam:PermissionsBoundary": arn}});
    let user = |boundary: &str| CreateUserRequest {
        user_name: text("a"),
        permissions_boundary: text(boundary),
        ..Default::default()
    };
    check(&user(&arn).accesses(&asking()), &with, true);
    check(&user("").accesses(&asking()), &with, false);
    check(&user(&full("iam:policy/Other")).accesses(&asking()), &with, false);
    let update = |boundary: Option<&str>| {
        let permissions_boundary = boundary.map(str::to_owned);
        UpdateUserRequest { user_name: text("a"), permissions_boundary, ..Default::default() }.accesses(&asking())
    };
    check(&update(Some(&arn)), &with, true);
    let plain = grants(&[json!({"Effect": "Allow", "Action": "iam:UpdateUser", "Resource": "*"})]);
    assert!(ask(&plain, &update(None)).is_ok());
    assert!(ask(&plain, &update(Some(&arn))).is_err() && ask(&plain, &update(Some(""))).is_err());
    let role = UpdateRoleRequest { permissions_boundary: Some(String::new()), ..Default::default() };
    let actions: Vec<_> = role.accesses(&asking()).iter().map(|access| access.action).collect();
    assert_eq!(actions, ["iam:UpdateRole", "iam:DeleteRolePermissionsBoundary"]);
}

#[test]
fn tags_of_principals_are_keys() {
    let tags = BTreeMap::from([(text("stage"), text("prod"))]);
    let user = CreateUserRequest { user_name: text("a"), tags: tags.clone(), ..Default::default() };
    let role = TagRoleRequest { role_name: text("a"), tags, ..Default::default() };
    for accesses in [user.accesses(&asking()), role.accesses(&asking())] {
        check(&accesses, &json!({"StringEquals": {"aws:RequestTag/stage": "prod"}}), true);
        check(&accesses, &json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}), false);
    }
    let untag = UntagUserRequest { user_name: text("a"), tag_keys: vec![text("stage")], ..Default::default() };
    let untag = untag.accesses(&asking());
    check(&untag, &json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["stage"]}}), true);
    check(&untag, &json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}), false);
}

#[test]
fn the_type_of_a_control_policy_is_a_key() {
    let service = json!({"StringEquals": {"organizations:PolicyType": "SERVICE_CONTROL_POLICY"}});
    for (kind, allowed) in [
        (ControlPolicyType::ServiceControlPolicy, true),
        (ControlPolicyType::ResourceControlPolicy, false),
        (ControlPolicyType::Unspecified, false),
    ] {
        let create = CreateControlPolicyRequest { r#type: kind.into(), ..Default::default() };
        check(&create.accesses(&asking()), &service, allowed);
    }
    for (step, allowed) in [("service_control_policy", true), ("resource_control_policy", false)] {
        let policy_arn = format!("arn:aws:organizations::aws:policy/{step}/p-Any");
        let attach = AttachControlPolicyRequest { policy_arn, target_id: text("r-abcd"), ..Default::default() };
        check(&attach.accesses(&asking()), &service, allowed);
    }
}
