//! [`Kept`]: all matches of a run, outside of memory where they are many.

use std::borrow::Cow;
use std::collections::BTreeMap;

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, Int64Chunked, IntoColumn as _, NewChunkedArray as _, PlSmallStr, StringChunked, TimeUnit,
    TimeZone,
};
use polars_arrow::array::Utf8ViewArray;
use serde::{Deserialize, Serialize};

use super::finding::Severity;
use super::matches::{Match, Matches};
use crate::error::Error;
use crate::event::EventId;
use crate::frame::CodedTexts;
use crate::spool::{Span, Spool, decoded, spoiled};

/// The matches of some conditions, in the order in which they were added.
#[derive(Debug)]
pub(super) struct Kept {
    conditions: BTreeMap<usize, Vec<Place>>,
    /// Bytes that may still stay in memory.
    room: usize,
    spool: Spool,
}

impl Default for Kept {
    fn default() -> Self {
        Self { conditions: BTreeMap::new(), room: IN_MEMORY, spool: Spool::default() }
    }
}

/// Where the matches of a batch are.
#[derive(Debug)]
enum Place {
    Memory(Matches),
    File(Span),
}

/// Bytes of matches that stay in memory.
const IN_MEMORY: usize = 48 << 20;

impl Kept {
    /// Keeps the matches of a condition in one batch.
    ///
    /// # Errors
    /// Where they do not fit in memory and cannot be written to a file.
    pub(super) fn add(&mut self, matches: Matches) -> Result<(), Error> {
        let id = matches.id;
        let place = match self.room.checked_sub(matches.bytes()) {
            Some(room) => {
                self.room = room;
                Place::Memory(matches)
            }
            None => Place::File(self.spool.add(&Stored::of(&matches)?)?),
        };
        self.conditions.entry(id).or_default().push(place);
        Ok(())
    }

    /// What `look` makes of the matches of a condition, batch by batch.
    ///
    /// # Errors
    /// That of `look`, and those of reading.
    pub(super) fn each(&self, id: usize, mut look: impl FnMut(&Matches) -> Result<(), Error>) -> Result<(), Error> {
        self.conditions.get(&id).into_iter().flatten().try_for_each(|place| match place {
            Place::Memory(matches) => look(matches),
            Place::File(span) => look(&read(&self.spool, id, *span)?),
        })
    }

    /// Takes the matches of some conditions out, each with those of one, to be read elsewhere.
    pub(super) fn take(&mut self, ids: impl Iterator<Item = usize>) -> Vec<Taken> {
        ids.map(|id| Taken { id, places: self.conditions.remove(&id).unwrap_or_default() }).collect()
    }
}

/// The matches of a condition that was taken out.
#[derive(Debug)]
pub(super) struct Taken {
    id: usize,
    places: Vec<Place>,
}

impl Taken {
    /// The matches, batch by batch; `from` is what they were taken from.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn read(self, from: &Kept) -> Result<Vec<Matches>, Error> {
        let read = |place| match place {
            Place::Memory(matches) => Ok(matches),
            Place::File(span) => read(&from.spool, self.id, span),
        };
        self.places.into_iter().map(read).collect()
    }
}

fn read(spool: &Spool, id: usize, span: Span) -> Result<Matches, Error> {
    decoded::<Stored<'_>>(&spool.bytes(span)?)?.matches(id)
}

/// For each event the place of its text, and the texts.
type Coded<'m> = (Vec<u16>, Vec<Option<&'m str>>);

/// Matches as the spool has them.
#[derive(Serialize, Deserialize)]
struct Stored<'m> {
    #[serde(borrow)]
    columns: Vec<(&'m str, Values<'m>)>,
    words: Vec<(&'m str, Coded<'m>)>,
    lists: Vec<(&'m str, Vec<bool>)>,
    ids: Vec<Id<'m>>,
    /// Row, how many each stands for, and the place of the severity among all.
    rows: Vec<(u32, u32, u8)>,
}

#[derive(Serialize, Deserialize)]
enum Values<'m> {
    #[serde(borrow)]
    Text(Vec<Option<&'m str>>),
    Int(Vec<Option<i64>>),
    Flag(Vec<Option<bool>>),
    Time(Vec<Option<i64>>),
}

#[derive(Serialize, Deserialize)]
enum Id<'m> {
    None,
    Uuid([u8; 16]),
    #[serde(borrow)]
    Text(Cow<'m, str>),
}

impl<'m> Stored<'m> {
    fn of(matches: &'m Matches) -> Result<Self, Error> {
        let columns = matches.frame.columns().iter().map(|column| Ok((column.name().as_str(), Values::of(column)?)));
        let words = matches.words.iter().map(|(name, words)| (name.as_str(), (words.codes.clone(), words.texts.iter().collect())));
        let lists = matches.lists.iter().map(|(name, there)| (name.as_str(), there.iter().map(|there| there == Some(true)).collect()));
        let severity = |known: Severity| (0..).zip(Severity::ALL).find(|(_, level)| *level == known).map_or(0, |(place, _)| place);
        Ok(Self {
            columns: columns.collect::<Result<_, Error>>()?,
            words: words.collect(),
            lists: lists.collect(),
            ids: matches.ids.iter().map(|id| Id::of(id.as_ref())).collect(),
            rows: matches.rows.iter().map(|found| (found.row, found.stands_for, severity(found.severity))).collect(),
        })
    }

    fn matches(self, id: usize) -> Result<Matches, Error> {
        let columns: Vec<Column> = self.columns.into_iter().map(|(name, values)| values.column(name)).collect();
        let severity = |place: u8| Severity::ALL.get(usize::from(place)).copied().ok_or_else(spoiled);
        let found = |(row, stands_for, level)| Ok(Match { row, stands_for, severity: severity(level)? });
        let words = self
            .words
            .into_iter()
            .map(|(name, (codes, texts))| (name.to_owned(), CodedTexts { codes, texts: Utf8ViewArray::from_slice(texts) }));
        let lists = self.lists.into_iter().map(|(name, there)| (name.to_owned(), BooleanChunked::from_slice(PlSmallStr::EMPTY, &there)));
        Ok(Matches {
            id,
            frame: DataFrame::new(self.ids.len(), columns)?,
            words: words.collect(),
            lists: lists.collect(),
            ids: self.ids.into_iter().map(Id::event_id).collect(),
            rows: self.rows.into_iter().map(found).collect::<Result<_, Error>>()?,
        })
    }
}

impl<'m> Values<'m> {
    fn of(column: &'m Column) -> Result<Self, Error> {
        Ok(match column.dtype() {
            DataType::Int64 => Self::Int(column.i64()?.iter().collect()),
            DataType::Boolean => Self::Flag(column.bool()?.iter().collect()),
            DataType::Datetime(..) => Self::Time(column.datetime()?.physical().iter().collect()),
            _ => Self::Text(column.str()?.iter().collect()),
        })
    }

    fn column(self, name: &str) -> Column {
        let name = PlSmallStr::from_str(name);
        match self {
            Self::Text(values) => StringChunked::from_slice_options(name, &values).into_column(),
            Self::Int(values) => Int64Chunked::from_slice_options(name, &values).into_column(),
            Self::Flag(values) => BooleanChunked::from_slice_options(name, &values).into_column(),
            Self::Time(values) => {
                let micros = Int64Chunked::from_slice_options(name, &values);
                micros.into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)).into_column()
            }
        }
    }
}

impl<'m> Id<'m> {
    fn of(id: Option<&'m EventId>) -> Self {
        match id.map(|id| (id.uuid(), id)) {
            None => Self::None,
            Some((Some(uuid), _)) => Self::Uuid(uuid),
            Some((None, id)) => Self::Text(id.to_string().into()),
        }
    }

    fn event_id(self) -> Option<EventId> {
        match self {
            Self::None => None,
            Self::Uuid(bytes) => Some(EventId::from(bytes)),
            Self::Text(text) => Some(EventId::from(text.as_ref())),
        }
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{NamedFrom as _, Series};

    use super::super::hits::Rows;
    use super::*;

    /// Three matches with a value of each kind.
    fn matches(id: usize) -> Matches {
        let time = Int64Chunked::from_slice_options("t".into(), &[Some(5), None, Some(7)]);
        let columns = vec![
            Series::new("s".into(), [Some("a text that is long enough"), None, Some("b")]).into_column(),
            Series::new("i".into(), [Some(1_i64), None, Some(-3)]).into_column(),
            Series::new("f".into(), [Some(true), None, Some(false)]).into_column(),
            time.into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)).into_column(),
        ];
        let ids = ["0b3f1a5c-1111-4222-8333-444455556666", "odd"].map(|id| Some(EventId::from(id)));
        Matches {
            id,
            frame: DataFrame::new(3, columns).expect("columns of one length"),
            words: vec![("w".to_owned(), CodedTexts { codes: vec![1, 0, 1], texts: Utf8ViewArray::from_slice([None, Some("word")]) })],
            lists: vec![("l".to_owned(), BooleanChunked::from_slice("l".into(), &[true, false, true]))],
            ids: ids.into_iter().chain([None]).collect(),
            rows: (0..3).map(|row| Match { row, stands_for: row * 2, severity: Severity::High }).collect(),
        }
    }

    fn shown(matches: &Matches) -> String {
        let rows = Rows::of_batch(matches).expect("columns of known kinds");
        let values = (0..3).map(|row| ["s", "i", "f", "t", "w", "l", "none"].map(|name| rows.value(row, name))).collect::<Vec<_>>();
        format!("{values:?} {:?} {:?} {}", matches.ids, matches.rows, matches.id)
    }

    #[test]
    fn matches_come_back_from_the_file_as_they_were() {
        let mut kept = Kept { room: matches(7).bytes(), ..Kept::default() };
        for id in [7, 7, 9] {
            kept.add(matches(id)).expect("it is kept");
        }
        let places = |id| kept.conditions.get(&id).map_or(&[][..], Vec::as_slice);
        assert!(matches!((places(7), places(9)), ([Place::Memory(_), Place::File(_)], [Place::File(_)])));
        let mut seen = Vec::new();
        for id in [7, 8, 9] {
            let look = |matches: &Matches| {
                seen.push(shown(matches));
                Ok(())
            };
            kept.each(id, look).expect("they are read");
        }
        let wanted = [7, 7, 9].map(|id| shown(&matches(id)));
        assert_eq!(seen, wanted);
        let taken = kept.take([7, 8, 9].into_iter()).into_iter().flat_map(|taken| taken.read(&kept).expect("they are read"));
        assert_eq!(taken.map(|matches| shown(&matches)).collect::<Vec<_>>(), wanted);
    }
}
