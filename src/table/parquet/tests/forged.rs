//! Parquet files put together byte by byte, so that they can claim anything.

/// A structure in the compact protocol of Thrift.
#[derive(Default)]
pub(super) struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

impl Struct {
    fn field(mut self, id: u8, kind: u8, value: &[u8]) -> Self {
        self.bytes.push((id - self.last) << 4 | kind);
        self.bytes.extend(value);
        self.last = id;
        self
    }

    pub(super) fn i32(self, id: u8, value: i64) -> Self {
        self.field(id, I32, &zigzag(value))
    }

    fn i64(self, id: u8, value: i64) -> Self {
        self.field(id, I64, &zigzag(value))
    }

    pub(super) fn text(self, id: u8, text: &str) -> Self {
        self.field(id, BINARY, &binary(text))
    }

    fn one(self, id: u8, value: Self) -> Self {
        let bytes = value.end();
        self.field(id, STRUCT, &bytes)
    }

    fn list(self, id: u8, kind: u8, values: &[Vec<u8>]) -> Self {
        let bytes = [vec![0xf0 | kind], varint(values.len() as u64), values.concat()].concat();
        self.field(id, LIST, &bytes)
    }

    pub(super) fn structs(self, id: u8, values: Vec<Self>) -> Self {
        let values: Vec<Vec<u8>> = values.into_iter().map(Self::end).collect();
        self.list(id, STRUCT, &values)
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(u8::try_from(value & 127).unwrap() | 128);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

fn zigzag(value: i64) -> Vec<u8> {
    varint((value << 1 ^ value >> 63).cast_unsigned())
}

fn binary(text: &str) -> Vec<u8> {
    [varint(text.len() as u64), text.as_bytes().to_vec()].concat()
}

/// What a file of one required column claims.
pub(super) struct Claims {
    /// The physical type, by its number: 2 is INT64, 6 BYTE_ARRAY, here text.
    pub(super) kind: i64,
    /// 0 none, 1 snappy, 2 gzip, 4 brotli, 6 zstd.
    pub(super) codec: i64,
    pub(super) file_rows: i64,
    pub(super) group_rows: i64,
    pub(super) values: i64,
    /// Bytes that the column takes, if not those of its pages.
    pub(super) size: Option<i64>,
    pub(super) dictionary: bool,
}

impl Claims {
    /// A sound file of so many INT64.
    pub(super) fn of(rows: i64) -> Self {
        Self { kind: 2, codec: 0, file_rows: rows, group_rows: rows, values: rows, size: None, dictionary: false }
    }

    /// The file, with these pages.
    pub(super) fn file(&self, pages: &[Vec<u8>]) -> Vec<u8> {
        let pages = pages.concat();
        let root = Struct::default().text(4, "schema").i32(5, 1);
        let column = Struct::default().i32(1, self.kind).i32(3, 0).text(4, "x");
        let column = if self.kind == 6 { column.i32(6, 0) } else { column }; // says that the bytes are UTF-8
        let size = self.size.unwrap_or(pages.len() as i64);
        let meta = Struct::default().i32(1, self.kind).list(2, I32, &[zigzag(0)]).list(3, BINARY, &[binary("x")]);
        let meta = meta.i32(4, self.codec).i64(5, self.values).i64(6, size).i64(7, size).i64(9, 4);
        let meta = if self.dictionary { meta.i64(11, 4) } else { meta };
        let chunk = Struct::default().i64(2, 4).one(3, meta);
        let group = Struct::default().structs(1, vec![chunk]).i64(2, 0).i64(3, self.group_rows);
        let footer = Struct::default().i32(1, 1).structs(2, vec![root, column]).i64(3, self.file_rows);
        file(&pages, footer.structs(4, vec![group]))
    }
}

/// A file of these pages and that footer.
pub(super) fn file(pages: &[u8], footer: Struct) -> Vec<u8> {
    let footer = footer.end();
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", pages, &footer, &length, b"PAR1"].concat()
}

/// A file of that schema, without rows.
pub(super) fn schema(elements: Vec<Struct>) -> Vec<u8> {
    file(&[], Struct::default().i32(1, 1).structs(2, elements).i64(3, 0).structs(4, Vec::new()))
}

/// A data page of that encoding (0 plain, 6 delta lengths, 7 delta texts, 8 dictionary), with claims about itself.
pub(super) fn page(values: i64, encoding: i64, unpacked: i64, packed: i64, bytes: &[u8]) -> Vec<u8> {
    let about = Struct::default().i32(1, values).i32(2, encoding).i32(3, 3).i32(4, 3);
    let header = Struct::default().i32(1, 0).i32(2, unpacked).i32(3, packed).one(5, about).end();
    [header, bytes.to_vec()].concat()
}

/// A dictionary page with claims about itself.
pub(super) fn dictionary(entries: i64, bytes: &[u8]) -> Vec<u8> {
    let about = Struct::default().i32(1, entries).i32(2, 0);
    let length = bytes.len() as i64;
    let header = Struct::default().i32(1, 2).i32(2, length).i32(3, length).one(7, about).end();
    [header, bytes.to_vec()].concat()
}

/// A run of so many equal dictionary indices of one bit.
pub(super) fn run(count: u64) -> Vec<u8> {
    [vec![1], varint(count << 1), vec![0]].concat()
}

/// Lengths in the delta encoding: so many are claimed, all the same.
pub(super) fn lengths(count: u64, first: i64) -> Vec<u8> {
    let blocks = count.saturating_sub(1).div_ceil(128).min(1_000) as usize;
    [varint(128), varint(4), varint(count), zigzag(first), [0, 0, 0, 0, 0].repeat(blocks)].concat()
}
