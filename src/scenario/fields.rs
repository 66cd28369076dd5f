//! One object of the input, read field by field; each reader knows what would be right there.

use super::{
    error::{InputError, RecordPlace},
    flaw::{NumberFlaw, NumberRange, RecordFlaw},
    json::{Json, Object, sketch},
    sketch::{listed, nearest, quoted},
};

/// An object and where it stands.
pub(super) struct Fields<'j, 'a> {
    object: &'j Object<'a>,
    place: RecordPlace,
}

impl<'j, 'a> Fields<'j, 'a> {
    pub(super) fn of(value: &'j Json<'a>, place: RecordPlace) -> Result<Self, InputError> {
        let Json::Object(object) = value else {
            return Err(place.error(RecordFlaw::NotAnObject { found: sketch(value) }));
        };
        Ok(Self { object, place })
    }

    pub(super) fn optional(&self, field: &str) -> Option<&'j Json<'a>> {
        self.object.value(field)
    }

    pub(super) fn required(&self, field: &'static str) -> Result<&'j Json<'a>, InputError> {
        self.optional(field).ok_or_else(|| {
            let near = nearest(field, self.object.keys()).map(quoted);
            let found = listed(self.object.keys().map(quoted));
            self.place.error(RecordFlaw::MissingField { field, found, near })
        })
    }

    /// One of a few words; `right` names them in the error, `meaning` knows them.
    pub(super) fn word<T>(
        &self,
        field: &'static str,
        words: &[&'static str],
        right: &'static str,
        meaning: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, InputError> {
        let place = self.place.field(field);
        let value = self.required(field)?;
        let Some(text) = value.text() else {
            return Err(place.error(RecordFlaw::NotAText { found: sketch(value), right }));
        };
        meaning(text).ok_or_else(|| {
            let near = nearest(text, words.iter().copied());
            place.error(RecordFlaw::UnknownWord { found: quoted(text), near, right })
        })
    }

    pub(super) fn array(&self, field: &'static str) -> Result<&'j [Json<'a>], InputError> {
        let value = self.required(field)?;
        let Json::Array(items) = value else {
            return Err(self.place.field(field).error(RecordFlaw::NotAnArray { found: sketch(value) }));
        };
        Ok(items)
    }

    /// A whole number within `range`, as what it stands for.
    pub(super) fn number<T>(
        &self,
        field: &'static str,
        range: NumberRange,
        meaning: impl FnOnce(i64) -> Option<T>,
    ) -> Result<T, InputError> {
        let value = self.required(field)?;
        whole(value, range).and_then(|number| meaning(number).ok_or(NumberFlaw::TooLarge)).map_err(|flaw| {
            self.place.field(field).error(RecordFlaw::Number { found: sketch(value), flaw, right: range })
        })
    }
}

fn whole(value: &Json<'_>, range: NumberRange) -> Result<i64, NumberFlaw> {
    let (least, greatest) = range.bounds();
    match value {
        Json::Natural(value) => match i64::try_from(*value) {
            Ok(value) if value < least => Err(NumberFlaw::TooSmall),
            Ok(value) if value <= greatest => Ok(value),
            Ok(_) | Err(_) => Err(NumberFlaw::TooLarge),
        },
        Json::Negative(value) if *value < least => Err(NumberFlaw::Negative),
        Json::Negative(value) => Ok(*value),
        Json::Fraction(value) => Err(fraction(*value, range)),
        Json::Text(text) => Err(NumberFlaw::Text { write: text.trim().parse().ok().filter(|&n| fits(n, range)) }),
        Json::Boolean(_) => Err(NumberFlaw::Boolean),
        Json::Null => Err(NumberFlaw::Null),
        Json::Array(_) => Err(NumberFlaw::Array),
        Json::Object(_) => Err(NumberFlaw::Object),
    }
}

/// Every whole number up to 2^53 has a float of its own, so a whole float below it can be named.
fn fraction(value: f64, range: NumberRange) -> NumberFlaw {
    const EXACT: f64 = (1_u64 << 53) as f64;
    let (least, greatest) = range.bounds();
    if value > greatest as f64 {
        NumberFlaw::TooLarge
    } else if value < 0.0 && value < least as f64 {
        NumberFlaw::Negative
    } else if (0.0..EXACT).contains(&value) && value.fract() == 0.0 {
        NumberFlaw::Fraction { write: Some(value as u64).filter(|&n| fits(n, range)) }
    } else {
        NumberFlaw::Fraction { write: None }
    }
}

fn fits(value: u64, range: NumberRange) -> bool {
    let (least, greatest) = range.bounds();
    i64::try_from(value).is_ok_and(|value| (least..=greatest).contains(&value))
}
