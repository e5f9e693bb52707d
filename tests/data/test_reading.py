from __future__ import annotations

import json

import numpy as np
import pytest

from recurra.data import Schema
from recurra.errors import DataError

NAN = float("nan")


def days(row: str, count: int = 12, head: str = "date,y") -> str:
    """A table with one line for each day; `{i}` in `row` counts them from 1."""
    rows = (f"2015-01-{i:02d}," + row.format(i=i, j=i % 3, word="uvw"[i % 3]) for i in range(1, count + 1))
    return "\n".join([head, *rows]) + "\n"


SHOP = "date,shop,item,sold,price,promo,temp,size,town\n" + "".join(
    f"2015-01-{i:02d},{s},{n},{i * 3 % 7},{i % 4}.5,{'no' if i % 3 == 0 else 'yes'},{i % 5},"
    f"{ord(s)}.5,{'near' if s == 'a' else 'far'}\n"
    for s in "ab"
    for n in (1, 2)
    for i in range(1, 11)
)
ROLES = {"target": "sold", "series": "shop,item", "known": "price,promo", "static": "size,town"}


def test_every_part_lands_in_its_place(read) -> None:
    panel = read(SHOP, **ROLES)
    assert panel.series == ("a / 1", "a / 2", "b / 1", "b / 2")
    assert panel.offsets.tolist() == [0, 10, 20, 30, 40]
    assert panel.offsets.dtype == np.int64
    assert panel.time.dtype == np.dtype("datetime64[us]")
    assert (panel.target.shape, panel.target.dtype) == ((40, 1), np.float32)
    assert (panel.known.shape, panel.known_codes.shape) == ((40, 1), (40, 1))
    assert (panel.past.shape, panel.past_codes.shape) == ((40, 1), (40, 0))
    assert (panel.static.shape, panel.static_codes.shape) == ((4, 1), (4, 1))
    assert panel.known_codes.dtype == panel.past_codes.dtype == panel.static_codes.dtype == np.int64
    assert panel.known[:4, 0].tolist() == [1.5, 2.5, 3.5, 0.5]
    assert panel.known_codes[:4, 0].tolist() == [2, 2, 1, 2]
    assert panel.static[:, 0].tolist() == [97.5, 97.5, 98.5, 98.5]
    assert panel.static_codes[:, 0].tolist() == [2, 2, 1, 1]
    schema = panel.schema
    assert (schema.target, schema.known, schema.past, schema.static) == (("sold",), ("price",), ("temp",), ("size",))
    assert schema.known_categories == {"promo": ("no", "yes")}
    assert schema.static_categories == {"town": ("far", "near")}
    assert schema.columns.series == ("shop", "item")
    assert schema.columns.past == ("temp",)
    assert panel.notes[0] == "40 rows, 4 series of 10 rows each, daily from 2015-01-01 to 2015-01-10."


def test_a_schema_survives_json(read) -> None:
    schema = read(SHOP, **ROLES).schema
    assert Schema.model_validate(json.loads(schema.model_dump_json())) == schema


def test_several_targets(read) -> None:
    panel = read(SHOP, target="sold,temp", series="shop,item", past="none")
    assert panel.target.shape == (40, 2)
    assert panel.target[:3].tolist() == [[3, 1], [6, 2], [2, 3]]
    assert panel.past.shape == (40, 0)


def test_past_may_be_named(read) -> None:
    panel = read(SHOP, target="sold", series="shop,item", past="town,temp")
    assert panel.schema.past == ("temp",)
    assert panel.schema.past_categories == {"town": ("far", "near")}


def test_the_only_numeric_column_is_the_target(read) -> None:
    panel = read(days("{i}.5,{word}", head="date,y,w"))
    assert panel.schema.target == ("y",)
    assert "The target is y, the only numeric column." in panel.notes
    counter = read("No,y\n" + "".join(f"{i},{i * i}\n" for i in range(1, 9)))
    assert counter.schema.target == ("y",)


def test_what_is_of_no_use_is_left_out_with_the_reason(read) -> None:
    head = "date,y,No,same,copy,gone,note,word,num,open,id"
    content = days("{i}.7,{i},7,{i}.7,,text {i},{word},{j},2014-01-01,9{i}00{j}", count=31, head=head)
    panel = read(content, target="y")
    assert panel.schema.past == ("num",)
    assert panel.schema.past_categories == {"word": ("u", "v", "w")}
    left_out = next(note for note in panel.notes if note.startswith("Left out: "))
    for reason in (
        "No (a row counter or id)",
        "same (constant)",
        "copy (the same as the target)",
        "gone (empty)",
        "open (constant)",
        "id (a row counter or id)",
    ):
        assert reason in left_out
    assert "note (a different word in almost every row)" in left_out
    assert "Past covariates: word, num. Those known ahead belong to --known; --past none takes none." in panel.notes


def test_text_of_many_kinds_is_left_out(read) -> None:
    content = "y,w\n" + "".join(f"{i % 7},word{i % 60}\n" for i in range(300))
    assert "Left out: w (text of 60 kinds)." in read(content, target="y").notes
    content = "y,w\n" + "".join(f"{i % 7},word{i % 50}\n" for i in range(300))
    assert len(read(content, target="y").schema.past_categories["w"]) == 50


def test_a_column_that_numbers_the_series_is_left_out(read) -> None:
    content = "s,code,size,y\n" + "".join(
        f"{s},{n},{n * n}.5,{i * 7 % 5}\n" for n, s in enumerate("abcd") for i in range(9)
    )
    panel = read(content, target="y", series="s")
    assert panel.schema.past == ("size",)
    assert "size never changes within a series; --static would say so." in panel.notes


def test_a_few_odd_words_in_a_covariate_are_missing(read) -> None:
    content = "y,x\n" + "".join(f"{i % 7},{'err' if i == 5 else i * i}\n" for i in range(100))
    panel = read(content, target="y")
    assert np.isnan(panel.past[5, 0])
    assert "x: 1 value read as missing, not being numeric (first 'err' in row 7)." in panel.notes


def test_numbers_that_may_stand_for_missing_are_mentioned(read) -> None:
    panel = read("y,x\n" + "".join(f"{i % 7},{-9999 if i % 9 == 0 else i % 5}\n" for i in range(40)), target="y")
    assert "x is -9999 in 5 rows; if that means missing, clear those values." in panel.notes


def test_missing_covariates_are_counted(read) -> None:
    panel = read(days("{i}.5,,{word}", head="date,y,x,w").replace("2,3.5,", "2,3.5,"), target="y", past="x,w")
    assert "Missing values of covariates in 12 rows, masked, not filled: x 12." in panel.notes


def test_series_labels(read) -> None:
    panel = read("s,y\nNA,1\n007,2\n,3\n b ,4\nNA,5\n", series="s", target="y")
    assert panel.series == ("NA", "007", "(missing)", "b")
    assert panel.lengths.tolist() == [2, 1, 1, 1]
    assert "1 row has no name in s: series '(missing)'." in panel.notes


def test_empty_rows_are_left_out(read) -> None:
    panel = read("date,y\n2015-01-01,1\n,\n2015-01-02,\n,NA\n2015-01-03,3\n")
    assert panel.num_rows == 3
    assert "1 empty row left out." in panel.notes


def test_a_gbk_file_with_nothing_but_a_target(read) -> None:
    rows = [
        f"{np.datetime64('2015-01-01') + i},{i * 37 % 300},{i % 30 - 5}.5,{i * 7 % 53},{i % 8}.2" for i in range(60)
    ]
    content = "日期,PM2.5,温度,湿度,风速\r\n" + "".join(row.replace("-", "", 2) + "\r\n" for row in rows)
    panel = read(content, encoding="gbk", target="PM2.5")
    assert panel.schema.past == ("温度", "湿度", "风速")
    assert panel.schema.frequency == "1d"
    assert {"Read as GB18030.", "The time is taken from 日期; --time names another column."} <= set(panel.notes)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"target": "sale"}, r"no column 'sale' \(asked for as target\)\. Did you mean 'sold'\?|no column 'sale'"),
        ({"target": "Price"}, r"no column 'Price'.*Did you mean 'price'\? Its columns: date, shop"),
        ({"target": "sold", "known": "prices"}, r"asked for as known\)\. Did you mean 'price'"),
        (
            {"target": "town", "series": "shop,item"},
            r"row 2: target 'town' is 'near', which isn't a number \(40 values",
        ),
        (
            {"series": "shop,item"},
            r"which column shall be forecast\? Name it with --target; the numeric ones are sold, price, temp, size",
        ),
        ({"target": "sold", "series": "shop,item", "known": "sold"}, r"column 'sold' is given two parts"),
        (
            {"target": "sold", "series": "shop,item", "static": "price"},
            r"Static column 'price' changes within series 'a / 1'",
        ),
        ({"target": "sold", "series": "shop,item", "static": "promo"}, r"Static column 'promo' changes"),
        ({"target": "sold", "series": "shop"}, r"pass --series item"),
    ],
)
def test_wrong_columns(read, columns: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(SHOP, **columns)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("date,y\n2015-01-01,1\n2015-01-02,abc\n", "row 3: target 'y' is 'abc'"),
        ("date,y\n2015-01-01,1\n2015-01-02,inf\n", "row 3: y is infinite"),
        ("date,y\n2015-01-01,1\n2015-01-02,1e39\n", "row 3: y is 1e39, beyond what 32-bit floats hold"),
        ("date,y,x\n2015-01-01,1,2\n2015-01-02,2,-inf\n", "row 3: x is infinite"),
        ("date,y\n2015-01-01,NA\n2015-01-02,\n", "every value of target 'y' is missing"),
        ("date,z\n2015-01-01,a\n", "no column 'y'"),
    ],
)
def test_wrong_values(read, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(content, target="y")


def test_no_numeric_column(read) -> None:
    with pytest.raises(DataError, match=r"no numeric column to forecast\. Its columns: date, z"):
        read("date,z\n2015-01-01,a\n2015-01-02,b\n")


def test_a_later_file_is_read_like_the_first(read) -> None:
    schema = read(SHOP, **ROLES).schema
    later = "town,size,temp,promo,price,item,shop,date,extra\n" + "".join(
        f"{'far' if i < 3 else ''},9.5,{i},{'maybe' if i == 2 else 'yes'},{i}.5,7,z,2016-03-0{i},x\n"
        for i in range(1, 4)
    )
    panel = read(later, schema=schema)
    assert panel.schema is schema
    assert panel.series == ("z / 7",)
    assert np.isnan(panel.target).all()
    assert panel.known[:, 0].tolist() == [1.5, 2.5, 3.5]
    assert panel.known_codes[:, 0].tolist() == [2, 0, 2]
    assert panel.static_codes.tolist() == [[1]]
    assert "promo: 'maybe' never seen when the model was fitted; treated as missing." in panel.notes
    assert "Target sold isn't in the table, so all its rows count as future." in panel.notes


def test_rows_after_the_last_target_are_the_future(read) -> None:
    schema = read(SHOP, **ROLES).schema
    rows = SHOP.splitlines()
    later = [
        ",".join([*row.split(",")[:3], "", *row.split(",")[4:]]) if "-09" in row or "-10" in row else row
        for row in rows
    ]
    panel = read("\n".join(later), schema=schema)
    assert "8 rows after the last observed target: they count as future." in panel.notes
    assert np.isnan(panel.target[[8, 9, 18, 19], 0]).all()
    assert not np.isnan(panel.known).any()


def test_what_a_later_file_lacks_is_named(read) -> None:
    schema = read(SHOP, **ROLES).schema
    with pytest.raises(DataError, match=r"no column 'price', 'temp', 'size', which the model was fitted with"):
        read("date,shop,item,promo,town\n2015-01-01,a,1,yes,far\n", schema=schema)
    with pytest.raises(DataError, match="no column 'shop'"):
        read("date,item,promo,town,price,temp,size\n2015-01-01,1,yes,far,1,2,3\n", schema=schema)


def test_a_later_file_keeps_order_of_day_and_month_and_the_grid(read) -> None:
    first = "date,y\n" + "".join(f"{day:02d}/{month:02d}/2015,{day}.5\n" for month in (1, 2) for day in range(1, 29))
    schema = read(first).schema
    assert schema.time_format == "%d/%m/%Y"
    panel = read("date,y\n01/02/2016,1\n05/02/2016,2\n", schema=schema)
    assert panel.time.astype("datetime64[D]").astype(str).tolist() == [f"2016-02-0{i}" for i in range(1, 6)]
    assert read("date,y\n2016-02-01,1\n2016-02-05,2\n", schema=schema).num_rows == 5
    with pytest.raises(DataError, match="row 3: date is '02/13/2016'"):
        read("date,y\n01/02/2016,1\n02/13/2016,2\n", schema=schema)


@pytest.mark.parametrize("content", ["y\n5\n6\n", "time,y\n2015-01-01,5\n2015-01-09,6\n"])
def test_a_later_file_keeps_the_order_of_rows(read, content: str) -> None:
    schema = read("y\n1\n2\n3\n", target="y", time="none").schema
    panel = read(content, schema=schema)
    assert panel.time.tolist() == [0, 1]
    assert panel.target[:, 0].tolist() == [5, 6]


def test_times_without_zone_are_meant_in_the_zone_of_the_fit(read) -> None:
    schema = read("time,y\n" + "".join(f"2015-01-01T{i:02d}:00+08:00,{i}\n" for i in range(9)), target="y").schema
    panel = read("time,y\n2015-01-02 08:00,1\n2015-01-02 09:00,2\n", schema=schema)
    assert panel.time.astype("datetime64[h]").astype(str).tolist() == ["2015-01-02T00", "2015-01-02T01"]
    assert any("carry no zone" in note for note in panel.notes)


def test_columns_with_commas_in_their_names(read) -> None:
    content = 'date,"Price, USD","Rain, mm"\n' + "".join(f"2015-01-0{i},{i}.5,{i % 3}\n" for i in range(1, 9))
    schema = read(content, target="Price, USD").schema
    assert (schema.target, schema.past) == (("Price, USD",), ("Rain, mm",))
    again = Schema.model_validate_json(schema.model_dump_json())
    assert read(content, schema=again).past.shape == (8, 1)


def test_a_later_file_may_order_its_columns_otherwise_and_have_empty_targets(read) -> None:
    schema = read("date,a,b,y\n2015-01-01,1.5,7,1\n2015-01-02,2.5,9,2\n", target="y", known="b,a").schema
    assert schema.known == ("b", "a")
    panel = read("y,a,date,b\n,3.5,2015-01-03,8\nNA,4.5,2015-01-04,6\n", schema=schema)
    assert panel.known.tolist() == [[8, 3.5], [6, 4.5]]
    assert np.isnan(panel.target).all()
    swapped = schema.model_copy(update={"known": ("a", "b")})
    assert read("date,a,b\n2015-01-03,3.5,8\n", schema=swapped).known.tolist() == [[3.5, 8]]
