//! A value by its path, from a part that stays JSON.

use bumpalo::Bump;

use crate::event::json::{Fault, Scanner, text_of};

/// The scalar at a path of object keys in a JSON text; arrays on the way give their first element.
///
/// Texts come unescaped, numbers and truth values as their JSON text; `None` where
/// the path ends in nothing, in null, in an object or in an array.
pub fn lookup<'a>(json: &'a str, path: &[&str], arena: &'a Bump) -> Option<&'a str> {
    let found = find(json, path, arena)?;
    match found.as_bytes().first()? {
        b'"' => text_of(found, arena),
        b'{' | b'[' | b'n' => None,
        _ => Some(found),
    }
}

/// The document that a request carries under `parameter`: the text, or the JSON of an object, as some exports write it.
pub(crate) fn request_document<'a>(request: &'a str, parameter: &str, arena: &'a Bump) -> Option<&'a str> {
    let json = find(request, &[parameter], arena)?;
    if json.starts_with('"') { text_of(json, arena) } else { Some(json) }
}

/// The JSON of the value at a path of object keys; arrays on the way give their first element.
fn find<'a>(json: &'a str, path: &[&str], arena: &'a Bump) -> Option<&'a str> {
    let mut scanner = Scanner::new(json, arena);
    let mut found = None;
    match scanner.skip_space()? {
        b'[' if !path.is_empty() => {
            let mut first = true;
            let _ = scanner.array(0, |scanner| {
                let element = scanner.json(0)?;
                if std::mem::take(&mut first) {
                    found = Some(element);
                }
                Ok::<(), Fault>(())
            });
            return find(found?, path, arena);
        }
        b'{' => {}
        _ => return path.is_empty().then_some(json),
    }
    let Some((wanted, rest)) = path.split_first() else { return Some(json) };
    // The last of repeated keys wins, so the whole object is read.
    scanner
        .object(0, |scanner, key| {
            let value = scanner.json(0)?;
            if key == *wanted {
                found = Some(value);
            }
            Ok::<(), Fault>(())
        })
        .ok()?;
    find(found?, rest, arena)
}
