"""Writes the Parquet files of this folder, and beside them the same tables as CSV.

    python make.py            (pyarrow 26, polars 2.1)
"""

import datetime as dt
import decimal
import pathlib

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
UTC = dt.timezone.utc
DAYS = [dt.date(2024, 2, 29), dt.date(1969, 12, 31), None, dt.date(9999, 12, 31), dt.date(1, 1, 1)]
TIMES = [
    dt.datetime(2024, 2, 29, 13, 37, 59, 123456),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999000),
    None,
    dt.datetime(2200, 1, 1),
    dt.datetime(1700, 6, 1, 6, 30),
]


def whole(times):
    return [t and t.replace(microsecond=0) for t in times]


def types():
    """Every type with a place in a table: name, Arrow type, values, texts in CSV (None: as Python writes the values)."""
    d = decimal.Decimal
    big = [d("12345678901234567890.12"), d("-0.01"), None, d("0.30"), d("9007199254740993.00")]
    small = [d("12.30"), d("-0.05"), None, d("99999.99"), d("0.00")]
    iso = [t and t.isoformat() for t in TIMES]
    seconds = [t and t.isoformat() for t in whole(TIMES)]
    milli = [t and t.replace(microsecond=t.microsecond // 1000 * 1000) for t in TIMES]
    zoned = [t and t.replace(tzinfo=UTC) for t in TIMES]
    for bits in (8, 16, 32, 64):
        top = 2 ** (bits - 1)
        yield f"i{bits}", f"int{bits}", [-top, top - 1, None, 0, 7], None
        yield f"u{bits}", f"uint{bits}", [0, 2 * top - 1, None, 1, 7], None
    yield "f16", pa.float16(), [0.5, -1.25, None, 1024.0, -0.0], None
    yield "f32", pa.float32(), [0.5, -1.25, None, 16777216.0, 0.0], None
    yield "f64", pa.float64(), [0.1, -1e300, None, 5e-324, float("nan")], ["0.1", "-1e300", None, "5e-324", "NaN"]
    yield "d32", pa.decimal32(7, 2), small, None
    yield "d64", pa.decimal64(15, 2), small, None
    yield "d128", pa.decimal128(38, 2), big, None
    yield "d256", pa.decimal256(60, 2), big, None
    yield "yes", pa.bool_(), [True, False, None, True, True], ["true", "false", None, "true", "true"]
    yield "date32", pa.date32(), DAYS, None
    yield "date64", pa.date64(), DAYS, None
    yield "ts_s", pa.timestamp("s"), whole(TIMES), seconds
    yield "ts_ms", pa.timestamp("ms"), milli, [t and t.isoformat() for t in milli]
    yield "ts_us", pa.timestamp("us"), TIMES, iso
    yield "ts_ns", pa.timestamp("ns"), TIMES, iso
    yield "ts_utc", pa.timestamp("us", "UTC"), zoned, [t and t.isoformat() for t in zoned]
    yield "ts_zone", pa.timestamp("ms", "Europe/Paris"), [t and t.replace(tzinfo=UTC) for t in milli], [
        t and t.replace(tzinfo=UTC).isoformat() for t in milli
    ]
    yield "text", pa.string(), ["a", "Łódź", None, " b ", "a"], None
    yield "large", pa.large_string(), ["x", "y", None, "NA", "x"], None
    yield "view", pa.string_view(), ["a longer text than twelve bytes", "y", None, "", "y"], None
    yield "category", pa.dictionary(pa.int8(), pa.string()), ["low", "high", None, "low", "low"], None
    yield "numbers", pa.string(), ["1", "2.50", None, "-3e2", "n/a"], None
    yield "days", pa.string(), ["2024-02-29", "2024-03-01", None, "2024-03-02", "NULL"], None
    yield "said", pa.dictionary(pa.int32(), pa.string()), ["Yes", "no", None, "no", "YES"], None
    yield "mostly", pa.string(), ["7", "x", None, "y", "z"], None
    yield "nothing", pa.null(), [None] * 5, None


def quoted(value):
    return "" if value is None else '"' + str(value).replace('"', '""') + '"'


def write_csv(name, columns):
    rows = zip(*[[c] + list(texts if texts is not None else values) for c, _, values, texts in columns])
    (HERE / f"{name}.csv").write_text("".join(",".join(map(quoted, row)) + "\n" for row in rows))


def arrow(columns):
    def array(kind, values):
        kind = pa.type_for_alias(kind) if isinstance(kind, str) else kind
        if pa.types.is_dictionary(kind):
            return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
        return pa.array(values, kind)

    return pa.table({name: array(kind, values) for name, kind, values, _ in columns})


def main():
    every = list(types())
    write_csv("types", every)
    table = arrow(every)
    pq.write_table(table, HERE / "types_pyarrow.parquet", version="2.6")
    # The old 96-bit timestamps, and no Arrow schema to help.
    old = table.select(["ts_s", "ts_us", "ts_utc", "category", "u16"])
    pq.write_table(old, HERE / "old_pyarrow.parquet", use_deprecated_int96_timestamps=True, store_schema=False)

    known = [c for c in every if c[0] not in ("f16", "d32", "d64", "d256", "date64", "ts_s", "view", "nothing", "ts_zone")]
    pl.from_arrow(arrow(known)).write_parquet(HERE / "types_polars.parquet")

    some = [c for c in every if c[0] in ("i32", "i64", "f32", "f64", "yes", "ts_us", "text", "numbers", "d128")]
    table = pa.concat_tables([arrow(some)] * 4)
    for codec in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        for dictionary in (True, False):
            for page in ("1.0", "2.0"):
                name = f"codec_{codec}_{'dictionary' if dictionary else 'plain'}_v{page[0]}.parquet"
                pq.write_table(table, HERE / name, compression=codec, use_dictionary=dictionary, row_group_size=7,
                               data_page_version=page, write_statistics=False, store_schema=False)
    delta = {"i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED", "text": "DELTA_LENGTH_BYTE_ARRAY",
             "numbers": "DELTA_BYTE_ARRAY", "f32": "BYTE_STREAM_SPLIT", "f64": "BYTE_STREAM_SPLIT"}
    for page in ("1.0", "2.0"):
        pq.write_table(table, HERE / f"codec_delta_v{page[0]}.parquet", use_dictionary=False, column_encoding=delta,
                       data_page_version=page, write_statistics=False)

    nested = pa.table({
        "a": [1.0, 2.0, 3.0],
        "list": pa.array([[1], [], None], pa.list_(pa.int64())),
        "struct": pa.array([{"x": 1, "y": {"z": "b"}}, None, {"x": 2, "y": None}]),
        "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
        "clock": pa.array([dt.time(1, 2, 3), None, dt.time(4)], pa.time64("us")),
        "span": pa.array([dt.timedelta(1), None, dt.timedelta(2)], pa.duration("us")),
        "bytes": pa.array([b"\xff", None, b""], pa.binary()),
        "fixed": pa.array([b"\xff\x00", None, b"ab"], pa.binary(2)),
        "words": pa.array([["a"], None, ["b", "a"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        "b": ["x", "y", "x"],
    })
    pq.write_table(nested, HERE / "nested_pyarrow.parquet")
    frame = pl.from_arrow(nested.drop_columns(["map", "fixed", "words"]))
    frame.write_parquet(HERE / "nested_polars.parquet")

    telco = HERE.parent / "telco_churn.csv"
    table = pa.csv.read_csv(telco)[:1500]
    pq.write_table(table, HERE / "telco_pyarrow.parquet", compression="zstd", compression_level=19, row_group_size=600)
    pl.read_csv(telco)[:1500].write_parquet(HERE / "telco_polars.parquet", compression_level=22, row_group_size=400)


main()
