//! Upper bounds: what has to hold of an event's plain columns if a predicate is to
//! be true, whatever its fields are. Fields are dear, as they are taken out of
//! JSON; an event that fails the bound needs none.

use super::Predicate;

impl Predicate {
    /// A predicate without fields that is true wherever this one is true.
    #[must_use]
    pub fn weaken(&self) -> Self {
        match self {
            Self::All(parts) => all(parts.iter().map(Self::weaken)),
            Self::Any(parts) => any(parts.iter().map(Self::weaken)),
            Self::Not(part) => part.may_be_false(),
            leaf if leaf.fields().is_empty() => leaf.clone(),
            _ => Self::Const(true),
        }
    }

    /// A predicate without fields that is true wherever this one is false (and not null).
    fn may_be_false(&self) -> Self {
        match self {
            Self::All(parts) => any(parts.iter().map(Self::may_be_false)),
            Self::Any(parts) => all(parts.iter().map(Self::may_be_false)),
            Self::Not(part) => part.weaken(),
            Self::Const(value) => Self::Const(!value),
            leaf if leaf.fields().is_empty() => Self::Not(Box::new(leaf.clone())),
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
