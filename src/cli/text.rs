//! Text for people: escaping what came out of a log, cutting it to a width, and numbers in words.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every character that a terminal acts on, or hides, as `\u{..}`.
///
/// The one way by which text reaches a terminal: control and escape characters, those that
/// turn the direction of writing, and those without a width.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_hidden(letter) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal would act on the character or show nothing for it.
///
/// # Source
/// Unicode 16, general categories Cc and Cf, and property `Default_Ignorable_Code_Point`.
pub(crate) fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}'
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// How many columns of a terminal an escaped text takes at most.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
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

/// The part of an ARN that names the principal: `user/alice`, `role/deploy`, `root`; other texts as they are.
pub(crate) fn short_principal(principal: &str) -> &str {
    if !principal.starts_with("arn:") {
        return principal;
    }
    principal.splitn(6, ':').nth(5).filter(|name| !name.is_empty()).unwrap_or(principal)
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 record`, `2,000 records`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// A length that memory can hold as the number that the ledger counts with.
pub(crate) fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A word of a command line, in quotes where a shell needs them.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_shown() {
        assert_eq!(escape("root\u{1b}[31m\u{7}"), r"root\u{1b}[31m\u{7}");
        assert_eq!(escape("a\u{202e}b\u{200b}c\u{feff}\u{9b}\t\n"), r"a\u{202e}b\u{200b}c\u{feff}\u{9b}\u{9}\u{a}");
        assert!(matches!(escape("Zoë 日本 <b>"), Cow::Borrowed("Zoë 日本 <b>")));
    }

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

    #[test]
    fn principals_lose_what_every_arn_has() {
        assert_eq!(short_principal("arn:aws:iam::111122223333:user/path/alice"), "user/path/alice");
        assert_eq!(short_principal("arn:aws:iam::111122223333:root"), "root");
        assert_eq!(short_principal("ec2.amazonaws.com"), "ec2.amazonaws.com");
        assert_eq!(short_principal("arn:aws"), "arn:aws");
    }

    #[test]
    fn numbers_in_words() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(count(1, "record"), "1 record");
        assert_eq!(count(2_000, "record"), "2,000 records");
        assert_eq!(quoted("my logs"), "'my logs'");
        assert_eq!(quoted("./AWSLogs"), "./AWSLogs");
    }
}
