//! The tree: the organisation, its units and its accounts.

use bascule_api::iam::v1::{
    Account, CloseAccountRequest, CreateAccountRequest, CreateAccountResponse, CreateOrganizationalUnitRequest,
    CreateOrganizationalUnitResponse, DeleteOrganizationalUnitRequest, DescribeAccountRequest, DescribeAccountResponse,
    DescribeOrganizationRequest, DescribeOrganizationResponse, ListAccountsRequest, ListAccountsResponse,
    ListOrganizationalUnitsRequest, ListOrganizationalUnitsResponse, MoveAccountRequest, OrganizationalUnit,
    ReopenAccountRequest, UpdateOrganizationalUnitRequest,
};
use bascule_api::status::Refusal;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::id;
use bascule_model::name::{AccountId, PolicyName, RoleName};
use bascule_model::organization::{Node, RootId, UnitId, check_account_name, check_unit_name};
use bascule_model::policy::{PolicyArn, PolicyKind};
use bascule_model::principal::NO_PATH;
use bascule_routing::view::View;
use bascule_statemachine::codec::control::{
    AccountNumber, CreateAccount, CreateRole, CreateUnit, Kind, MoveAccount, RenameUnit, UnitId as Unit,
};

use super::shown;
use crate::family::iam::Change;
use crate::family::{Front, given};
use crate::page::Page;
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

/// The role that comes with an account (`API_CreateAccount`), and its longest session.
const FIRST_ROLE: &str = "OrganizationAccountAccessRole";
const FIRST_ROLE_SESSION_SECONDS: u32 = 3_600;

pub(super) struct NewUnit {
    parent: String,
    name: String,
    writing: Writing,
}

pub(super) struct NewAccount {
    number: AccountId,
    name: String,
    /// Empty for the root.
    parent: String,
    writing: Writing,
    role: RoleName,
}

pub(super) struct List {
    page: Page,
    parent: String,
    allow_stale: bool,
}

/// The id of a root or unit.
fn parent(text: &str) -> Result<String, Refusal> {
    match Node::parse("ParentId", text).map_err(wire::fault)? {
        Node::Root(_) | Node::Unit(_) => Ok(text.to_owned()),
        Node::Account(_) => Err(wire::field("ParentId", "it must be the id of a root or unit", text)),
    }
}

fn unit(text: &str) -> Result<String, Refusal> {
    UnitId::parse(text).map(|id| id.as_str().to_owned()).map_err(wire::fault)
}

fn number(text: &str) -> Result<AccountId, Refusal> {
    AccountId::parse(text).map_err(|_| wire::field("AccountId", "it must have twelve digits", text))
}

pub(super) fn check_describe(_: &Permitted, request: DescribeOrganizationRequest) -> Result<bool, Refusal> {
    Ok(request.allow_stale)
}

pub(super) fn check_create_unit(_: &Permitted, request: CreateOrganizationalUnitRequest) -> Result<NewUnit, Refusal> {
    let parent = parent(&request.parent_id)?;
    check_unit_name(&request.name).map_err(wire::fault)?;
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(NewUnit { parent, name: request.name, writing })
}

pub(super) fn check_update_unit(_: &Permitted, request: UpdateOrganizationalUnitRequest) -> Result<Change, Refusal> {
    let id = unit(&request.organizational_unit_id)?;
    check_unit_name(&request.name).map_err(wire::fault)?;
    let kind = Kind::RenameUnit(RenameUnit { id: id.clone(), name: request.name });
    Ok(Change::new(id, kind, given::writing(request.request_id, request.validate_only)?))
}

pub(super) fn check_delete_unit(_: &Permitted, request: DeleteOrganizationalUnitRequest) -> Result<Change, Refusal> {
    let id = unit(&request.organizational_unit_id)?;
    let kind = Kind::DeleteUnit(Unit { id: id.clone() });
    Ok(Change::new(id, kind, given::writing(request.request_id, request.validate_only)?))
}

pub(super) fn check_list_units(permit: &Permitted, request: ListOrganizationalUnitsRequest) -> Result<List, Refusal> {
    let of = if request.parent_id.is_empty() { String::new() } else { parent(&request.parent_id)? };
    let page = Page::check(permit, request.page_size, request.page_token, &[&of])?;
    Ok(List { page, parent: of, allow_stale: request.allow_stale })
}

pub(super) fn check_create_account(_: &Permitted, request: CreateAccountRequest) -> Result<NewAccount, Refusal> {
    let number = number(&request.account_id)?;
    check_account_name(&request.account_name).map_err(wire::fault)?;
    let below = if request.parent_id.is_empty() { String::new() } else { parent(&request.parent_id)? };
    let writing = given::writing(request.request_id, request.validate_only)?;
    let role = if request.role_name.is_empty() { FIRST_ROLE } else { &request.role_name };
    let role = RoleName::parse(role).map_err(wire::fault)?;
    Ok(NewAccount { number, name: request.account_name, parent: below, role, writing })
}

/// The role by which an account is set up: whoever the management account lets assume it administers the account.
fn first_role(view: &View, partition: &str, name: RoleName) -> Result<(CreateRole, String), Refusal> {
    let management = shown::organization_of(view)?.row.management;
    let management = AccountId::from_number(management).unwrap_or_default();
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{management}"}},"Action":["sts:AssumeRole","sts:SetSourceIdentity"]}}]}}"#
    );
    let policy = PolicyName::parse("BasculeAdministrator").map_err(wire::fault)?;
    let policy = PolicyArn::shipped(partition, PolicyKind::Identity, policy);
    let role = CreateRole {
        name: name.as_str().to_owned(),
        path: NO_PATH.to_owned(),
        description: "Made with the account, for its organization's management account.".to_owned(),
        trust,
        max_session_s: FIRST_ROLE_SESSION_SECONDS,
        ..CreateRole::default()
    };
    Ok((role, policy.to_string()))
}

pub(super) fn check_describe_account(
    _: &Permitted,
    request: DescribeAccountRequest,
) -> Result<(AccountId, bool), Refusal> {
    Ok((number(&request.account_id)?, request.allow_stale))
}

pub(super) fn check_list_accounts(permit: &Permitted, request: ListAccountsRequest) -> Result<List, Refusal> {
    let of = if request.parent_id.is_empty() { String::new() } else { parent(&request.parent_id)? };
    let page = Page::check(permit, request.page_size, request.page_token, &[&of])?;
    Ok(List { page, parent: of, allow_stale: request.allow_stale })
}

pub(super) fn check_move_account(_: &Permitted, request: MoveAccountRequest) -> Result<Change, Refusal> {
    let id = number(&request.account_id)?;
    let kind = Kind::MoveAccount(MoveAccount { number: id.number(), parent: parent(&request.parent_id)? });
    Ok(Change::new(id.to_string(), kind, given::writing(request.request_id, request.validate_only)?))
}

pub(super) fn check_close_account(_: &Permitted, request: CloseAccountRequest) -> Result<Change, Refusal> {
    let id = number(&request.account_id)?;
    let kind = Kind::CloseAccount(AccountNumber { number: id.number() });
    Ok(Change::new(id.to_string(), kind, given::writing(request.request_id, request.validate_only)?))
}

pub(super) fn check_reopen_account(_: &Permitted, request: ReopenAccountRequest) -> Result<Change, Refusal> {
    let id = number(&request.account_id)?;
    let kind = Kind::ReopenAccount(AccountNumber { number: id.number() });
    Ok(Change::new(id.to_string(), kind, given::writing(request.request_id, request.validate_only)?))
}

/// A parent that a listing is limited to must be there: an empty page would say that nothing stands below it.
fn parent_there(view: &View, id: &str) -> Result<(), Refusal> {
    let organization = shown::organization_of(view)?;
    if id.is_empty() || organization.row.root == id || view.realm.unit(id).is_some() {
        return Ok(());
    }
    let noun = if UnitId::parse(id).is_ok() { Noun::Unit } else { Noun::Organization };
    Err(wire::fault(Fault::not_found(noun, id)))
}

fn account_of(view: &View, number: AccountId) -> Result<Option<Account>, Refusal> {
    view.realm.account(number).map(|account| shown::account(view, account)).transpose()
}

impl Front {
    pub(super) async fn describe_the_organization(
        &self,
        checked: Checked<bool>,
    ) -> Result<DescribeOrganizationResponse, Refusal> {
        let (_, allow_stale) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        Ok(DescribeOrganizationResponse { organization: Some(shown::organization(&view)?) })
    }

    pub(super) async fn create_a_unit(
        &self,
        checked: Checked<NewUnit>,
    ) -> Result<CreateOrganizationalUnitResponse, Refusal> {
        let (permit, NewUnit { parent, name, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let root = RootId::parse(&shown::organization_of(&view)?.row.root).map_err(wire::fault)?;
        // A repeat comes at another time, so that its id is another, and is the same request.
        let content = id::hash("content", &[parent.as_bytes(), name.as_bytes()]);
        // An id is no secret: what stands below one parent differs in name or in time.
        let now_ms = self.rooms.clock.wall().0.to_be_bytes();
        let drawn = id::hash("unit", &[parent.as_bytes(), name.as_bytes(), &now_ms]);
        let [a, b, c, d, e, f, g, h, ..] = drawn;
        let id = UnitId::from_random(&root, [a, b, c, d, e, f, g, h]).as_str().to_owned();
        let validate_only = writing.validate_only;
        let changed = self.rooms.change(&permit, writing, content, Kind::CreateUnit(CreateUnit { id, parent, name }));
        let changed = changed.await?;
        let view = &changed.view;
        // By uid: of a repeated request it is the first one's.
        let found = view.realm.units().find(|unit| unit.row.uid == changed.done.uid.0).filter(|_| !validate_only);
        let organizational_unit = found.map(|unit| shown::unit(view, unit)).transpose()?;
        Ok(CreateOrganizationalUnitResponse { organizational_unit, control_index: changed.index.0 })
    }

    pub(super) async fn change_a_unit(
        &self,
        checked: Checked<Change>,
    ) -> Result<(Option<OrganizationalUnit>, u64), Refusal> {
        let acted = self.act(checked).await?;
        let view = &acted.changed.view;
        let unit = view.realm.unit(&acted.name).map(|unit| shown::unit(view, unit)).transpose()?;
        Ok((unit, acted.index()))
    }

    pub(super) async fn list_the_units(
        &self,
        checked: Checked<List>,
    ) -> Result<ListOrganizationalUnitsResponse, Refusal> {
        let (_, List { page, parent, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        parent_there(&view, &parent)?;
        let units = view.realm.units().filter(|unit| parent.is_empty() || unit.row.parent == parent);
        let named = units.map(|unit| (unit.row.id.as_str(), unit));
        let (units, next_page_token) = page.take(&self.rooms.handles, named)?;
        let organizational_units = units.into_iter().map(|unit| shown::unit(&view, unit)).collect::<Result<_, _>>()?;
        Ok(ListOrganizationalUnitsResponse { organizational_units, next_page_token })
    }

    pub(super) async fn create_an_account(
        &self,
        checked: Checked<NewAccount>,
    ) -> Result<CreateAccountResponse, Refusal> {
        let (permit, NewAccount { number, name, parent, role, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let cluster = Rooms::cluster(&view)?.id;
        // Of what the caller sent, without the key drawn here: a repeat draws another.
        let digits = number.number().to_be_bytes();
        let content = id::hash("content", &[&digits, name.as_bytes(), parent.as_bytes(), role.as_str().as_bytes()]);
        let parent = match parent.as_str() {
            "" => shown::organization_of(&view)?.row.root.clone(),
            _ => parent,
        };
        let data_key = Some(self.rooms.vault.draw(cluster).await.map_err(|error| wire::sealed(&error))?);
        let partition = Rooms::cluster(&view)?.scope.partition().to_owned();
        let (role, role_policy) = first_role(&view, &partition, role)?;
        let kind = Kind::CreateAccount(CreateAccount {
            number: number.number(),
            name,
            parent,
            data_key,
            role: Some(role),
            role_policy,
        });
        let changed = self.rooms.change(&permit, writing, content, kind).await?;
        let account = account_of(&changed.view, number)?;
        Ok(CreateAccountResponse { account, control_index: changed.index.0 })
    }

    pub(super) async fn describe_an_account(
        &self,
        checked: Checked<(AccountId, bool)>,
    ) -> Result<DescribeAccountResponse, Refusal> {
        let (_, (number, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let missing = || wire::fault(Fault::not_found(Noun::Account, number.to_string()));
        Ok(DescribeAccountResponse { account: Some(account_of(&view, number)?.ok_or_else(missing)?) })
    }

    pub(super) async fn list_the_accounts(&self, checked: Checked<List>) -> Result<ListAccountsResponse, Refusal> {
        let (_, List { page, parent, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        parent_there(&view, &parent)?;
        let accounts = view.realm.accounts().filter(|account| parent.is_empty() || account.row.parent == parent);
        let digits = |number| AccountId::from_number(number).unwrap_or_default().to_string();
        let accounts: Vec<_> = accounts.map(|account| (digits(account.row.number), account)).collect();
        let named = accounts.iter().map(|(id, account)| (id.as_str(), *account));
        let (accounts, next_page_token) = page.take(&self.rooms.handles, named)?;
        let accounts = accounts.into_iter().map(|account| shown::account(&view, account)).collect::<Result<_, _>>()?;
        Ok(ListAccountsResponse { accounts, next_page_token })
    }

    pub(super) async fn change_an_account(&self, checked: Checked<Change>) -> Result<(Option<Account>, u64), Refusal> {
        let acted = self.act(checked).await?;
        let account = account_of(&acted.changed.view, number(&acted.name)?)?;
        Ok((account, acted.index()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_their_kind() {
        for (text, parent_good, unit_good, number_good) in [
            ("r-abcd", true, false, false),
            ("ou-abcd-12345678", true, true, false),
            ("111122223333", false, false, true),
            ("o-abcdefghij", false, false, false),
            ("", false, false, false),
            ("r-ABCD", false, false, false),
            ("11112222333", false, false, false),
        ] {
            let refused = |refusal: Refusal| refusal.fields[0].subject.clone();
            let outcome = |good, field: &str| if good { Ok(()) } else { Err(field.to_owned()) };
            assert_eq!(parent(text).map(drop).map_err(refused), outcome(parent_good, "ParentId"), "{text}");
            assert_eq!(unit(text).map(drop).map_err(refused), outcome(unit_good, "OrganizationalUnitId"), "{text}");
            assert_eq!(number(text).map(drop).map_err(refused), outcome(number_good, "AccountId"), "{text}");
        }
    }
}
