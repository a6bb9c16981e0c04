//! The pages of a column, looked at before they are unpacked and before they are decoded.
//!
//! A page header claims how much its page holds and how large it is unpacked; the `parquet` crate makes room for both. A
//! claim that the packed bytes cannot keep is refused, so memory stays near what the file can really hold. A page that was
//! unpacked is looked at once more ([`super::delta`]) before it is decoded.

use super::delta;
use super::source::Source;
use super::thrift::{Compact, Visitor};
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::{Compression, Encoding, Type};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use std::io::Read;
use std::iter::once;
use std::sync::Arc;

/// Bytes of a page, unpacked: a thousand times the usual size, and room for writers that put a column into one page.
pub(super) const MOST_PAGE: u64 = 1 << 30;

/// Bytes that even a page without values may take.
const LEAST_PAGE: u64 = 1_024;

/// What a page header says, in the order of the fields of its kinds.
#[derive(Debug, Default)]
struct Header {
    kind: i64,
    unpacked: i64,
    packed: i64,
    values: i64,
}

/// The kinds of pages that hold values.
const DATA: i64 = 0;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;

impl Visitor for Header {
    fn begin(&mut self, _: &[i16]) -> Option<()> {
        Some(())
    }

    fn number(&mut self, path: &[i16], value: i64) -> Option<()> {
        let claim = match path {
            [1] => &mut self.kind,
            [2] => &mut self.unpacked,
            [3] => &mut self.packed,
            [5 | 7 | 8, 1] => &mut self.values,
            _ => return Some(()),
        };
        *claim = value;
        (0..=i64::from(i32::MAX)).contains(&value).then_some(())
    }
}

/// Looks at the headers of all pages of a column of `rows` rows; says what is wrong with them.
pub(super) fn check(source: &Source, column: &ColumnChunkMetaData, rows: u64) -> Result<(), String> {
    let (mut at, end) = range(source, column)?;
    let mut values = 0;
    while at < end {
        let mut header = Header::default();
        let mut walk = Compact::new(source.from(at), end - at);
        if walk.structure(&mut Vec::new(), &mut header).is_none() {
            return Err(format!("the page header at byte {at} is damaged"));
        }
        at += walk.read;
        let (packed, unpacked) = (header.packed.unsigned_abs(), header.unpacked.unsigned_abs());
        if packed > end - at {
            return Err(format!("the page at byte {at} is {packed} bytes long, and {} are left", end - at));
        }
        believable(source, column.compression(), at, packed, unpacked)?;
        match header.kind {
            DATA | DATA_V2 => values += header.values.unsigned_abs(),
            DICTIONARY if header.values.unsigned_abs() > most_entries(column, unpacked.max(packed)) => {
                return Err(format!(
                    "the dictionary at byte {at} claims {} entries in {unpacked} bytes",
                    header.values
                ));
            }
            _ => {}
        }
        at += packed;
    }
    if values == rows { Ok(()) } else { Err(format!("its pages hold {values} values for {rows} rows")) }
}

/// Where the pages of a column begin and end.
fn range(source: &Source, column: &ColumnChunkMetaData) -> Result<(u64, u64), String> {
    if column.file_path().is_some() {
        return Err("its values are in another file".into());
    }
    let first = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let range = u64::try_from(first).ok().zip(u64::try_from(column.compressed_size()).ok());
    let range = range.and_then(|(at, length)| Some((at, at.checked_add(length)?)));
    match range {
        Some((at, end)) if end <= source.length() => Ok((at, end)),
        _ => {
            let size = column.compressed_size();
            Err(format!("its {size} bytes from byte {first} on are not in the file of {} bytes", source.length()))
        }
    }
}

/// Entries that a dictionary of so many bytes can have.
fn most_entries(column: &ColumnChunkMetaData, bytes: u64) -> u64 {
    let width = match column.column_type() {
        Type::BOOLEAN => 1,
        Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(column.column_descr().type_length()).unwrap_or(0),
    };
    bytes.checked_div(width).unwrap_or(0)
}

/// Whether so few bytes can become so many.
fn believable(source: &Source, codec: Compression, at: u64, packed: u64, unpacked: u64) -> Result<(), String> {
    // The most that a byte can become: a copy of 64 bytes in 3, a length byte, a match of 258 in 2 bits, a block of
    // 128 KiB in 4 bytes.
    let (factor, stops) = match codec {
        Compression::UNCOMPRESSED => return Ok(()),
        Compression::SNAPPY => (22, true),
        Compression::LZ4_RAW => (256, true),
        Compression::LZ4 => (256, false),
        Compression::GZIP(_) => (1_032, false),
        Compression::ZSTD(_) => (1 << 15, true),
        Compression::BROTLI(_) => (u64::MAX, false),
        other @ Compression::LZO => return Err(format!("its codec {other} is not supported")),
    };
    let possible = packed.saturating_mul(factor).saturating_add(LEAST_PAGE);
    if unpacked > possible.min(MOST_PAGE) {
        return Err(format!("the page at byte {at} claims to be {unpacked} bytes, unpacked from {packed}"));
    }
    // These codecs go on past the claim, until the packed bytes end.
    if !stops && possible > MOST_PAGE && packed > 0 {
        let packed = source.from(at).take(packed);
        let real = match codec {
            Compression::GZIP(_) => count(flate2::read::MultiGzDecoder::new(packed)),
            Compression::BROTLI(_) => count(brotli::Decompressor::new(packed, 1 << 16)),
            _ => MOST_PAGE + 1,
        };
        if real > MOST_PAGE {
            return Err(format!("the page at byte {at} is over {MOST_PAGE} bytes, unpacked"));
        }
    }
    Ok(())
}

/// Bytes up to the end, an error, or the first one too many.
fn count(reader: impl Read) -> u64 {
    let mut left = reader.take(MOST_PAGE + 1);
    let _ = std::io::copy(&mut left, &mut std::io::sink()); // what is wrong with it, the decoder says
    MOST_PAGE + 1 - left.limit()
}

/// One row group, as the `parquet` crate decodes it.
pub(super) struct Group {
    pub(super) source: Arc<Source>,
    pub(super) metadata: Arc<ParquetMetaData>,
    pub(super) index: usize,
}

impl Group {
    fn of(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.index)
    }

    fn rows(&self) -> usize {
        usize::try_from(self.of().num_rows()).unwrap_or(0)
    }
}

impl RowGroups for Group {
    fn num_rows(&self) -> usize {
        self.rows()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let chunk = self.of().column(column);
        let pages = SerializedPageReader::new(self.source.clone(), chunk, self.rows(), None)?;
        let levels = chunk.column_descr().max_def_level() > 0;
        Ok(Box::new(Chunk(Some(Pages { pages, levels }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(once(self.of()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The pages of one column of one row group.
struct Chunk(Option<Pages>);

impl Iterator for Chunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|pages| Ok(Box::new(pages) as Box<dyn PageReader>))
    }
}

impl PageIterator for Chunk {}

/// Pages, unpacked one after another.
struct Pages {
    pages: SerializedPageReader<Source>,
    /// Whether values can be missing.
    levels: bool,
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        match &page {
            Some(page) if !sound(page, self.levels) => {
                Err(ParquetError::General("a page claims more values than it holds".into()))
            }
            _ => Ok(page),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

/// Whether a page holds what a decoder will make room for.
fn sound(page: &Page, levels: bool) -> bool {
    let (values, encoding) = match page {
        Page::DataPage { buf, encoding, .. } if levels => {
            let length = buf.first_chunk().map_or(u32::MAX, |length| u32::from_le_bytes(*length));
            (buf.get(4..).and_then(|rest| rest.get(usize::try_from(length).ok()?..)), encoding)
        }
        Page::DataPage { buf, encoding, .. } => (Some(&buf[..]), encoding),
        Page::DataPageV2 { buf, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
            let skipped = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
            (usize::try_from(skipped).ok().and_then(|at| buf.get(at..)), encoding)
        }
        Page::DictionaryPage { .. } => return true,
    };
    let most = u64::from(page.num_values());
    match (values, encoding) {
        (Some(values), Encoding::DELTA_LENGTH_BYTE_ARRAY) => delta::walk(values, most).is_some(),
        (Some(values), Encoding::DELTA_BYTE_ARRAY) => delta::strings(values, most).is_some_and(|all| all <= MOST_PAGE),
        // The decoder of plain levels says what is wrong with them.
        _ => true,
    }
}
