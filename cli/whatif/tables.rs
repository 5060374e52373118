//! Tables for other programs: CSV, and Parquet with a type for every column.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::whatif::store::{Staged, Store};

/// Columns of equal length, each with a name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    columns: Vec<(String, Column)>,
}

/// The values of a column, row by row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Column {
    Text(Vec<String>),
    Whole(Vec<i64>),
    /// Numbers; nothing where a row has none.
    Number(Vec<Option<f64>>),
}

/// A table on its way into two files, part by part, so that it need not fit into memory.
pub(crate) struct TableWriter<'a> {
    csv: csv::Writer<Staged>,
    parquet: SerializedFileWriter<Staged>,
    store: &'a dyn Store,
    /// What people call the place of the table.
    told: String,
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

    /// The same with one more column before all others.
    #[must_use]
    pub(crate) fn headed(mut self, name: &str, column: Column) -> Self {
        assert_eq!(self.rows(), column.len(), "columns are of equal length");
        self.columns.insert(0, (name.into(), column));
        self
    }

    /// The same with one more column before all others, which says the same in every row.
    #[must_use]
    pub(crate) fn headed_text(self, name: &str, text: &str) -> Self {
        let column = Column::Text(vec![text.to_owned(); self.rows()]);
        self.headed(name, column)
    }

    /// Leaves out all columns but these.
    pub(crate) fn keep(&mut self, names: &[&str]) {
        self.columns.retain(|(name, _)| names.contains(&name.as_str()));
        self.columns.shrink_to_fit();
    }

    pub(crate) fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// The numbers of a column; none if there is no such column of numbers.
    pub(crate) fn numbers(&self, name: &str) -> Option<&[Option<f64>]> {
        self.columns.iter().find_map(|(known, column)| match column {
            Column::Number(values) if known == name => Some(values.as_slice()),
            Column::Number(_) | Column::Text(_) | Column::Whole(_) => None,
        })
    }

    /// Keeps the table as `name` with `.csv`, and again with `.parquet`.
    ///
    /// # Errors
    /// One of the files cannot be kept.
    pub(crate) fn write(&self, store: &dyn Store, name: &str) -> Result<(), Failure> {
        let mut writer = TableWriter::create(store, name, self)?;
        writer.append(self)?;
        writer.finish()
    }

    /// The table as CSV.
    pub(crate) fn to_csv(&self) -> Vec<u8> {
        let mut bytes = csv::Writer::from_writer(Vec::new());
        self.put_head(&mut bytes)
            .and_then(|()| self.put_rows(&mut bytes))
            .expect("memory takes all");
        bytes.into_inner().expect("memory takes all")
    }

    /// The table as a Parquet file.
    pub(crate) fn to_parquet(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let written = parquet_writer(&mut bytes, self).and_then(|mut file| {
            self.put_group(&mut file)?;
            file.close().map(drop)
        });
        written.expect("memory takes all");
        bytes
    }

    fn put_head<W: Write>(&self, to: &mut csv::Writer<W>) -> Result<(), csv::Error> {
        to.write_record(self.columns.iter().map(|(name, _)| name))
    }

    fn put_rows<W: Write>(&self, to: &mut csv::Writer<W>) -> Result<(), csv::Error> {
        for row in 0..self.rows() {
            to.write_record(self.columns.iter().map(|(_, column)| column.text(row)))?;
        }
        Ok(())
    }

    fn put_group<W: Write + Send>(
        &self,
        file: &mut SerializedFileWriter<W>,
    ) -> Result<(), ParquetError> {
        let mut group = file.next_row_group()?;
        for (_, column) in &self.columns {
            let mut writer = group.next_column()?.ok_or_else(|| out_of_step("a column"))?;
            column.put(writer.untyped())?;
            writer.close()?;
        }
        group.close().map(drop)
    }
}

impl<'a> TableWriter<'a> {
    /// Begins to write tables with the columns of `like` as `name` with `.csv`, and again with `.parquet`.
    ///
    /// # Errors
    /// One of the files cannot be begun.
    pub(crate) fn create(store: &'a dyn Store, name: &str, like: &Table) -> Result<Self, Failure> {
        let told = store.told(name);
        let mut csv = csv::Writer::from_writer(store.stage(&format!("{name}.csv"))?);
        like.put_head(&mut csv).map_err(|error| unwritten(&told, &error))?;
        let file = store.stage(&format!("{name}.parquet"))?;
        let parquet = parquet_writer(file, like).map_err(|error| unwritten(&told, &error))?;
        Ok(Self { csv, parquet, store, told })
    }

    /// Writes more rows. A part without rows leaves no trace.
    ///
    /// # Errors
    /// One of the files cannot be written.
    pub(crate) fn append(&mut self, part: &Table) -> Result<(), Failure> {
        if part.rows() == 0 {
            return Ok(());
        }
        part.put_rows(&mut self.csv).map_err(|error| unwritten(&self.told, &error))?;
        part.put_group(&mut self.parquet).map_err(|error| unwritten(&self.told, &error))
    }

    /// Everything is written: the files are kept.
    ///
    /// # Errors
    /// One of the files cannot be kept.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let Self { csv, parquet, store, told } = self;
        let csv = csv.into_inner().map_err(|error| unwritten(&told, error.error()))?;
        store.keep(csv)?;
        store.keep(parquet.into_inner().map_err(|error| unwritten(&told, &error))?)
    }
}

fn unwritten(told: &str, error: &dyn std::error::Error) -> Failure {
    Failure::Environment { message: format!("cannot write {told}: {error}"), hint: None }
}

fn parquet_writer<W: Write + Send>(
    to: W,
    like: &Table,
) -> Result<SerializedFileWriter<W>, ParquetError> {
    let fields = like.columns.iter().map(|(name, column)| column.field(name).map(Arc::new));
    let fields = fields.collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("table").with_fields(fields).build()?;
    let compression = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(compression).build();
    SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties))
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
    use std::fs::File;

    use super::*;
    use crate::whatif::store::Folder;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let dir = tempfile::TempDir::new().unwrap();
        let table = Table::default()
            .with("name", Column::Text(vec!["a, \"b\"".into(), "ä".into()]))
            .with("seed", Column::Whole(vec![i64::MAX, -1]))
            .with("value", Column::Number(vec![Some(0.1), None]));
        let store = Folder::open(dir.path().to_owned()).unwrap();
        table.write(&store, "table").unwrap();
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
        let store = Folder::open(dir.path().to_owned()).unwrap();
        let bytes = |name: &str| {
            let table = Table::default().with("value", Column::Number(vec![Some(1.5); 1_000]));
            table.write(&store, name).unwrap();
            let file = std::fs::read(dir.path().join(name).with_extension("parquet")).unwrap();
            assert!(file == table.to_parquet());
            file
        };
        assert!(bytes("one") == bytes("two"));
    }

    #[test]
    fn parts_follow_each_other() {
        let dir = tempfile::TempDir::new().unwrap();
        let part = |values: &[f64]| {
            let values = values.iter().copied().map(Some).collect();
            Table::default().with("value", Column::Number(values)).headed_text("run", "a")
        };
        let path = dir.path().join("parts");
        let store = Folder::open(dir.path().to_owned()).unwrap();
        let mut writer = TableWriter::create(&store, "parts", &part(&[])).unwrap();
        for values in [&[1.0, 2.0][..], &[], &[3.0]] {
            writer.append(&part(values)).unwrap();
        }
        writer.finish().unwrap();
        let csv = std::fs::read_to_string(path.with_extension("csv")).unwrap();
        assert_eq!(csv, "run,value\na,1\na,2\na,3\n");
        let file = File::open(path.with_extension("parquet")).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        assert_eq!(reader.get_row_iter(None).unwrap().count(), 3);
    }
}
