//! What has to hold between an event and the values that earlier events bound.

use super::super::hits::{Hit, Value};
use super::super::predicate::{Operand, Predicate};
use super::super::rule::Sequence;

/// The tests of all steps, and of what has to be absent after them.
#[derive(Debug)]
pub(super) struct Tests<'r> {
    /// The bound names; a value of each is a slot.
    pub(super) slots: Vec<&'r str>,
    /// A test a step.
    pub(super) steps: Vec<Test<'r>>,
    /// The test of what has to be absent.
    pub(super) absent: Option<Test<'r>>,
    /// For each step and the end: the slots that are bound before and looked at from there on.
    pub(super) needed: Vec<Vec<usize>>,
    /// For each step, the slots that it fills and the columns or fields that it takes.
    binds: Vec<Vec<(usize, &'r str)>>,
}

/// One condition, less what the scan has tested already.
#[derive(Debug)]
pub(super) struct Test<'r> {
    /// Values of the event that have to equal those of slots.
    pub(super) equal: Vec<(&'r Operand, usize)>,
    /// What else bound values take part in.
    pub(super) rest: Vec<&'r Predicate>,
    looks_at: Vec<usize>,
}

impl<'r> Tests<'r> {
    pub(super) fn new(sequence: &'r Sequence) -> Self {
        let slots: Vec<&str> = sequence.steps.iter().flat_map(|step| step.bind.iter().map(|(name, _)| name.as_str())).collect();
        let steps: Vec<Test<'_>> = sequence.steps.iter().map(|step| Test::new(&step.condition, &slots)).collect();
        let absent = sequence.absent.as_ref().map(|absent| Test::new(&absent.condition, &slots));
        let slot = |name: &String| slots.iter().position(|known| *known == name.as_str());
        let binds: Vec<Vec<(usize, &str)>> = sequence
            .steps
            .iter()
            .map(|step| step.bind.iter().filter_map(|(name, source)| Some((slot(name)?, source.as_str()))).collect())
            .collect();
        let needed = (0..=steps.len())
            .map(|place| {
                let bound = binds.iter().take(place).flatten().map(|(slot, _)| *slot);
                let looked_at = |slot: &usize| steps.iter().skip(place).chain(&absent).any(|test| test.looks_at.contains(slot));
                bound.filter(looked_at).collect()
            })
            .collect();
        Self { slots, steps, absent, needed, binds }
    }

    /// The slots after a step whose last event this is.
    pub(super) fn bound<'m>(&self, step: usize, hit: &Hit<'m>, before: &[Value<'m>]) -> Vec<Value<'m>> {
        let mut values = before.to_vec();
        for (slot, source) in self.binds.get(step).into_iter().flatten() {
            if let Some(value) = values.get_mut(*slot) {
                *value = hit.value(source);
            }
        }
        values
    }

    /// Which step fills a slot, and from which column or field.
    pub(super) fn binder(&self, slot: usize) -> Option<(usize, &'r str)> {
        let steps = self.binds.iter().enumerate();
        steps
            .flat_map(|(step, binds)| binds.iter().map(move |bind| (step, bind)))
            .find_map(|(step, (known, source))| (*known == slot).then_some((step, *source)))
    }
}

impl<'r> Test<'r> {
    fn new(condition: &'r Predicate, slots: &[&str]) -> Self {
        let slot = |name: &str| slots.iter().position(|known| *known == name);
        let mut test = Self { equal: Vec::new(), rest: Vec::new(), looks_at: condition.outside().into_iter().filter_map(slot).collect() };
        for part in condition.conjuncts().into_iter().filter(|part| !part.outside().is_empty()) {
            match part.equality().and_then(|(value, name)| Some((value, slot(name)?))) {
                Some(equal) => test.equal.push(equal),
                None => test.rest.push(part),
            }
        }
        test
    }

    /// The event's values that have to equal bound ones; `None` where one is null, which equals nothing.
    pub(super) fn own_key<'m>(&self, hit: &Hit<'m>) -> Option<Vec<Value<'m>>> {
        self.equal.iter().map(|(operand, _)| own_value(operand, hit)).collect()
    }

    /// The bound values that an event's have to equal; `None` where one is null.
    pub(super) fn bound_key<'m>(&self, bound: &[Value<'m>]) -> Option<Vec<Value<'m>>> {
        let value = |slot: &usize| bound.get(*slot).copied().filter(|value| *value != Value::Null);
        self.equal.iter().map(|(_, slot)| value(slot)).collect()
    }

    /// Whether the rest holds of an event beside those bound values.
    pub(super) fn holds(&self, hit: &Hit<'_>, slots: &[&str], bound: &[Value<'_>]) -> bool {
        let lookup = |name: &str| {
            let slot = slots.iter().position(|known| *known == name);
            slot.map_or_else(|| hit.value(name), |slot| bound.get(slot).copied().unwrap_or(Value::Null)).datum()
        };
        self.rest.iter().all(|part| part.truth(&lookup) == Some(true))
    }
}

/// The value of a column or field, as the comparison reads it; `None` for null.
pub(super) fn own_value<'m>(operand: &Operand, hit: &Hit<'m>) -> Option<Value<'m>> {
    let value = match operand {
        Operand::Column(column) => hit.column(*column),
        Operand::Field(name) => hit.value(name),
        Operand::FieldAsInt(name) => match hit.value(name) {
            Value::Text(text) => text.parse().map_or(Value::Null, Value::Int),
            _ => Value::Null,
        },
        _ => Value::Null,
    };
    (value != Value::Null).then_some(value)
}
