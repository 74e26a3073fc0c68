//! The organisation's tree of units.

use anyhow::Context as _;
use bascule_api::iam::v1::{
    CreateOrganizationalUnitRequest, DeleteOrganizationalUnitRequest, DescribeOrganizationRequest,
    ListOrganizationalUnitsRequest, UpdateOrganizationalUnitRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::Client;

use super::{Row, row, text};

/// Ids that are drawn when an organisation and a unit are made.
#[derive(Debug, Default)]
pub struct Tree {
    /// The organisation.
    pub organization: String,
    /// Its root.
    pub root: String,
    /// A unit below the root.
    pub unit: String,
}

impl Tree {
    /// The root, as a resource.
    pub fn at_root(&self) -> String {
        format!("organizations:root/{}", self.root)
    }

    /// The unit, as a resource.
    pub fn at_unit(&self) -> String {
        format!("organizations:ou/{}", self.unit)
    }
}

/// A unit `first`.
pub async fn set_up(operator: &Client) -> Outcome<Tree> {
    let organizations = operator.session().organizations();
    let answer = organizations.clone().describe_organization(DescribeOrganizationRequest::default()).await?;
    let all = answer.into_inner().organization.context("an answer without the organisation")?;
    let request = CreateOrganizationalUnitRequest {
        parent_id: all.root_id.clone(),
        name: text("first"),
        ..CreateOrganizationalUnitRequest::default()
    };
    let answer = organizations.clone().create_organizational_unit(request).await?.into_inner();
    let unit = answer.organizational_unit.context("an answer without the unit")?.id;
    Ok(Tree { organization: all.id, root: all.root_id, unit })
}

/// The unit `second` is made, and the first has another name.
pub fn made(tree: &Tree) -> Vec<Row> {
    vec![
        row(
            "bascule.iam.v1.Organizations/DescribeOrganization",
            &DescribeOrganizationRequest::default(),
            &[("organizations:DescribeOrganization", "*")],
        ),
        row(
            "bascule.iam.v1.Organizations/CreateOrganizationalUnit",
            &CreateOrganizationalUnitRequest {
                parent_id: tree.root.clone(),
                name: text("second"),
                ..CreateOrganizationalUnitRequest::default()
            },
            &[("organizations:CreateOrganizationalUnit", &tree.at_root())],
        ),
        row(
            "bascule.iam.v1.Organizations/UpdateOrganizationalUnit",
            &UpdateOrganizationalUnitRequest {
                organizational_unit_id: tree.unit.clone(),
                name: text("third"),
                ..UpdateOrganizationalUnitRequest::default()
            },
            &[("organizations:UpdateOrganizationalUnit", &tree.at_unit())],
        ),
        row(
            "bascule.iam.v1.Organizations/ListOrganizationalUnits",
            &ListOrganizationalUnitsRequest::default(),
            &[("organizations:ListOrganizationalUnits", "*")],
        ),
    ]
}

/// The first unit goes, once no account is in it.
pub fn gone(tree: &Tree) -> Vec<Row> {
    vec![row(
        "bascule.iam.v1.Organizations/DeleteOrganizationalUnit",
        &DeleteOrganizationalUnitRequest {
            organizational_unit_id: tree.unit.clone(),
            ..DeleteOrganizationalUnitRequest::default()
        },
        &[("organizations:DeleteOrganizationalUnit", &tree.at_unit())],
    )]
}
