//! How a column of a frame lies in a file.

use polars::prelude::{DataType, PlSmallStr, Schema, TimeUnit, TimeZone};
use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField, TimeUnit as ArrowTimeUnit};
use polars_parquet::parquet::metadata::SchemaDescriptor;
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::schema::types::{
    FieldInfo, GroupLogicalType, ParquetType, PhysicalType, PrimitiveConvertedType, PrimitiveLogicalType, PrimitiveType,
    TimeUnit as ParquetTimeUnit,
};
use polars_parquet::write::to_parquet_type;

use crate::schema::Column;

/// What a column holds, and in what chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    /// Texts that are UUIDs, most of them: two chunks, one of UUIDs and one of all others.
    Id,
    Flag,
    Int,
    Time,
    TextList,
}

impl Shape {
    /// The shape of a column, if its type has one.
    fn of(name: &str, dtype: &DataType) -> Option<Self> {
        let shapes = [Self::Text, Self::Flag, Self::Int, Self::Time, Self::TextList];
        let shape = shapes.into_iter().find(|shape| shape.data_type() == *dtype)?;
        let id = matches!(Column::from_name(name), Some(Column::EventId | Column::RequestId | Column::SharedEventId));
        Some(if shape == Self::Text && id { Self::Id } else { shape })
    }

    /// How many chunks such a column has.
    pub(super) const fn leaves(self) -> usize {
        if matches!(self, Self::Id) { 2 } else { 1 }
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Id => DataType::String,
            Self::Flag => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Time => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
            Self::TextList => DataType::List(Box::new(DataType::String)),
        }
    }

    /// The Arrow type that polars' decoder is asked for, of the last chunk.
    pub(super) fn arrow_type(self) -> ArrowDataType {
        match self {
            Self::Text | Self::Id => ArrowDataType::Utf8View,
            Self::Flag => ArrowDataType::Boolean,
            Self::Int | Self::Time => ArrowDataType::Int64,
            Self::TextList => {
                ArrowDataType::LargeList(Box::new(ArrowField::new(PlSmallStr::from_static("item"), ArrowDataType::Utf8View, true)))
            }
        }
    }

    /// The shape of a field of a file, if it is one that this module writes.
    fn of_field(field: &ParquetType) -> Option<Self> {
        match field {
            ParquetType::PrimitiveType(leaf) => match (leaf.physical_type, leaf.logical_type) {
                (PhysicalType::ByteArray, Some(PrimitiveLogicalType::String)) => Some(Self::Text),
                (PhysicalType::Boolean, None) => Some(Self::Flag),
                (PhysicalType::Int64, None) => Some(Self::Int),
                (
                    PhysicalType::Int64,
                    Some(PrimitiveLogicalType::Timestamp { unit: ParquetTimeUnit::Microseconds, is_adjusted_to_utc: true }),
                ) => Some(Self::Time),
                _ => None,
            },
            ParquetType::GroupType { logical_type: Some(GroupLogicalType::List), .. } => Some(Self::TextList),
            ParquetType::GroupType { .. } => Some(Self::Id),
        }
    }
}

/// The Parquet schema of a frame's columns; all may be null.
///
/// # Errors
/// The name of a column of another type.
pub(super) fn descriptor(schema: &Schema) -> Result<(SchemaDescriptor, Vec<Shape>), String> {
    let (mut fields, mut shapes) = (Vec::new(), Vec::new());
    for (name, dtype) in schema.iter() {
        let shape = Shape::of(name, dtype).ok_or_else(|| format!("column {name} is of type {dtype}, which such a table does not hold"))?;
        fields.push(match shape {
            Shape::Id => id_type(name),
            Shape::Time => leaf_type(name, ArrowDataType::Timestamp(ArrowTimeUnit::Microsecond, Some(PlSmallStr::from_static("UTC"))))?,
            shape => leaf_type(name, shape.arrow_type())?,
        });
        shapes.push(shape);
    }
    Ok((SchemaDescriptor::new(PlSmallStr::from_static("events"), fields), shapes))
}

fn leaf_type(name: &PlSmallStr, dtype: ArrowDataType) -> Result<ParquetType, String> {
    to_parquet_type(&ArrowField::new(name.clone(), dtype, true)).map_err(|error| error.to_string())
}

/// A group that is always there, so that its leaves are as columns of their own.
fn id_type(name: &PlSmallStr) -> ParquetType {
    let info = |name: PlSmallStr, repetition| FieldInfo { name, repetition, id: None };
    let leaf = |name, physical_type, logical_type, converted_type| {
        let field_info = info(PlSmallStr::from_static(name), Repetition::Optional);
        ParquetType::PrimitiveType(PrimitiveType { field_info, logical_type: Some(logical_type), converted_type, physical_type })
    };
    ParquetType::GroupType {
        field_info: info(name.clone(), Repetition::Required),
        logical_type: None,
        converted_type: None,
        fields: vec![
            leaf("uuid", PhysicalType::FixedLenByteArray(16), PrimitiveLogicalType::Uuid, None),
            leaf("text", PhysicalType::ByteArray, PrimitiveLogicalType::String, Some(PrimitiveConvertedType::Utf8)),
        ],
    }
}

/// The columns of a file.
///
/// # Errors
/// What is not as [`descriptor`] makes it.
pub(super) fn schema(file: &SchemaDescriptor) -> Result<(Schema, Vec<Shape>), String> {
    let (mut schema, mut shapes) = (Schema::default(), Vec::new());
    for field in file.fields() {
        let shape = Shape::of_field(field).ok_or_else(|| format!("column {} is of a type that is not written here", field.name()))?;
        schema.insert(field.name().into(), shape.data_type());
        shapes.push(shape);
    }
    let (ours, _) = descriptor(&schema)?;
    let same = ours.fields() == file.fields() && ours.columns().len() == file.columns().len();
    if same { Ok((schema, shapes)) } else { Err("its columns are not laid out as they are written here".to_owned()) }
}
