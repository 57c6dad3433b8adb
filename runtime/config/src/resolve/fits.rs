//! Whether a field of the system takes a value, or values of a sort. Only what is certain is said.
//!
//! Not for lengths and picklists: those are `lock`'s.

use jiff::civil::Date;
use serde_json::Value;

use crate::decl::FieldType;
use crate::functions::timestamp;
use crate::template::Sort;

const TRUTH: &str = "write `true` or `false`";
const DAY: &str = "write a day as `2026-12-24`, or {{date call.started_at project.timezone}}";
const MOMENT: &str = "write a moment as `2026-12-24T09:00:00Z`, or {{utc call.started_at}}";
const NUMBER: &str = "write a number, without quotes";
const TEXT: &str = "write it in quotes, or as {{text ...}}";

/// What to write instead, where a value does not fit. `converts`: the system reads text and numbers for one another.
pub(super) fn value(field: FieldType, value: &Value, converts: bool) -> Option<&'static str> {
    let string = value.as_str();
    let number = || value.as_f64().or_else(|| string?.trim().parse::<f64>().ok());
    match field {
        FieldType::Other => None,
        FieldType::Boolean => {
            let truth = value.is_boolean() || string.is_some_and(|text| ["true", "false"].contains(&text.to_lowercase().as_str()));
            (!truth).then_some(TRUTH)
        }
        FieldType::Number => number().is_none().then_some(NUMBER),
        FieldType::Integer => number().is_none_or(|number| number.fract() != 0.0).then_some("write a whole number, without quotes"),
        FieldType::Date => {
            let day = string.is_some_and(|text| text.len() == 10 && text.parse::<Date>().is_ok());
            (!(day || converts && timestamp(value).is_some())).then_some(DAY)
        }
        FieldType::Datetime => {
            let moment = string.is_some_and(|text| text.parse::<f64>().is_err() && timestamp(value).is_some());
            let day = string.is_some_and(|text| text.len() == 10 && text.parse::<Date>().is_ok());
            (!(moment || day || converts && timestamp(value).is_some())).then_some(MOMENT)
        }
        _ => (!value.is_string() && !(converts && (value.is_number() || value.is_boolean()))).then_some(TEXT),
    }
}

/// What a sort is, and what to write instead, where no value of it fits.
pub(super) fn sort(field: FieldType, sort: Sort, converts: bool) -> Option<(&'static str, &'static str)> {
    let found = match sort {
        Sort::Any => return None,
        Sort::Words | Sort::Built | Sort::Short => "text",
        Sort::Moment => "a moment",
        Sort::Day => "a day",
        Sort::Number => "a number",
        Sort::Truth => "true or false",
        Sort::Group => "a list or a group of values",
    };
    let help = match (field, sort) {
        (FieldType::Other, _) => return None,
        (_, Sort::Group) => "name one value, or {{join LIST}}",
        (FieldType::Boolean, Sort::Words | Sort::Number | Sort::Moment | Sort::Day) => "write a comparison: {{eq outcome 'booked'}}",
        (FieldType::Number | FieldType::Integer, Sort::Words | Sort::Truth | Sort::Moment | Sort::Day) => {
            "name a number, such as {{call.duration_s}}"
        }
        (FieldType::Datetime, Sort::Words | Sort::Truth) => MOMENT,
        (FieldType::Date, Sort::Words | Sort::Truth) => DAY,
        (FieldType::Date, Sort::Moment | Sort::Number) if !converts => DAY,
        (FieldType::Datetime, Sort::Number) if !converts => MOMENT,
        (
            FieldType::Text
            | FieldType::LongText
            | FieldType::Phone
            | FieldType::Email
            | FieldType::Url
            | FieldType::Picklist
            | FieldType::MultiPicklist
            | FieldType::Reference
            | FieldType::Id,
            Sort::Number | Sort::Truth,
        ) if !converts => TEXT,
        _ => return None,
    };
    Some((found, help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(field: FieldType, one: Value, fits: bool, converted: bool) {
        assert_eq!((value(field, &one, false).is_none(), value(field, &one, true).is_none()), (fits, converted), "{field:?} {one}");
    }

    #[test]
    fn values() {
        check(FieldType::Text, json!("x"), true, true);
        check(FieldType::Text, json!(5), false, true);
        check(FieldType::Text, json!([1]), false, false);
        check(FieldType::Number, json!("5.5"), true, true);
        check(FieldType::Number, json!("five"), false, false);
        check(FieldType::Integer, json!(5.5), false, false);
        check(FieldType::Boolean, json!("True"), true, true);
        check(FieldType::Boolean, json!("yes"), false, false);
        check(FieldType::Date, json!("2026-12-24"), true, true);
        check(FieldType::Date, json!("24.12.2026"), false, false);
        check(FieldType::Date, json!("2026-12-24T09:00:00Z"), false, true);
        check(FieldType::Datetime, json!("2026-12-24T09:00:00Z"), true, true);
        check(FieldType::Datetime, json!("1795194131000"), false, true);
        check(FieldType::Other, json!({"a": 1}), true, true);
    }

    #[test]
    fn sorts() {
        let fits = |field, one| sort(field, one, false).is_none();
        assert!(fits(FieldType::Date, Sort::Day) && !fits(FieldType::Date, Sort::Moment) && !fits(FieldType::Date, Sort::Words));
        assert!(fits(FieldType::Datetime, Sort::Moment) && !fits(FieldType::Datetime, Sort::Number));
        assert!(fits(FieldType::Number, Sort::Number) && fits(FieldType::Number, Sort::Built) && !fits(FieldType::Number, Sort::Words));
        assert!(fits(FieldType::Boolean, Sort::Truth) && !fits(FieldType::Boolean, Sort::Words));
        assert!(
            fits(FieldType::Text, Sort::Moment)
                && !fits(FieldType::Text, Sort::Number)
                && sort(FieldType::Text, Sort::Number, true).is_none()
        );
        assert!(fits(FieldType::Other, Sort::Group) && !fits(FieldType::Text, Sort::Group));
    }
}
