//! What follows from a record's values: names, closed flags, times of an event, the last activity.
//!
//! Not for checks of single values: those are `save`.

use jiff::civil::Date;

use super::{
    cell::{self, Cell},
    error::ApiError,
    id::Id,
    objects::STAGES,
    org::Org,
    store::Row,
};

/// Longest event that is not all-day, in minutes: 14 days.
const LONGEST_EVENT_MIN: i64 = 14 * 24 * 60;

/// Fills in what follows, before the row is stored. `given` are the fields of the request.
pub(crate) fn before(org: &Org, table: usize, old: Option<&Row>, row: &mut Row, given: &[usize]) -> Result<(), ApiError> {
    let view = View { org, table };
    match org.schema.objects[table].name {
        "Contact" | "Lead" | "User" => view.full_name(row),
        "Opportunity" => view.stage(old, row, given),
        "Case" => view.case(old, row, given),
        "Task" => {
            view.activity(row)?;
            view.task(old, row);
        }
        "Event" => {
            view.activity(row)?;
            view.event(row, given)?;
        }
        _ => {}
    }
    for (_, field, value) in org.settings.flow.iter().filter(|(of, ..)| *of == table) {
        row.set(*field, value.clone());
    }
    Ok(())
}

/// The record that a create locks: the vendor locks what an activity, case or role belongs to.
pub(crate) fn parent(org: &Org, table: usize, row: &Row) -> Option<Id> {
    ["AccountId", "WhatId", "WhoId", "ContactId", "OpportunityId"].iter().find_map(|name| {
        let field = org.schema.objects[table].slot(name)?;
        row.get(field)?.as_id()
    })
}

/// What a stored row does to others.
pub(crate) fn after(org: &mut Org, table: usize, old: Option<&Row>, row: &Row) {
    match org.schema.objects[table].name {
        "Task" | "Event" => last_activity(org, table, row),
        "Opportunity" if old.is_none() => {
            let object = &org.schema.objects[table];
            let contact = object.slot("ContactId").and_then(|field| row.get(field)?.as_id());
            if let Some(contact) = contact {
                primary_role(org, row.id, contact);
            }
        }
        _ => {}
    }
}

struct View<'a> {
    org: &'a Org,
    table: usize,
}

impl View<'_> {
    /// The place of one of this object's standard fields.
    fn at(&self, name: &str) -> usize {
        self.org.schema.objects[self.table].slot(name).unwrap_or(usize::MAX)
    }

    fn id(&self, row: &Row, name: &str) -> Option<Id> {
        row.get(self.at(name))?.as_id()
    }

    fn full_name(&self, row: &mut Row) {
        let parts = [row.text(self.at("FirstName")), row.text(self.at("LastName"))];
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        row.set(self.at("Name"), (!name.is_empty()).then(|| Cell::Text(name.into())));
    }

    fn stage(&self, old: Option<&Row>, row: &mut Row, given: &[usize]) {
        let stage_at = self.at("StageName");
        if old.is_some_and(|old| old.get(stage_at) == row.get(stage_at)) {
            return;
        }
        let name = row.text(stage_at).unwrap_or_default();
        let known = STAGES.iter().find(|stage| stage.0.eq_ignore_ascii_case(name));
        let (_, closed, won, probability, forecast) = known.copied().unwrap_or(("", false, false, 0.0, "Pipeline"));
        row.set(self.at("IsClosed"), Some(Cell::Bool(closed)));
        row.set(self.at("IsWon"), Some(Cell::Bool(won)));
        row.set(self.at("ForecastCategory"), Some(Cell::Text(forecast.replace(' ', "").into())));
        if !given.contains(&self.at("Probability")) {
            row.set(self.at("Probability"), Some(Cell::Number(probability)));
        }
        if !given.contains(&self.at("ForecastCategoryName")) {
            row.set(self.at("ForecastCategoryName"), Some(Cell::Text(forecast.into())));
        }
    }

    fn case(&self, old: Option<&Row>, row: &mut Row, given: &[usize]) {
        let was_closed = old.is_some_and(|old| old.is_true(self.at("IsClosed")));
        let closed = row.text(self.at("Status")) == Some("Closed");
        row.set(self.at("IsClosed"), Some(Cell::Bool(closed)));
        if closed != was_closed {
            row.set(self.at("ClosedDate"), closed.then(|| Cell::Time(self.org.now())));
        }
        let contact = self.id(row, "ContactId").and_then(|id| self.org.follow(id));
        let of_contact = |name: &str| {
            let (table, contact) = contact?;
            contact.get(self.org.schema.objects[table].slot(name)?).cloned()
        };
        for (own, theirs) in [("ContactPhone", "Phone"), ("ContactMobile", "MobilePhone"), ("ContactEmail", "Email")] {
            row.set(self.at(own), of_contact(theirs));
        }
        if old.is_none() && !given.contains(&self.at("AccountId")) {
            row.set(self.at("AccountId"), of_contact("AccountId"));
        }
    }

    fn activity(&self, row: &mut Row) -> Result<(), ApiError> {
        let who = self.id(row, "WhoId");
        let what = self.id(row, "WhatId");
        if who.is_some_and(|who| who.prefix() == "00Q") && what.is_some() {
            let message = "field integrity exception: WhoId, WhatId (a lead cannot be combined with a related record)";
            return Err(ApiError::save("FIELD_INTEGRITY_EXCEPTION", message, &["WhoId", "WhatId"]));
        }
        // The Task reference: the account of WhatId if that is an account or opportunity, else the contact's.
        let account_of = |id: Id| {
            let (table, parent) = self.org.follow(id)?;
            match self.org.schema.objects[table].name {
                "Account" => Some(id),
                _ => parent.get(self.org.schema.objects[table].slot("AccountId")?)?.as_id(),
            }
        };
        let account = match what {
            Some(what) if matches!(what.prefix(), "001" | "006") => account_of(what),
            _ => who.and_then(account_of),
        };
        row.set(self.at("AccountId"), account.map(Cell::Id));
        Ok(())
    }

    fn task(&self, old: Option<&Row>, row: &mut Row) {
        let was_closed = old.is_some_and(|old| old.is_true(self.at("IsClosed")));
        let closed = row.text(self.at("Status")) == Some("Completed");
        let high = row.text(self.at("Priority")) == Some("High");
        row.set(self.at("IsClosed"), Some(Cell::Bool(closed)));
        row.set(self.at("IsHighPriority"), Some(Cell::Bool(high)));
        if closed != was_closed {
            row.set(self.at("CompletedDateTime"), closed.then(|| Cell::Time(self.org.now())));
        }
    }

    fn event(&self, row: &mut Row, given: &[usize]) -> Result<(), ApiError> {
        let gives = |name: &str| given.contains(&self.at(name));
        if row.is_true(self.at("IsAllDayEvent")) {
            return self.all_day(row, given);
        }
        let start_name = if gives("ActivityDateTime") && !gives("StartDateTime") { "ActivityDateTime" } else { "StartDateTime" };
        let Some(start) = row.get(self.at(start_name)).and_then(Cell::as_time) else {
            return Err(super::save::required(&["StartDateTime"]));
        };
        let end = row.get(self.at("EndDateTime")).and_then(Cell::as_time);
        let minutes = match row.get(self.at("DurationInMinutes")) {
            Some(Cell::Int(minutes)) => Some(*minutes),
            _ => None,
        };
        let integrity = |message: &str, field: &str| ApiError::save("FIELD_INTEGRITY_EXCEPTION", message, &[field]);
        let minutes = match (end, minutes) {
            (Some(end), Some(minutes)) if gives("EndDateTime") && gives("DurationInMinutes") => {
                if end != start + minutes * 60 {
                    return Err(integrity("The duration and the end date/time must agree", "DurationInMinutes"));
                }
                minutes
            }
            (Some(end), _) if gives("EndDateTime") => (end - start).div_euclid(60),
            // A start that moves takes the end along.
            (_, Some(minutes)) => minutes,
            (Some(end), None) => (end - start).div_euclid(60),
            (None, None) => return Err(super::save::required(&["EndDateTime"])),
        };
        if minutes < 0 {
            return Err(integrity("The end date/time must be on or after the start date/time", "EndDateTime"));
        }
        if minutes > LONGEST_EVENT_MIN {
            return Err(integrity("An event cannot last longer than 14 days", "DurationInMinutes"));
        }
        let moves = gives("StartDateTime") || gives("ActivityDateTime") || gives("DurationInMinutes");
        let kept = end.filter(|_| gives("EndDateTime") || !moves);
        let end = kept.unwrap_or(start + minutes * 60);
        row.set(self.at("StartDateTime"), Some(Cell::Time(start)));
        row.set(self.at("ActivityDateTime"), Some(Cell::Time(start)));
        row.set(self.at("ActivityDate"), Some(Cell::Date(cell::day(start))));
        row.set(self.at("EndDateTime"), Some(Cell::Time(end)));
        row.set(self.at("EndDate"), Some(Cell::Date(cell::day(end))));
        row.set(self.at("DurationInMinutes"), Some(Cell::Int(minutes)));
        Ok(())
    }

    fn all_day(&self, row: &mut Row, given: &[usize]) -> Result<(), ApiError> {
        let date = row.get(self.at("ActivityDate")).and_then(Cell::as_date);
        let start = row.get(self.at("StartDateTime")).and_then(Cell::as_time).map(cell::day);
        let date = if given.contains(&self.at("ActivityDate")) { date.or(start) } else { start.or(date) };
        let Some(date) = date else {
            return Err(super::save::required(&["ActivityDate"]));
        };
        let start = cell::start_of_day(date);
        let end = row.get(self.at("EndDateTime")).and_then(Cell::as_time).filter(|_| given.contains(&self.at("EndDateTime")));
        let end = end.map_or(start, |end| cell::start_of_day(cell::day(end)));
        row.set(self.at("ActivityDate"), Some(Cell::Date(date)));
        row.set(self.at("ActivityDateTime"), Some(Cell::Time(start)));
        row.set(self.at("StartDateTime"), Some(Cell::Time(start)));
        row.set(self.at("EndDateTime"), Some(Cell::Time(end)));
        row.set(self.at("EndDate"), Some(Cell::Date(cell::day(end))));
        // A day is 1,440 minutes long, the last one included.
        row.set(self.at("DurationInMinutes"), Some(Cell::Int((end - start).div_euclid(60) + 24 * 60)));
        Ok(())
    }
}

/// The latest due date of a closed task or a past event, kept on whom it is about. Only ever moves forward.
fn last_activity(org: &mut Org, table: usize, row: &Row) {
    let object = &org.schema.objects[table];
    let get = |name: &str| object.slot(name).and_then(|field| row.get(field));
    let Some(date) = get("ActivityDate").and_then(Cell::as_date) else { return };
    let counts = match object.name {
        "Task" => get("IsClosed") == Some(&Cell::Bool(true)),
        _ => date <= cell::day(org.now()),
    };
    if !counts {
        return;
    }
    let ids: Vec<Id> = ["WhoId", "WhatId", "AccountId"].iter().filter_map(|name| get(name)?.as_id()).collect();
    for id in ids {
        touch(org, id, date);
    }
}

fn touch(org: &mut Org, id: Id, date: Date) {
    let Some(table) = org.schema.by_prefix(id.prefix()) else { return };
    let Some(field) = org.schema.objects[table].slot("LastActivityDate") else { return };
    let Some(at) = org.store.place(table, id) else { return };
    let row = org.store.row(table, at);
    if row.get(field).and_then(Cell::as_date).is_none_or(|known| known < date) {
        let mut row = row.clone();
        row.set(field, Some(Cell::Date(date)));
        org.store.replace(table, at, row);
    }
}

/// An opportunity that is created with a contact gets that contact as its primary role.
fn primary_role(org: &mut Org, opportunity: Id, contact: Id) {
    let table = org.table("OpportunityContactRole");
    let mut row = Row::new(org.free_id(table));
    let object = &org.schema.objects[table];
    let cells = [("OpportunityId", Cell::Id(opportunity)), ("ContactId", Cell::Id(contact)), ("IsPrimary", Cell::Bool(true))];
    for (name, cell) in cells {
        if let Some(field) = object.slot(name) {
            row.set(field, Some(cell));
        }
    }
    org.stamp(table, &mut row, true);
    org.store.insert(table, row);
}
