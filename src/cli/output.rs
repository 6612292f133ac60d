//! The answer: its form, where it goes, and writing it whole or not at all.

use std::borrow::Borrow;
use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use anyhow::Result;
use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};
use serde_json::{Map, Value};
use trailsift::Error;
use trailsift::source::hex;

use super::args::{Color, Format, OutputArgs};
use super::leftovers;
use super::table::{DEFAULT_WIDTH, Screen};
use super::text::{count, escape, is_hidden};

/// Where and how the answer is written.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) format: Format,
    target: Option<PathBuf>,
    force: bool,
    wide: bool,
    color: ColorChoice,
    offset: chrono::FixedOffset,
}

impl Output {
    /// Settles all that can be known before the run, so that it does not fail at its end.
    pub(crate) fn open(args: &OutputArgs) -> Result<Self, Error> {
        let target = args.output.clone().filter(|path| path.as_os_str() != "-");
        if let Some(path) = &target {
            check_target(path, args.force)?;
        }
        let color = match args.color {
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
            Color::Auto if target.is_some() || env::var_os("TERM").is_some_and(|term| term == "dumb") => ColorChoice::Never,
            Color::Auto => AutoStream::choice(&io::stdout()),
        };
        Ok(Self { format: args.format, target, force: args.force, wide: args.wide, color, offset: args.tz })
    }

    /// Whether somebody reads the answer as it comes.
    pub(crate) fn is_terminal(&self) -> bool {
        self.target.is_none() && io::stdout().is_terminal()
    }

    /// What tables are drawn on.
    pub(crate) fn screen(&self) -> Screen {
        Screen { width: (!self.wide).then(|| self.width()), styled: self.color != ColorChoice::Never, offset: self.offset }
    }

    fn width(&self) -> usize {
        let terminal = if self.is_terminal() { comfy_table::Table::new().width().map(usize::from) } else { None };
        let told = || env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        terminal.or_else(told).filter(|columns| *columns > 0).unwrap_or(DEFAULT_WIDTH)
    }

    /// Writes the answer to where it belongs.
    pub(crate) fn write(&self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let Some(path) = &self.target else { return Ok(self.write_stdout(fill)?) };
        check_target(path, self.force)?;
        Ok(write_file(path, fill)?)
    }

    fn write_stdout(&self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
        let stdout = io::stdout().lock();
        let mut out: BufWriter<Box<dyn Write>> = if self.format == Format::Table {
            BufWriter::new(Box::new(AutoStream::new(stdout, self.color)))
        } else {
            BufWriter::new(Box::new(stdout))
        };
        let written = fill(&mut out).and_then(|()| out.flush());
        written.map_err(|cause| unwritten("standard output".to_owned(), cause))
    }

    /// Writes rows as CSV.
    pub(crate) fn write_csv<R: Borrow<Map<String, Value>>>(
        &self,
        names: &[String],
        rows: impl IntoIterator<Item = Result<R, Error>>,
    ) -> Result<()> {
        let terminal = self.is_terminal();
        self.write(|out| write_csv(out, names, rows, terminal))
    }

    /// Writes one document and a line end.
    pub(crate) fn write_document(&self, document: &impl Serialize) -> Result<()> {
        self.write(|out| write_json(out, document))
    }
}

/// Refuses a target that cannot be written, or is there already.
pub(crate) fn check_target(path: &Path, force: bool) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(Error::io("write", path, io::Error::other("it is a folder"))),
        Ok(found) if found.is_file() && !force => Err(Error::Exists(path.display().to_string())),
        Ok(_) => Ok(()),
        // A link to nowhere is there too.
        Err(_) if !force && fs::symlink_metadata(path).is_ok() => Err(Error::Exists(path.display().to_string())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            match parent.map(fs::metadata) {
                Some(Err(cause)) => Err(Error::io("write", path, cause)),
                _ => Ok(()),
            }
        }
        Err(cause) => Err(Error::io("write", path, cause)),
    }
}

/// Why something was not written: what was to be written may itself not have come to be, such as an item that cannot be read.
pub(crate) fn unwritten(target: String, cause: io::Error) -> Error {
    cause.downcast::<Error>().unwrap_or_else(|cause| Error::Io { act: "write", target, cause })
}

/// Writes a file under a temporary name beside it and renames it when it is whole; devices are written as they are.
pub(crate) fn write_file(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let failed = |cause| unwritten(path.display().to_string(), cause);
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&target).is_ok_and(|found| !found.is_file()) {
        let file = File::options().write(true).open(&target).map_err(failed)?;
        return fill_file(file, content).map(|_| ()).map_err(failed);
    }
    let temporary = sibling(&target, "partial").ok_or_else(|| failed(io::Error::other("it has no name")))?;
    leftovers::keep(&temporary);
    let written = File::create(&temporary).and_then(|file| fill_file(file, content)).and_then(|_| fs::rename(&temporary, &target));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    leftovers::forget(&temporary);
    written.map_err(failed)
}

/// The hidden name beside `path` that this process uses for `purpose`.
pub(crate) fn sibling(path: &Path, purpose: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy();
    Some(path.with_file_name(format!(".{name}.{purpose}-{}", std::process::id())))
}

/// How many bytes [`write_jsonl`] writes.
pub(crate) fn jsonl_bytes<T: Serialize>(values: &[T]) -> u64 {
    written_bytes(|out| write_jsonl(out, values))
}

/// How many bytes are written; as many as there are until an error.
pub(crate) fn written_bytes(fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> u64 {
    struct Counter(u64);
    impl Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += super::text::number(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    let _ = fill(&mut counter);
    counter.0
}

/// What was written to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// Fills a file to its last byte on the disk, or says how many bytes there would have been.
pub(crate) fn fill_file(file: File, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Written> {
    let mut out = BufWriter::with_capacity(1 << 16, Sink { file, bytes: 0, hash: Context::new(&SHA256), full: None });
    content(&mut out)?;
    let mut sink = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    if sink.full.is_none()
        && let Err(cause) = sink.file.sync_all()
    {
        match cause.kind() {
            io::ErrorKind::StorageFull => sink.full = Some(cause),
            // Pipes and devices have nothing to bring to a disk.
            io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => {}
            _ => return Err(cause),
        }
    }
    if let Some(cause) = sink.full {
        let text = cause.to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        return Err(io::Error::new(cause.kind(), format!("{text}; {} are needed", count(sink.bytes, "byte"))));
    }
    Ok(Written { bytes: sink.bytes, sha256: hex(sink.hash.finish().as_ref()) })
}

/// What a file has in it that something else wrote.
pub(crate) fn read_back(path: &Path) -> io::Result<Written> {
    let mut file = File::open(path)?;
    let (mut buffer, mut bytes, mut hash) = (vec![0; 1 << 16], 0, Context::new(&SHA256));
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(Written { bytes, sha256: hex(hash.finish().as_ref()) });
        }
        hash.update(buffer.get(..length).unwrap_or_default());
        bytes += super::text::number(length);
    }
}

/// A file that is hashed on its way out; once the disk is full, what else comes is only counted.
struct Sink {
    file: File,
    bytes: u64,
    hash: Context,
    full: Option<io::Error>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = bytes.len();
        if self.full.is_none() {
            match self.file.write(bytes) {
                Ok(length) => taken = length,
                Err(cause) if cause.kind() == io::ErrorKind::StorageFull => self.full = Some(cause),
                Err(cause) => return Err(cause),
            }
        }
        self.hash.update(bytes.get(..taken).unwrap_or_default());
        self.bytes += super::text::number(taken);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes a line that is no part of a grid, escaped.
pub(crate) fn line(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "{}", escape(text))
}

/// JSON as it is, but for what a terminal would act on: that is written as `\uXXXX`, which means the same.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        // Nearly all texts hold nothing else, and this is far quicker to see.
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, letter)) = rest.char_indices().find(|(_, letter)| is_hidden(*letter)) {
            let (plain, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            out.write_all(plain.as_bytes())?;
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = after.get(letter.len_utf8()..).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }

    /// In JSON text such a letter stands in a text, where alone one can be.
    fn write_raw_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        self.write_string_fragment(out, fragment)
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, out: &mut W, escape: CharEscape) -> io::Result<()> {
        CompactFormatter.write_char_escape(out, escape)
    }
}

/// Writes one value and a line end.
pub(crate) fn write_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Visible)).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// Writes one value a line.
pub(crate) fn write_jsonl<T: Serialize>(out: &mut dyn Write, values: &[T]) -> io::Result<()> {
    values.iter().try_for_each(|value| write_json(out, value))
}

/// Writes rows under a line of names; lists and objects as their JSON text, null as nothing.
fn write_csv<R: Borrow<Map<String, Value>>>(
    out: &mut dyn Write,
    names: &[String],
    rows: impl IntoIterator<Item = Result<R, Error>>,
    terminal: bool,
) -> io::Result<()> {
    let shown = |text: String| if terminal { escape(&text).into_owned() } else { text };
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(names.iter().map(|name| shown(guarded(name.clone())))).map_err(csv_cause)?;
    for row in rows {
        let row = row.map_err(io::Error::other)?;
        let cell = |name: &String| shown(row.borrow().get(name).map(csv_cell).unwrap_or_default());
        csv.write_record(names.iter().map(cell)).map_err(csv_cause)?;
    }
    csv.flush()
}

/// The system's error inside, which says whether the reader has gone.
fn csv_cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(cause) => cause,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn csv_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => guarded(text.clone()),
        Value::Number(number) => number.to_string(),
        other => guarded(other.to_string()),
    }
}

/// A text that a spreadsheet would run as a formula gets a `'` in front.
fn guarded(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        fill(&mut out).expect("a vector takes all");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn formulas_are_disarmed_and_numbers_are_not() {
        let row = json!({"a": "=1+1", "b": "@x", "c": -5, "d": null, "e": ["x"], "f": "+\"q\"", "=g": "\tx"});
        let rows = [row.as_object().expect("an object").clone()];
        let names: Vec<String> = rows[0].keys().cloned().collect();
        assert_eq!(written(|out| write_csv(out, &names, Vec::<Result<Map<_, _>, _>>::new(), false)), "a,b,c,d,e,f,'=g\n");
        assert_eq!(
            written(|out| write_csv(out, &names, rows.iter().map(Ok), false)),
            "a,b,c,d,e,f,'=g\n'=1+1,'@x,-5,,\"[\"\"x\"\"]\",\"'+\"\"q\"\"\",'\tx\n"
        );
        assert!(written(|out| write_csv(out, &names, rows.iter().map(Ok), true)).ends_with(",'\\u{9}x\n"));
    }

    #[test]
    fn json_stays_exact_and_inert() {
        let value = json!({"a\u{202e}": "x\u{1b}[2J\u{9b}\u{e0041}é\"\\\n"});
        let text = written(|out| write_json(out, &value));
        assert!(!text.trim_end().chars().any(is_hidden), "{text}");
        assert!(text.contains("\\u202e") && text.contains("\\udb40\\udc41") && text.contains('é'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(value));
    }

    #[test]
    fn a_file_is_whole_or_absent() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.json");
        let error = write_file(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("stopped"))
        });
        let unread = write_file(&path, |_| Err(io::Error::other(Error::setting("an item", "it cannot be read"))));
        assert!(matches!(unread, Err(Error::Setting { .. })), "{unread:?}");
        assert!(error.is_err() && fs::read_dir(folder.path()).expect("a folder").next().is_none());
        write_file(&path, |out| out.write_all(b"whole")).expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"whole");
        assert!(matches!(check_target(&path, false), Err(Error::Exists(_))));
        assert!(check_target(&path, true).is_ok());
        assert!(check_target(&folder.path().join("no/such"), false).is_err());
        assert_eq!(jsonl_bytes(&[json!({"a": 1}), json!("é")]), 13);
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).expect("linked");
            assert!(matches!(check_target(&link, false), Err(Error::Exists(_))));
            assert!(check_target(&link, true).is_ok());
        }
    }
}
