//! Upper bounds: what has to hold of an event's plain columns if a predicate is to
//! be true, whatever its fields are. Fields are dear, as they are taken out of
//! JSON; an event that fails the bound needs none. And what has to hold of the
//! event alone, whatever an earlier event binds.

use super::Predicate;

impl Predicate {
    /// A predicate without fields and bound values that is true wherever this one is true.
    #[must_use]
    pub fn weaken(&self) -> Self {
        self.may_be_true(&|leaf| leaf.fields().is_empty() && leaf.outside().is_empty())
    }

    /// A predicate without bound values that is true wherever this one is true.
    #[must_use]
    pub(crate) fn alone(&self) -> Self {
        self.may_be_true(&|leaf| leaf.outside().is_empty())
    }

    /// A predicate of the leaves to `keep` that is true wherever this one is true.
    fn may_be_true(&self, keep: &dyn Fn(&Self) -> bool) -> Self {
        match self {
            Self::All(parts) => all(parts.iter().map(|part| part.may_be_true(keep))),
            Self::Any(parts) => any(parts.iter().map(|part| part.may_be_true(keep))),
            Self::Not(part) => part.may_be_false(keep),
            leaf if keep(leaf) => leaf.clone(),
            _ => Self::Const(true),
        }
    }

    /// A predicate of the leaves to `keep` that is true wherever this one is false (and not null).
    fn may_be_false(&self, keep: &dyn Fn(&Self) -> bool) -> Self {
        match self {
            Self::All(parts) => any(parts.iter().map(|part| part.may_be_false(keep))),
            Self::Any(parts) => all(parts.iter().map(|part| part.may_be_false(keep))),
            Self::Not(part) => part.may_be_true(keep),
            Self::Const(value) => Self::Const(!value),
            leaf if keep(leaf) => Self::Not(Box::new(leaf.clone())),
            _ => Self::Const(true),
        }
    }
}

fn all(parts: impl Iterator<Item = Predicate>) -> Predicate {
    let mut parts: Vec<_> = parts.filter(|part| *part != Predicate::Const(true)).collect();
    match (parts.pop(), parts.is_empty()) {
        (None, _) => Predicate::Const(true),
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            Predicate::All(parts)
        }
    }
}

fn any(parts: impl Iterator<Item = Predicate>) -> Predicate {
    let mut parts: Vec<_> = parts.collect();
    if parts.contains(&Predicate::Const(true)) {
        return Predicate::Const(true);
    }
    match (parts.pop(), parts.is_empty()) {
        (None, _) => Predicate::Const(false),
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            Predicate::Any(parts)
        }
    }
}
