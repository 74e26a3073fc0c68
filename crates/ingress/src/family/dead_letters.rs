//! Dead letters in the own tables of buses, for operators.

use tonic::{Request, Response, Status};

use bascule_api::admin::v1::dead_letters_server::DeadLetters;
use bascule_api::admin::v1::{DeadLetter, ExhaustedRetryCondition, ListDeadLettersRequest, ListDeadLettersResponse};
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_model::arn::Arn;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::id::EventId;
use bascule_model::time::Millis;
use bascule_model::uid::{GroupId, Sequence, Uid};
use bascule_routing::vault::Place;
use bascule_routing::view::View;
use bascule_statemachine::codec::shard::MessageRow;
use bascule_statemachine::ports::ask::Letter;

use crate::family::{Front, given};
use crate::limits::LETTERS_LIMIT_BYTES;
use crate::page::Page;
use crate::rooms::Rooms;
use crate::stack::{Checked, Permitted};
use crate::wire;

struct List {
    page: Page,
    bus: given::NameOrArn,
    rule: Option<Arn>,
    omit_event: bool,
}

/// The place of a letter among all of its bus.
#[derive(Debug, Clone, Copy)]
struct Behind {
    group: GroupId,
    sequence: Sequence,
    target: Uid,
}

impl Behind {
    const START: Self = Self { group: GroupId(0), sequence: Sequence(0), target: Uid(0) };

    fn of(letter: &Letter) -> Self {
        Self { group: letter.group, sequence: letter.sequence, target: Uid(letter.row.target) }
    }

    fn write(self) -> String {
        format!("{}.{}.{}", self.group.0, self.sequence.0, self.target.0)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse::<u64>().ok());
        let (group, sequence, target) = (parts.next()??, parts.next()??, parts.next()??);
        Some(Self { group: GroupId(u32::try_from(group).ok()?), sequence: Sequence(sequence), target: Uid(target) })
    }
}

fn check(permit: &Permitted, request: ListDeadLettersRequest) -> Result<List, Refusal> {
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    let rule = given::arn("RuleArn", &request.rule_arn)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&bus.name, &request.rule_arn])?;
    Ok(List { page, bus, rule, omit_event: request.omit_event })
}

fn attribute<'row>(row: &'row MessageRow, name: &str) -> &'row str {
    row.attributes.iter().find(|pair| pair.name == name).map_or("", |pair| pair.value.as_str())
}

impl Front {
    async fn list_letters(&self, checked: Checked<List>) -> Result<ListDeadLettersResponse, Refusal> {
        let (permit, List { page, bus, rule, omit_event }) = checked.into_parts();
        let view = self.rooms.view(false).await?;
        let name = bus.here(&Rooms::cluster(&view)?.scope, permit.account(), Noun::Bus)?;
        let bus = view.bus(permit.account(), name).ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, name)))?;
        let after = page.after(&self.rooms.handles)?;
        let refused = || Refusal::new(Reason::PageTokenInvalid, "the page token is none of this listing");
        let mut behind = if after.is_empty() { Behind::START } else { Behind::read(&after).ok_or_else(refused)? };
        let rule = rule.map(|arn| arn.to_string());
        let (mut letters, mut bytes) = (Vec::new(), 0);
        let first = behind.group;
        for group in self.rooms.ask.groups().into_iter().filter(|group| *group >= first) {
            if group > behind.group {
                behind = Behind { group, ..Behind::START };
            }
            loop {
                let place = (behind.sequence, behind.target);
                let found = self.rooms.ask.letters(group, Uid(bus.row.uid), place, page.size()).await;
                let found = found.map_err(|error| wire::asked(&error))?;
                let full = found.len() == page.size();
                for letter in found {
                    if letters.len() == page.size() || bytes > LETTERS_LIMIT_BYTES {
                        let next_page_token = page.token(&self.rooms.handles, &behind.write());
                        return Ok(ListDeadLettersResponse { dead_letters: letters, next_page_token });
                    }
                    behind = Behind::of(&letter);
                    let row = letter.row.message.unwrap_or_default();
                    if rule.as_ref().is_none_or(|rule| rule == attribute(&row, "RULE_ARN")) {
                        let shown = self.shown_letter(&view, Uid(letter.row.target), &row, omit_event).await?;
                        bytes += shown.event.len();
                        letters.push(shown);
                    }
                }
                if !full {
                    break;
                }
            }
        }
        Ok(ListDeadLettersResponse { dead_letters: letters, next_page_token: String::new() })
    }

    async fn shown_letter(
        &self,
        view: &View,
        target: Uid,
        row: &MessageRow,
        omit_event: bool,
    ) -> Result<DeadLetter, Refusal> {
        let event = match Place::of_message(row) {
            Some(place) if !omit_event => match self.rooms.vault.open(view, place, &row.frame).await {
                Ok(event) => String::from_utf8_lossy(&event.body).into_owned(),
                // It is listed all the same: that it cannot be read is what its reader must know.
                Err(error) if error.is_final() => String::new(),
                Err(error) => return Err(wire::sealed(&error)),
            },
            _ => String::new(),
        };
        let condition = match attribute(row, "EXHAUSTED_RETRY_CONDITION") {
            "MaximumRetryAttempts" => ExhaustedRetryCondition::MaximumRetryAttempts,
            "MaximumEventAgeInSeconds" => ExhaustedRetryCondition::MaximumEventAgeInSeconds,
            _ => ExhaustedRetryCondition::Unspecified,
        };
        let target_id = view.lane(target).map(|lane| lane.target.id.as_str().to_owned()).unwrap_or_default();
        Ok(DeadLetter {
            event_id: EventId::from_slice(&row.event_id).unwrap_or_default().to_string(),
            rule_arn: attribute(row, "RULE_ARN").to_owned(),
            target_arn: attribute(row, "TARGET_ARN").to_owned(),
            error_code: attribute(row, "ERROR_CODE").to_owned(),
            error_message: attribute(row, "ERROR_MESSAGE").to_owned(),
            exhausted_retry_condition: condition.into(),
            retry_attempts: attribute(row, "RETRY_ATTEMPTS").parse().unwrap_or_default(),
            event,
            dead_lettered_time: Some(timestamp(Millis(row.enqueued_ms))),
            target_id,
        })
    }
}

#[tonic::async_trait]
impl DeadLetters for Front {
    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        self.stack.run(request, check, |checked| self.list_letters(checked)).await
    }
}
