//! Wildcards of policies: `*` for any text, `?` for one character, in bounded time.

/// Whether a pattern of actions matches a name, which has no wildcards; letters compare without case.
pub(in crate::iam) fn matches(pattern: &str, name: &str) -> bool {
    covers(pattern, name, u8::eq_ignore_ascii_case)
}

/// The same for texts whose case counts, such as resources.
pub(in crate::iam) fn matches_exactly(pattern: &str, text: &str) -> bool {
    covers(pattern, text, u8::eq)
}

/// Only the last `*` is ever gone back to, so the work is at most the pattern's length and the square of the name's.
fn covers(pattern: &str, name: &str, is_same: fn(&u8, &u8) -> bool) -> bool {
    let mut pattern = pattern.as_bytes();
    let mut name = name.as_bytes();
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), name.split_first()) {
            (Some((b'*', after)), _) => {
                pattern = after;
                retry = Some((after, name));
                continue;
            }
            (Some((wanted, pattern_after)), Some((letter, name_after))) if *wanted == b'?' || is_same(wanted, letter) => {
                pattern = pattern_after;
                name = name_after;
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        // The last `*` takes one more letter.
        let Some((after, (_, shorter))) = retry.and_then(|(after, rest)| Some((after, rest.split_first()?))) else { return false };
        pattern = after;
        name = shorter;
        retry = Some((after, shorter));
    }
}

/// Whether some text matches both patterns; case counts. The work is the product of the lengths.
pub(super) fn overlap(left: &str, right: &str) -> bool {
    let right = right.as_bytes();
    // Entry n tells whether the patterns so far, of `right` its first n bytes, can be the same text.
    let mut row = vec![false; right.len() + 1];
    let mut next = row.clone();
    mark(&mut row, 0);
    for wanted in left.bytes() {
        spread(&mut row, right, wanted == b'*');
        next.fill(false);
        for (place, _) in row.iter().enumerate().filter(|(_, reached)| **reached) {
            let other = right.get(place).copied();
            if wanted == b'*' || other == Some(b'*') {
                mark(&mut next, place);
            } else if other.is_some_and(|other| other == wanted || other == b'?' || wanted == b'?') {
                mark(&mut next, place + 1);
            }
        }
        if !next.contains(&true) {
            return false;
        }
        std::mem::swap(&mut row, &mut next);
    }
    spread(&mut row, right, false);
    row.last().copied().unwrap_or_default()
}

/// Goes on in `right` without the other pattern: over its stars, or, under a star of the other, over everything.
fn spread(row: &mut [bool], right: &[u8], over_all: bool) {
    for (place, letter) in right.iter().enumerate() {
        if (over_all || *letter == b'*') && row.get(place) == Some(&true) {
            mark(row, place + 1);
        }
    }
}

fn mark(row: &mut [bool], place: usize) {
    if let Some(entry) = row.get_mut(place) {
        *entry = true;
    }
}

/// Whether a pattern is `*`, or several of it.
pub(in crate::iam) fn is_everything(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|letter| letter == b'*')
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// Whether the pattern matches, by its plain meaning.
    fn plainly(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', after)), _) => plainly(after, name) || name.split_first().is_some_and(|(_, rest)| plainly(pattern, rest)),
            (Some((wanted, after)), Some((letter, rest))) => (*wanted == b'?' || wanted == letter) && plainly(after, rest),
            _ => false,
        }
    }

    /// All texts of up to six letters.
    fn short_texts() -> Vec<String> {
        let mut texts = vec![String::new()];
        let mut last = texts.clone();
        for _ in 0..6 {
            last = last.iter().flat_map(|text| ["a", "b", ":"].map(|letter| format!("{text}{letter}"))).collect();
            texts.extend(last.iter().cloned());
        }
        texts
    }

    #[test]
    fn actions() {
        for pattern in ["*", "*:*", "iam:*", "IAM:Put*", "i*:*", "iam:PutRolePolic?", "iam:?ut*Pol*y", "iam:putrolepolicy", "**"] {
            assert!(matches(pattern, "iam:PutRolePolicy"), "{pattern}");
        }
        for pattern in ["", "iam:", "iam:Put", "iam:Get*", "?", "iam:PutRolePolicy?", "s3:*", "*:PutUserPolicy", "iam"] {
            assert!(!matches(pattern, "iam:PutRolePolicy"), "{pattern}");
        }
        assert!(matches_exactly("iam:Put*", "iam:PutRolePolicy") && !matches_exactly("iam:put*", "iam:PutRolePolicy"));
    }

    #[test]
    fn hostile_patterns_take_bounded_time() {
        let start = Instant::now();
        for pattern in ["*a".repeat(65_536), "a*".repeat(65_536), "*".repeat(131_072), "?".repeat(131_072), "*?".repeat(65_536)] {
            matches(&pattern, &format!("{}b", "a".repeat(200)));
            overlap(&pattern, "arn:*:organizations:*");
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }

    #[test]
    fn everything() {
        assert!(is_everything("*") && is_everything("***"));
        assert!(!is_everything("") && !is_everything("*:*") && !is_everything("?"));
    }

    proptest! {
        #[test]
        fn matching_is_what_it_says(pattern in "[ab*?:]{0,8}", name in "[ab:]{0,8}") {
            prop_assert_eq!(matches(&pattern, &name), plainly(pattern.as_bytes(), name.as_bytes()));
            prop_assert_eq!(matches_exactly(&pattern, &name), plainly(pattern.as_bytes(), name.as_bytes()));
            prop_assert_eq!(overlap(&pattern, &name), plainly(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn overlapping_is_what_it_says(left in "[ab*?:]{0,4}", right in "[ab*?:]{0,4}") {
            // Beside a star there are three letters at most in each, so six are enough.
            let both = short_texts().iter().any(|text| plainly(left.as_bytes(), text.as_bytes()) && plainly(right.as_bytes(), text.as_bytes()));
            prop_assert_eq!(overlap(&left, &right), both, "{} {}", left, right);
            prop_assert_eq!(overlap(&right, &left), both);
        }
    }
}
