//! Columns to a Parquet file: the one place that knows the `parquet` crate's writer.
//!
//! The columns of a row group are encoded by all threads and written one after the other, so only one row group is held.
//! The same blocks of values give the same bytes on every thread count, and nothing in the file tells of time or place.

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;
use std::io::{self, Write};
use std::sync::Arc;

/// Most rows of a row group; readers take a row group at a time.
const MOST_ROWS: usize = 1 << 20;

/// Cells of a row group, about, so that a wide table takes no more memory than a long one.
const CELLS: usize = 1 << 24;

/// A column of the file.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// What a column holds.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Text that is another one in nearly every row.
    Text,
    /// One of these names in every row.
    Category(Vec<String>),
    /// Integers, with gaps.
    Whole,
    /// Numbers, with gaps.
    Real,
    /// Numbers of 32 bits, with gaps.
    Short,
}

/// Some rows of a column.
#[derive(Debug, Clone)]
pub enum Values {
    /// Of a [`Kind::Text`].
    Texts(Vec<String>),
    /// Of a [`Kind::Category`]: indices of names.
    Category(Vec<usize>),
    /// Of a [`Kind::Whole`]; `None` is a gap.
    Whole(Vec<Option<i64>>),
    /// Of a [`Kind::Real`]; `None` is a gap.
    Real(Vec<Option<f64>>),
    /// Of a [`Kind::Short`]; `None` is a gap.
    Short(Vec<Option<f32>>),
}

/// A Parquet file in the making, from the first row to the last.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    columns: Vec<Encoder>,
    /// Rows that a row group may have, has so far, and row groups before it.
    most_rows: usize,
    rows: usize,
    groups: usize,
}

/// A column and what is encoded of it in this row group.
struct Encoder {
    field: Field,
    names: Option<ArrayRef>,
    chunk: Option<ArrowColumnWriter>,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file of these columns.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn new(out: W, columns: Vec<Column>) -> io::Result<Self> {
        let columns: Vec<Encoder> = columns.into_iter().map(Encoder::new).collect();
        let schema = Arc::new(Schema::new(columns.iter().map(|c| c.field.clone()).collect::<Vec<Field>>()));
        let writer = ArrowWriter::try_new(out, schema, Some(properties(&columns))).map_err(io_error)?;
        let (file, factory) = writer.into_serialized_writer().map_err(io_error)?;
        let most_rows = (CELLS / columns.len().max(1)).next_power_of_two().min(MOST_ROWS);
        Ok(Self { file, factory, columns, most_rows, rows: 0, groups: 0 })
    }

    /// Goes on with blocks of rows, each with as many values of every column in the order of the columns.
    ///
    /// # Errors
    /// What the output fails with.
    pub fn write(&mut self, blocks: &[Vec<Values>]) -> io::Result<()> {
        let mut rest = blocks;
        while !rest.is_empty() {
            let taken = self.room(rest);
            self.encode(&rest[..taken])?;
            rest = &rest[taken..];
            if !rest.is_empty() {
                self.end_group()?;
            }
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What the output fails with.
    pub fn finish(mut self) -> io::Result<()> {
        self.end_group()?;
        let mut out = self.file.into_inner().map_err(io_error)?;
        out.flush()
    }

    /// How many of the blocks this row group takes; an empty one takes at least one.
    fn room(&self, blocks: &[Vec<Values>]) -> usize {
        let mut rows = self.rows;
        let fits = |block: &&Vec<Values>| {
            rows += block.first().map_or(0, Values::len);
            rows <= self.most_rows
        };
        let fitting = blocks.iter().take_while(fits).count();
        if self.rows == 0 { fitting.max(1) } else { fitting }
    }

    fn encode(&mut self, blocks: &[Vec<Values>]) -> io::Result<()> {
        if self.columns.iter().any(|c| c.chunk.is_none()) {
            let chunks = self.factory.create_column_writers(self.groups).map_err(io_error)?;
            self.columns.iter_mut().zip(chunks).for_each(|(column, chunk)| column.chunk = Some(chunk));
        }
        let encode = |(j, column): (usize, &mut Encoder)| blocks.iter().try_for_each(|block| column.push(&block[j]));
        self.columns.par_iter_mut().enumerate().try_for_each(encode).map_err(io_error)?;
        self.rows += blocks.iter().map(|block| block.first().map_or(0, Values::len)).sum::<usize>();
        Ok(())
    }

    /// Writes the row group, if it has rows.
    fn end_group(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let chunks: Vec<_> = self.columns.par_iter_mut().filter_map(|c| c.chunk.take()).map(|c| c.close()).collect();
        let mut group = self.file.next_row_group().map_err(io_error)?;
        for chunk in chunks {
            chunk.and_then(|chunk| chunk.append_to_row_group(&mut group)).map_err(io_error)?;
        }
        group.close().map_err(io_error)?;
        (self.rows, self.groups) = (0, self.groups + 1);
        Ok(())
    }
}

impl Encoder {
    fn new(column: Column) -> Self {
        let (data_type, names) = match column.kind {
            Kind::Text => (DataType::Utf8, None),
            Kind::Category(names) => {
                let data_type = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                (data_type, Some(Arc::new(StringArray::from(names)) as ArrayRef))
            }
            Kind::Whole => (DataType::Int64, None),
            Kind::Real => (DataType::Float64, None),
            Kind::Short => (DataType::Float32, None),
        };
        let gaps = matches!(data_type, DataType::Int64 | DataType::Float64 | DataType::Float32);
        Self { field: Field::new(column.name, data_type, gaps), names, chunk: None }
    }

    fn push(&mut self, values: &Values) -> Result<(), ParquetError> {
        let array = self.array(values)?;
        let Some(chunk) = &mut self.chunk else { return Ok(()) };
        compute_leaves(&self.field, &array)?.iter().try_for_each(|leaf| chunk.write(leaf))
    }

    fn array(&self, values: &Values) -> Result<ArrayRef, ParquetError> {
        Ok(match (values, &self.names) {
            (Values::Texts(texts), _) => Arc::new(StringArray::from_iter_values(texts)),
            (Values::Category(keys), Some(names)) => {
                let keys = keys.iter().map(|key| i32::try_from(*key));
                let keys = keys.collect::<Result<Vec<i32>, _>>().map_err(|e| ParquetError::External(e.into()))?;
                Arc::new(DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), Arc::clone(names))?)
            }
            (Values::Category(_), None) => return Err(ParquetError::General("indices, but no names".into())),
            (Values::Whole(numbers), _) => Arc::new(Int64Array::from(numbers.clone())),
            (Values::Real(numbers), _) => Arc::new(Float64Array::from(numbers.clone())),
            (Values::Short(numbers), _) => Arc::new(Float32Array::from(numbers.clone())),
        })
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Category(keys) => keys.len(),
            Self::Whole(numbers) => numbers.len(),
            Self::Real(numbers) => numbers.len(),
            Self::Short(numbers) => numbers.len(),
        }
    }
}

/// Snappy costs next to nothing beside the encoding and needs no C compiler. A dictionary of texts that all differ would
/// only be thrown away again. The statistics are those of row groups: an index of all pages would be held to the end, and
/// grow with the rows.
fn properties(columns: &[Encoder]) -> WriterProperties {
    let texts = columns.iter().filter(|c| c.field.data_type() == &DataType::Utf8);
    let plain = |properties: WriterPropertiesBuilder, column: &Encoder| {
        properties.set_column_dictionary_enabled(ColumnPath::from(column.field.name().as_str()), false)
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    texts.fold(properties, plain).build()
}

/// The failure of the output, where it was that.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => inner.downcast::<io::Error>().map_or_else(io::Error::other, |e| *e),
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::FileReader;
    use parquet::file::serialized_reader::SerializedFileReader;

    #[test]
    fn a_row_group_ends_before_the_block_that_it_cannot_take() {
        let file = tempfile::tempfile().unwrap();
        let column = Column { name: "a".into(), kind: Kind::Whole };
        let mut writer = Writer::new(&file, vec![column]).unwrap();
        writer.most_rows = 100;
        let blocks = [60, 30, 30, 150, 1].map(|rows| vec![Values::Whole(vec![None; rows])]);
        writer.write(&blocks[..2]).unwrap();
        writer.write(&blocks[2..]).unwrap();
        writer.finish().unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<i64> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(rows, [90, 30, 150, 1]);
    }

    #[test]
    fn an_index_without_a_name_is_refused() {
        let column = Column { name: "a".into(), kind: Kind::Category(vec!["x".into()]) };
        let mut writer = Writer::new(io::sink(), vec![column]).unwrap();
        assert!(writer.write(&[vec![Values::Category(vec![0, 1])]]).is_err());
    }
}
