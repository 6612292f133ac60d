//! Frames through files, and files that were changed.

use std::fs;
use std::path::{Path, PathBuf};

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, Int64Chunked, IntoColumn as _, IntoSeries as _, ListChunked, NamedFrom as _, PlSmallStr,
    Schema, Series, StringChunked, TimeUnit, TimeZone,
};
use polars_arrow::array::MutableBinaryViewArray;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::hash::hash;
use super::{Bounds, MAX_GROUP_ROWS, Segment, SegmentWriter, Values};
use crate::frame::EventFrame;
use crate::schema;

/// One row: two texts, a flag, a number, a time, a list.
type Row = (Option<String>, Option<String>, Option<bool>, Option<i64>, Option<i64>, Option<Vec<Option<String>>>);

const NAMES: [&str; 7] = ["text", "nothing", "few", "flag", "number", "time", "list"];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["", "a", "twelve bytes", "thirteen byte", "ünïcödé", "日本語の文字列です", "\u{10ffff}", "\0", "GetObject"])
            .prop_map(str::to_owned),
        "[a-c]{0,20}",
        "\\PC{0,40}",
        (0_usize..3000).prop_map(|length| "long ".repeat(length / 5)),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let few = select(vec!["s3.amazonaws.com", "iam.amazonaws.com", "sts"]).prop_map(str::to_owned);
    let list = vec(of(text()), 0..4);
    (of(text()), of(few), of(any::<bool>()), of(any::<i64>()), of(0_i64..4_000_000_000_000_000), of(list))
}

fn frame(rows: &[Row]) -> DataFrame {
    let name = PlSmallStr::from_static;
    let lists =
        rows.iter().map(|row| row.5.as_ref().map(|list| list.iter().map(Option::as_deref).collect::<StringChunked>().into_series()));
    let mut lists: ListChunked = lists.collect();
    lists.rename(name("list"));
    let lists = lists.into_series().cast(&DataType::List(Box::new(DataType::String))).expect("lists of texts, or of nothing at all");
    let times: Int64Chunked = rows.iter().map(|row| row.4).collect();
    let columns = vec![
        rows.iter().map(|row| row.0.as_deref()).collect::<StringChunked>().with_name(name("text")).into_series().into_column(),
        Column::full_null(name("nothing"), rows.len(), &DataType::String),
        rows.iter().map(|row| row.1.as_deref()).collect::<StringChunked>().with_name(name("few")).into_series().into_column(),
        rows.iter().map(|row| row.2).collect::<BooleanChunked>().with_name(name("flag")).into_series().into_column(),
        rows.iter().map(|row| row.3).collect::<Int64Chunked>().with_name(name("number")).into_series().into_column(),
        times.with_name(name("time")).into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)).into_series().into_column(),
        lists.into_column(),
    ];
    DataFrame::new(rows.len(), columns).expect("columns of one length")
}

fn one_column(name: &'static str, texts: impl Iterator<Item = Option<String>>) -> DataFrame {
    let texts: StringChunked = texts.collect();
    let column = texts.with_name(name.into()).into_series().into_column();
    DataFrame::new(column.len(), vec![column]).expect("one column")
}

fn write(path: &Path, frames: &[DataFrame]) -> u64 {
    let schema = frames[0].schema();
    let mut writer = SegmentWriter::create(path, schema, &[("words", "kept".to_owned())]).expect("a file");
    for frame in frames {
        writer.write(frame).expect("written");
    }
    let summary = writer.finish().expect("finished");
    assert_eq!((summary.rows, summary.row_groups), (frames.iter().map(DataFrame::height).sum(), frames.len()));
    assert_eq!(summary.bytes, fs::metadata(path).expect("there").len());
    summary.bytes
}

fn with_file<T>(test: impl FnOnce(PathBuf) -> T) -> T {
    let folder = tempfile::tempdir().expect("a folder");
    test(folder.path().join("a.parquet"))
}

/// A frame through a file and back.
fn through(frame: &DataFrame, mask: Option<&BooleanChunked>) -> DataFrame {
    with_file(|path| {
        write(&path, std::slice::from_ref(frame));
        let names = frame.get_column_names().into_iter().map(PlSmallStr::as_str).collect::<Vec<_>>();
        Segment::open(&path).expect("opened").read(0, &names, mask).expect("read")
    })
}

fn assert_same(found: &DataFrame, expected: &DataFrame) {
    assert_eq!(found.schema(), expected.schema());
    assert!(found.equals_missing(expected), "{found} is not {expected}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_read_is_what_was_written(groups in vec(vec(row(), 0..80), 1..4)) {
        let frames: Vec<DataFrame> = groups.iter().map(|rows| frame(rows)).collect();
        with_file(|path| {
            write(&path, &frames);
            let segment = Segment::open(&path).expect("opened");
            assert_eq!(segment.row_groups(), frames.len());
            for (group, frame) in frames.iter().enumerate() {
                assert_eq!(segment.rows(group), frame.height());
                assert_same(&segment.read(group, &NAMES, None).expect("read"), frame);
            }
        });
    }

    #[test]
    fn a_mask_leaves_out_the_rows_for_which_it_is_not_true(rows in vec((row(), of(any::<bool>())), 0..120)) {
        let (rows, mask): (Vec<Row>, Vec<Option<bool>>) = rows.into_iter().unzip();
        let (frame, mask) = (frame(&rows), mask.into_iter().collect::<BooleanChunked>());
        assert_same(&through(&frame, Some(&mask)), &frame.filter(&mask).expect("a mask of that length"));
    }

    #[test]
    fn bounds_hold_all_values(rows in vec(row(), 1..60)) {
        let frame = frame(&rows);
        with_file(|path| {
            write(&path, std::slice::from_ref(&frame));
            let segment = Segment::open(&path).expect("opened");
            for name in ["text", "few"] {
                let texts = frame.column(name).expect("there").str().expect("texts");
                assert_eq!(segment.nulls(0, name), Some(texts.null_count()));
                if let Some(Bounds::Text(min, max)) = segment.bounds(0, name) {
                    assert!(texts.iter().flatten().all(|text| min.as_str() <= text && text <= max.as_str()), "{min:?} {max:?}");
                    assert!(min.len().max(max.len()) <= 64);
                }
            }
            let numbers = frame.column("number").expect("there").i64().expect("numbers");
            let bounds = numbers.iter().flatten().min().zip(numbers.iter().flatten().max());
            assert_eq!(segment.bounds(0, "number"), bounds.map(|(min, max)| Bounds::Int(min, max)));
            let flags = frame.column("flag").expect("there").bool().expect("flags");
            let bounds = flags.iter().flatten().min().zip(flags.iter().flatten().max());
            assert_eq!(segment.bounds(0, "flag"), bounds.map(|(min, max)| Bounds::Flag(min, max)));
            assert_eq!(segment.bounds(0, "nothing"), None);
        });
    }

    #[test]
    fn a_changed_byte_is_an_error_or_no_part_of_the_data(rows in vec(row(), 1..30), place: prop::sample::Index, change in 1_u8..) {
        let frame = frame(&rows);
        with_file(|path| {
            write(&path, std::slice::from_ref(&frame));
            let mut bytes = fs::read(&path).expect("read");
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            fs::write(&path, &bytes).expect("written");
            if let Ok(found) = Segment::open(&path).and_then(|segment| segment.read(0, &NAMES, None)) {
                assert_same(&found, &frame);
            }
        });
    }
}

/// A UUID, or a text that looks like one but for a letter, or none of both.
fn id() -> impl Strategy<Value = String> {
    let uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    prop_oneof![4 => uuid, 1 => "[0-9A-Fg]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", 1 => text()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn ids_come_back_letter_by_letter(ids in vec(of(id()), 1..80), mask in vec(any::<bool>(), 80)) {
        let frame = one_column("event_id", ids.into_iter());
        assert_same(&through(&frame, None), &frame);
        let mask: BooleanChunked = mask.into_iter().take(frame.height()).collect();
        assert_same(&through(&frame, Some(&mask)), &frame.filter(&mask).expect("a mask of that length"));
    }

    #[test]
    fn numbered_texts_come_back_as_their_texts(words in vec(text(), 1..300), rows in vec(any::<prop::sample::Index>(), 0..400)) {
        let mut numbered = MutableBinaryViewArray::<str>::new();
        numbered.push_null();
        for word in &words {
            numbered.push_value(word);
        }
        let numbered = numbered.freeze();
        let codes: Vec<u16> = rows.iter().map(|row| u16::try_from(row.index(numbered.len())).expect("few words")).collect();
        let texts = codes.iter().map(|code| numbered.get(usize::from(*code)).map(str::to_owned));
        let texts: StringChunked = texts.collect();
        let columns = ["user_name", "event_id"].map(|name| texts.clone().with_name(name.into()).into_series().into_column());
        let nothing = Column::full_null("error_code".into(), codes.len(), &DataType::String);
        let frame = DataFrame::new(codes.len(), columns.into_iter().chain([nothing]).collect()).expect("columns of one length");
        with_file(|path| {
            let mut writer = SegmentWriter::create(&path, frame.schema(), &[]).expect("a file");
            let values = Values::Words { codes: &codes, words: &numbered };
            writer.write_values(codes.len(), &[values, values, Values::Null]).expect("written");
            writer.finish().expect("finished");
            let found = Segment::open(&path).expect("opened").read(0, &["user_name", "event_id", "error_code"], None);
            assert_same(&found.expect("read"), &frame);
        });
    }
}

/// Rows of which each has its own texts, beside some nulls.
fn distinct_rows(rows: usize) -> Vec<Row> {
    let text = |row: usize| format!("{{\"requestParameters\":{{\"key\":\"{:032x}\"}}}}", hash(&row.to_le_bytes()));
    (0..rows)
        .map(|row| {
            let list = vec![Some(text(row + 1)), None, Some(String::new()), Some(text(row + 2))];
            (
                (row % 7 != 0).then(|| text(row)),
                Some(format!("{}.amazonaws.com", row % 300)),
                Some(row % 1000 < 500),
                Some(-i64::try_from(row).expect("few rows")),
                (row > 3000).then(|| i64::try_from(row).expect("few rows") * 1_000_000),
                (row % 5 == 0).then_some(list).filter(|_| row % 3 != 0),
            )
        })
        .collect()
}

#[test]
fn many_rows_and_distinct_texts_come_back() {
    let frame = frame(&distinct_rows(30_000));
    assert_same(&through(&frame, None), &frame);
    let few: BooleanChunked = (0..frame.height()).map(|row| row % 4_001 == 17).collect();
    assert_same(&through(&frame, Some(&few)), &frame.filter(&few).expect("a mask of that length"));
    let most: BooleanChunked = (0..frame.height()).map(|row| row % 40 != 17).collect();
    assert_same(&through(&frame, Some(&most)), &frame.filter(&most).expect("a mask of that length"));
}

#[test]
fn texts_longer_than_a_page_come_back() {
    let texts = (0..40).map(|row| (row % 3 != 0).then(|| format!("{row}").repeat(row * 9_000)));
    let frame = one_column("text", texts);
    assert_same(&through(&frame, None), &frame);
}

#[test]
fn texts_that_fall_on_one_place_of_the_table_come_back() {
    let same: Vec<String> =
        (0_u32..).map(|n| format!("a text that is not short {n}")).filter(|text| hash(text.as_bytes()) & 1023 == 5).take(40).collect();
    let frame = one_column("text", (0..4_000).map(|row| Some(same[row * row % same.len()].clone())));
    assert_same(&through(&frame, None), &frame);
}

#[test]
fn columns_come_in_the_order_asked_for() {
    let frame = frame(&distinct_rows(10));
    with_file(|path| {
        write(&path, std::slice::from_ref(&frame));
        let found = Segment::open(&path).expect("opened").read(0, &["list", "few"], None).expect("read");
        assert_same(&found, &frame.select(["list", "few"]).expect("columns"));
        let none = Segment::open(&path).expect("opened").read(0, &[], None).expect("read");
        assert_eq!((none.height(), none.width()), (10, 0));
    });
}

#[test]
fn texts_of_a_dictionary_share_its_bytes() {
    let texts = (0..10_000).map(|row| Some(format!("the same text in many rows, number {}", row % 10)));
    let found = through(&one_column("text", texts), None);
    let column = found.column("text").expect("there").str().expect("texts");
    let shared: usize = column.downcast_iter().map(polars_arrow::array::BinaryViewArrayGeneric::total_buffer_len).sum();
    assert!(shared < 500, "{shared}");
    // And do not hold on to those of rows that were not asked for.
    let texts = (0..20_000).map(|row| Some(format!("a text in two rows of many, number {}", row % 10_000)));
    let mask: BooleanChunked = (0..20_000).map(|row| row == 77).collect();
    let found = through(&one_column("text", texts), Some(&mask));
    let column = found.column("text").expect("there").str().expect("texts");
    let kept: usize = column.downcast_iter().map(polars_arrow::array::BinaryViewArrayGeneric::total_buffer_len).sum();
    assert!(kept < 500, "{kept}");
}

#[test]
fn events_without_values_cost_next_to_nothing() {
    let schema = EventFrame::schema();
    let columns = schema.iter().map(|(name, dtype)| Column::full_null(name.clone(), 60_000, dtype)).collect();
    let frame = DataFrame::new(60_000, columns).expect("columns of one length");
    with_file(|path| {
        let bytes = write(&path, std::slice::from_ref(&frame));
        assert!(bytes < 40_000, "{bytes}");
        let segment = Segment::open(&path).expect("opened");
        assert_eq!(*segment.schema(), schema);
        assert_same(&segment.read_columns(0, schema::Column::ALL, None).expect("read"), &frame);
    });
}

#[test]
fn the_words_of_the_writer_are_kept_and_equal_frames_make_equal_bytes() {
    let frames = [frame(&distinct_rows(3_000)), frame(&distinct_rows(5))];
    let bytes = || {
        with_file(|path| {
            write(&path, &frames);
            let segment = Segment::open(&path).expect("opened");
            assert_eq!((segment.metadata("words"), segment.metadata("others")), (Some("kept"), None));
            fs::read(&path).expect("read")
        })
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_text_that_looks_like_the_checksums_is_a_text() {
    let frame = one_column("trailsift.checksums", (0..9).map(|_| Some("trailsift.checksums\u{18}\u{10}0123456789abcdef".to_owned())));
    assert_same(&through(&frame, None), &frame);
}

#[test]
fn a_cut_file_is_an_error_wherever_it_is_cut() {
    let frame = frame(&distinct_rows(20));
    with_file(|path| {
        write(&path, std::slice::from_ref(&frame));
        let bytes = fs::read(&path).expect("read");
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).expect("written");
            let error = Segment::open(&path).expect_err("cut").to_string();
            assert!(error.contains("a.parquet: the table is damaged ("), "{error}");
        }
    });
}

#[test]
fn refusals_say_what_is_wrong() {
    let frame = frame(&distinct_rows(20));
    with_file(|path| {
        write(&path, std::slice::from_ref(&frame));
        let segment = Segment::open(&path).expect("opened");
        let words = |error: crate::Error| error.to_string().replace(&path.display().to_string(), "FILE");
        let error = words(segment.read(0, &["text", "other"], None).expect_err("no such column"));
        insta::assert_snapshot!(error, @"read FILE: it has no column other");
        let error = words(segment.read(1, &["text"], None).expect_err("no such group"));
        insta::assert_snapshot!(error, @"read FILE: row group 1 of 1");
        let mask = BooleanChunked::from_iter([true; 19]);
        let error = words(segment.read(0, &["text"], Some(&mask)).expect_err("a row too few"));
        insta::assert_snapshot!(error, @"read FILE: a mask of 19 rows for a row group of 20");
        assert_eq!(segment.bounds(1, "text"), None);

        let mut writer = SegmentWriter::create(&path, frame.schema(), &[]).expect("a file");
        let error = words(writer.write(&frame.drop("flag").expect("there")).expect_err("other columns"));
        insta::assert_snapshot!(error, @"write FILE: a frame of other columns than the table has");
        drop(writer);
        let error = words(Segment::open(&path).expect_err("not finished"));
        insta::assert_snapshot!(error, @"read FILE: the table is damaged (it is too short to be a table): read the logs again into a new one");

        let floats = Schema::from_iter([("share".into(), DataType::Float64)]);
        let error = words(SegmentWriter::create(&path, &floats, &[]).expect_err("another type"));
        insta::assert_snapshot!(error, @"write FILE: column share is of type f64, which such a table does not hold");

        let long = DataFrame::new(MAX_GROUP_ROWS + 1, vec![Column::full_null("flag".into(), MAX_GROUP_ROWS + 1, &DataType::Boolean)]);
        let long = long.expect("one column");
        let error = words(SegmentWriter::create(&path, long.schema(), &[]).expect("a file").write(&long).expect_err("too long"));
        insta::assert_snapshot!(error, @"write FILE: 1048577 rows at once, of which a row group holds 1048576");
    });
    let gone = Path::new("no/such/folder/a.parquet");
    insta::assert_snapshot!(Segment::open(gone).expect_err("no file"), @"read no/such/folder/a.parquet: no such file or directory");
    let error = SegmentWriter::create(gone, frame.schema(), &[]).expect_err("no folder");
    insta::assert_snapshot!(error, @"write no/such/folder/a.parquet: no such file or directory");
}

#[test]
fn a_column_of_another_type_than_events_have_is_refused() {
    let column = Series::new(schema::Column::EventName.name().into(), [1_i64, 2]).into_column();
    let frame = DataFrame::new(2, vec![column]).expect("one column");
    with_file(|path| {
        write(&path, std::slice::from_ref(&frame));
        let segment = Segment::open(&path).expect("opened");
        let error = segment.read_columns(0, &[schema::Column::EventName], None).expect_err("a number").to_string();
        assert!(error.ends_with("column event_name is of type i64 in it, not str"), "{error}");
    });
}
