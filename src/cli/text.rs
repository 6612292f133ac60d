//! Text for people on a terminal: cutting and breaking it to a width. What a page needs too is in [`trailsift::report::text`].

use std::borrow::Cow;

pub(crate) use trailsift::report::text::{count, escape, is_hidden, number, quoted, short_principal, thousands};

/// How many columns of a terminal an escaped text takes at most.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char_width).sum() }
}

/// Two columns for what East Asian typography sets wide, and for pictures.
fn char_width(letter: char) -> usize {
    let wide = matches!(letter,
        '\u{1100}'..='\u{115f}' | '\u{231a}'..='\u{231b}' | '\u{23e9}'..='\u{23f3}' | '\u{25fd}'..='\u{27bf}'
        | '\u{2b1b}'..='\u{2b55}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' | '\u{a960}'..='\u{a97c}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe10}'..='\u{fe6f}' | '\u{ff01}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}' | '\u{16fe0}'..='\u{1b2fb}' | '\u{1f004}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}');
    1 + usize::from(wide)
}

/// Cut in the middle to `max` columns, keeping more of the tail: the name stands at an ARN's end.
pub(crate) fn cut_middle(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let room = max.saturating_sub(1);
    let head = head_of(text, room / 3);
    Cow::Owned(format!("{head}…{}", tail_of(text, room - width(head))))
}

/// Cut at its end to `max` columns.
pub(crate) fn cut_end(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", head_of(text, max.saturating_sub(1))))
}

fn head_of(text: &str, columns: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, letter)| {
        taken += char_width(*letter);
        taken > columns
    });
    text.get(..end.map_or(text.len(), |(at, _)| at)).unwrap_or_default()
}

fn tail_of(text: &str, columns: usize) -> &str {
    let mut taken = 0;
    let start = text.char_indices().rev().find(|(_, letter)| {
        taken += char_width(*letter);
        taken > columns
    });
    text.get(start.map_or(0, |(at, letter)| at + letter.len_utf8())..).unwrap_or_default()
}

/// The text in lines of at most `columns`, broken at spaces where there are some.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut rest = word;
        loop {
            let line = lines.last_mut().map_or(0, |line| width(line));
            let space = usize::from(line > 0);
            if line + space + width(rest) <= columns {
                push_word(&mut lines, rest);
                break;
            }
            if line > 0 {
                lines.push(String::new());
                continue;
            }
            let part = head_of(rest, columns);
            push_word(&mut lines, part);
            rest = rest.get(part.len()..).unwrap_or_default();
            lines.push(String::new());
        }
    }
    lines
}

fn push_word(lines: &mut [String], word: &str) {
    if let Some(line) = lines.last_mut() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_long_name_stays() {
        let name = "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin";
        assert_eq!(cut_middle(name, 22), "role/aw…ervedSSO_Admin");
        assert_eq!(cut_middle("user/al", 7), "user/al");
        assert_eq!(cut_end("no MFA was used", 7), "no MFA…");
        for max in 0..20 {
            assert!(width(&cut_middle("日本日本日本日本", max)) <= max.max(1), "{max}");
            assert!(width(&cut_end("日本日本日本日本", max)) <= max.max(1), "{max}");
        }
    }

    #[test]
    fn lines_keep_every_letter_and_the_width() {
        let text = "root read 12 secrets within 10m from 203.0.113.77 with a-very-long-agent-name/1.2.3";
        let lines = wrap(text, 20);
        assert!(lines.iter().all(|line| width(line) <= 20), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        assert_eq!(wrap("", 20), [""]);
    }
}
