//! `bascule org unit`: create, list, rename, delete.

use bascule_api::iam::v1::{
    CreateOrganizationalUnitRequest, DeleteOrganizationalUnitRequest, ListOrganizationalUnitsRequest,
    UpdateOrganizationalUnitRequest,
};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::link::{change, listed};
use crate::output::organization;
use crate::output::record::Record;
use crate::verbs::{Desk, Outcome, Reading, Writing, said, shown};

/// What to do with units.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a unit below the root or another unit, for good
    Create(Create),
    /// List units
    List(List),
    /// Give a unit another name
    Rename(Rename),
    /// Delete a unit that has nothing below it
    Delete(Delete),
}

/// The unit to create.
#[derive(Debug, Args)]
pub struct Create {
    /// Name, 1 to 128 characters, unique below its parent
    name: String,
    /// Id of the root or of a unit
    #[arg(long, value_name = "ID")]
    parent: String,
    #[command(flatten)]
    writing: Writing,
}

/// Which units to list.
#[derive(Debug, Args)]
pub struct List {
    /// Only those right below the root or unit of this id
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    parent: String,
    #[command(flatten)]
    reading: Reading,
}

/// The unit to rename.
#[derive(Debug, Args)]
pub struct Rename {
    /// Id of the unit
    id: String,
    /// New name, 1 to 128 characters
    name: String,
    #[command(flatten)]
    writing: Writing,
}

/// The unit to delete.
#[derive(Debug, Args)]
pub struct Delete {
    /// Id of the unit
    id: String,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    match verb {
        Verb::Create(it) => {
            let answer = change!(
                link,
                it.writing,
                organizations.create_organizational_unit(CreateOrganizationalUnitRequest {
                    parent_id: it.parent.clone(),
                    name: it.name.clone(),
                })
            );
            let made = answer.organizational_unit;
            let json = made.as_ref().map(organization::unit);
            let json = shown(&it.writing, json, "CreateOrganizationalUnit", "organizational_unit")?;
            let undo = format!("bascule org unit delete {}", made.map(|unit| unit.id).unwrap_or_default());
            let text = said(&it.writing, "unit", &it.name, "created");
            Ok(Outcome::changed(text, json, answer.control_index).undone_by(&it.writing, undo))
        }
        Verb::List(it) => {
            let all = listed!(
                link,
                organizations
                    .list_organizational_units(ListOrganizationalUnitsRequest {
                        parent_id: it.parent.clone(),
                        allow_stale: it.reading.allow_stale,
                    })
                    .organizational_units
            );
            Ok(Outcome::done(organization::units(&all)))
        }
        Verb::Rename(it) => {
            let answer = change!(
                link,
                it.writing,
                organizations.update_organizational_unit(UpdateOrganizationalUnitRequest {
                    organizational_unit_id: it.id.clone(),
                    name: it.name.clone(),
                })
            );
            let json = answer.organizational_unit.as_ref().map(organization::unit);
            let json = shown(&it.writing, json, "UpdateOrganizationalUnit", "organizational_unit")?;
            let text = said(&it.writing, "unit", &it.id, &format!("renamed to `{}`", it.name));
            Ok(Outcome::changed(text, json, answer.control_index))
        }
        Verb::Delete(it) => {
            let answer = change!(
                link,
                it.writing,
                organizations.delete_organizational_unit(DeleteOrganizationalUnitRequest {
                    organizational_unit_id: it.id.clone(),
                })
            );
            Ok(Outcome::changed(said(&it.writing, "unit", &it.id, "deleted"), Record::new(), answer.control_index))
        }
    }
}
