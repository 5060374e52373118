//! Tables for other programs: CSV, and Parquet with a type for every column.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::failure::Failure;

/// Columns of equal length, each with a name.
#[derive(Debug, Default)]
pub(crate) struct Table {
    columns: Vec<(String, Column)>,
}

/// The values of a column, row by row.
#[derive(Debug)]
pub(crate) enum Column {
    Text(Vec<String>),
    Whole(Vec<i64>),
    /// Numbers; nothing where a row has none.
    Number(Vec<Option<f64>>),
}

impl Table {
    /// The same with one more column.
    ///
    /// # Panics
    /// Panics if it is longer or shorter than the others.
    #[must_use]
    pub(crate) fn with(mut self, name: impl Into<String>, column: Column) -> Self {
        let rows = self.columns.first().map(|(_, first)| first.len());
        assert!(rows.is_none_or(|rows| rows == column.len()), "columns are of equal length");
        self.columns.push((name.into(), column));
        self
    }

    fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// Writes the table as `path` with `.csv`, and again with `.parquet`.
    ///
    /// # Errors
    /// One of the files cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        self.write_csv(&path.with_extension("csv"))?;
        self.write_parquet(&path.with_extension("parquet"))
    }

    fn write_csv(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error: csv::Error| Failure::io("write", path, &std::io::Error::other(error));
        let file = File::create(path).map_err(|error| Failure::io("write", path, &error))?;
        let mut file = csv::Writer::from_writer(file);
        file.write_record(self.columns.iter().map(|(name, _)| name)).map_err(failed)?;
        for row in 0..self.rows() {
            file.write_record(self.columns.iter().map(|(_, column)| column.text(row)))
                .map_err(failed)?;
        }
        file.flush().map_err(|error| Failure::io("write", path, &error))
    }

    /// Writes the table as a Parquet file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write_parquet(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error| Failure::io("write", path, &std::io::Error::other(error));
        let file = File::create(path).map_err(|error| Failure::io("write", path, &error))?;
        self.put(file).map_err(failed)
    }

    fn put(&self, file: File) -> Result<(), ParquetError> {
        let fields = self.columns.iter().map(|(name, column)| column.field(name).map(Arc::new));
        let fields = fields.collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder("table").with_fields(fields).build()?;
        let compression = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut file = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
        let mut group = file.next_row_group()?;
        for (_, column) in &self.columns {
            let mut writer = group.next_column()?.ok_or_else(|| out_of_step("a column"))?;
            column.put(writer.untyped())?;
            writer.close()?;
        }
        group.close()?;
        file.close().map(drop)
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Whole(values) => values.len(),
            Self::Number(values) => values.len(),
        }
    }

    fn text(&self, row: usize) -> String {
        match self {
            Self::Text(values) => values[row].clone(),
            Self::Whole(values) => values[row].to_string(),
            Self::Number(values) => values[row].map(|value| value.to_string()).unwrap_or_default(),
        }
    }

    fn field(&self, name: &str) -> Result<Type, ParquetError> {
        let (physical, logical, repetition) = match self {
            Self::Text(_) => {
                (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::REQUIRED)
            }
            Self::Whole(_) => (Physical::INT64, None, Repetition::REQUIRED),
            Self::Number(_) => (Physical::DOUBLE, None, Repetition::OPTIONAL),
        };
        Type::primitive_type_builder(name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()
    }

    fn put(&self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        match (self, writer) {
            (Self::Text(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let values: Vec<ByteArray> =
                    values.iter().map(|value| value.as_str().into()).collect();
                writer.write_batch(&values, None, None)?;
            }
            (Self::Whole(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(values, None, None)?;
            }
            (Self::Number(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                let levels: Vec<i16> = values.iter().map(|value| value.is_some().into()).collect();
                let values: Vec<f64> = values.iter().copied().flatten().collect();
                writer.write_batch(&values, Some(&levels), None)?;
            }
            (Self::Text(_) | Self::Whole(_) | Self::Number(_), _) => {
                return Err(out_of_step("a column's type"));
            }
        }
        Ok(())
    }
}

fn out_of_step(what: &str) -> ParquetError {
    ParquetError::General(format!("the schema and the table disagree on {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let dir = tempfile::TempDir::new().unwrap();
        let table = Table::default()
            .with("name", Column::Text(vec!["a, \"b\"".into(), "ä".into()]))
            .with("seed", Column::Whole(vec![i64::MAX, -1]))
            .with("value", Column::Number(vec![Some(0.1), None]));
        table.write(&dir.path().join("table")).unwrap();
        let csv = std::fs::read_to_string(dir.path().join("table.csv")).unwrap();
        assert_eq!(csv, "name,seed,value\n\"a, \"\"b\"\"\",9223372036854775807,0.1\nä,-1,\n");
        let file = File::open(dir.path().join("table.parquet")).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<Vec<Field>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().into_columns().into_iter().map(|(_, field)| field).collect())
            .collect();
        let text = |text: &str| Field::Str(text.into());
        assert_eq!(rows[0], [text("a, \"b\""), Field::Long(i64::MAX), Field::Double(0.1)]);
        assert_eq!(rows[1], [text("ä"), Field::Long(-1), Field::Null]);
    }

    #[test]
    fn equal_tables_are_equal_files() {
        let dir = tempfile::TempDir::new().unwrap();
        let bytes = |name: &str| {
            let table = Table::default().with("value", Column::Number(vec![Some(1.5); 1_000]));
            table.write_parquet(&dir.path().join(name)).unwrap();
            std::fs::read(dir.path().join(name)).unwrap()
        };
        assert!(bytes("one") == bytes("two"));
    }
}
