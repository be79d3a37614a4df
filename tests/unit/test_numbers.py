"""Parsing number tables: exact to the last bit, or an error that names file, line and content."""

import math
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import AnnotationError, ResultFormatError
from evalkit.numbers import parse_many, parse_numbers, parse_tables


def bits(values):
    """Doubles as integers, so that -0.0 differs from 0.0; every NaN alike."""
    return [struct.pack("<d", math.nan if math.isnan(value) else value) for value in np.ravel(values).tolist()]


def naive(text):
    """What a regular file says, by the shortest program: float() of every field of every line."""
    lines = text.decode().replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")
    return [[float(part) for part in line.replace(",", " ").replace(";", " ").split()] for line in lines]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"1,2,3,4\n5,6,7,8\n", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        (b"1\t2\t3\t4", [[1, 2, 3, 4]]),
        (b"1 2 3 4\r\n5 6 7 8\r\n\r\n \r\n", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        (b"1;2\r3;4\r", [[1, 2], [3, 4]]),  # old Macintosh line ends
        (b"\xef\xbb\xbf1,2\n", [[1, 2]]),  # byte-order mark
        (b"  1.00,102.00, 3 ,\t4\n -1.5 , 2,3,4\n", [[1, 102, 3, 4], [-1.5, 2, 3, 4]]),
        (b"1,2,\n3,4,\n", [[1, 2], [3, 4]]),  # trailing separators
        (b"1,2, \n3,4\n", [[1, 2], [3, 4]]),
        (b"0 \n1 \n", [[0], [1]]),
        (b"0,0,1,0", [[0, 0, 1, 0]]),  # LaSOT's flag files: one line
        (b"+1,-.5,5.,-0", [[1, -0.5, 5, -0.0]]),
        (b"NaN,nan,-nan,NAN\n1,2,3,4", [[math.nan] * 4, [1, 2, 3, 4]]),
        (b"Inf,-inf,1e3,-2.5E-2", [[math.inf, -math.inf, 1000, -0.025]]),
        (b"1.060000000000000000e+02 2", [[106, 2]]),  # numpy.savetxt
        (b"123.12345678901234,1", [[123.12345678901234, 1]]),  # 14 decimals
        (b"0.1000000000000000055511151231257827,1", [[0.1, 1]]),
        (b"9007199254740993,00000000000000000000007", [[9007199254740992, 7]]),
        (b"", []),
        (b"\n \r\n", []),
    ],
)
def test_accepted_spellings(content, expected):
    result = parse_numbers(content, where="a.txt")
    assert result.dtype == np.float64
    assert bits(result) == bits(np.array(expected, dtype=float))
    assert len(result) == len(expected)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"1,2\n3,x\n", "a.txt, line 2: expected numbers, found '3,x'"),
        (b"1,2\n3\n", "line 2: 1 columns, but 2 in the lines before: '3'"),
        (b"1,2\n\n3,4\n", "line 2: a blank line in the middle"),
        (b"1,2\n,\n3,4\n", "line 2: an empty field"),
        (b"1,,2\n", "line 1: an empty field: '1,,2'"),
        (b",1,2\n", "line 1: an empty field"),
        (b"1,2,,\n", "line 1: an empty field"),
        (b"1, ,2\n", "line 1: an empty field"),
        (b"1,5 2,5 3,5 4,5\n", "two kinds of separators"),  # decimal commas between blanks
        (b"1,5;2,5;3,5;4,5\n", "two kinds of separators"),
        (b"1,5\t2,5\n", "If the comma is a decimal comma, write a point"),
        (b"1D3,2\n", "expected numbers, found '1D3,2'"),  # Fortran exponent
        (b"1_000,2\n", "expected numbers"),
        (b"1.2.3,2\n", "expected numbers"),
        (b"1-2,2\n", "expected numbers"),
        (b"-,2\n", "expected numbers"),
        (b".,2\n", "expected numbers"),
        (b"--1,2\n", "expected numbers"),
        (b"1e,2\n", "expected numbers"),
        (b"0x1A,2\n", "expected numbers"),
        (b"nan(ind),2\n", "expected numbers"),
        (b"1.#QNAN,2\n", "expected numbers"),
        ("١,٢\n".encode(), "expected numbers"),
        (b"1\xa02\n", "expected numbers"),
        (b"x,y,w,h\n1,2,3,4\n", "line 1: expected numbers, found 'x,y,w,h'"),
        (b"1,2\n3,\x004\n", "line 2: a NUL byte"),
        ("1,2\n".encode("utf-16"), "line 1: a NUL byte"),
        (b"\x89PNG\r\n\x1a\n", "expected numbers"),
    ],
)
def test_refused_spellings_name_file_line_and_content(content, text):
    with pytest.raises(ResultFormatError, match=r"^a\.txt, line") as caught:
        parse_numbers(content, where="a.txt", error=ResultFormatError)
    assert text in str(caught.value)


def test_long_line_is_shown_shortened():
    with pytest.raises(AnnotationError) as caught:
        parse_numbers(b"y" * 5000, where="a.txt")
    assert len(str(caught.value)) < 150


def test_one_wrong_file_among_many_leaves_the_others_and_all_wrong_ones_are_listed():
    tables = parse_tables([b"1,2", b"1,a", b"3\t4", b"", b"5,,6"], ["a", "b", "c", "d", "e"])
    assert [None if array is None else array.tolist() for array in tables.arrays] == [
        [[1, 2]],
        None,
        [[3, 4]],
        [],
        None,
    ]
    assert [problem[:10] for problem in tables.problems] == ["b, line 1:", "e, line 1:"]
    with pytest.raises(AnnotationError, match=r"b, line 1(.|\n)*e, line 1"):
        parse_many([b"1,a", b"5,,6"], ["b", "e"])


def test_files_of_different_shape_and_separator_parse_together():
    blobs = [b"1,2\n3,4\n", b"5\n6\n7\n", b"", b"8 9 10\n", b"nan\t2e1\n"]
    arrays = parse_many(blobs, ["f"] * 5)
    assert [array.shape for array in arrays] == [(2, 2), (3, 1), (0, 0), (1, 3), (1, 2)]
    assert [bits(array) for array in arrays] == [bits(parse_numbers(blob, where="f")) for blob in blobs]


def test_input_larger_than_one_pass_keeps_its_order():
    generator = np.random.default_rng(0)
    tables = [generator.normal(scale=300, size=(rows, 4)) for rows in generator.integers(1, 4000, size=60)]
    blobs = ["\n".join(",".join(f"{value:.3f}" for value in row) for row in table).encode() for table in tables]
    for array, blob in zip(parse_many(blobs, ["f"] * 60), blobs, strict=True):
        assert bits(array) == bits(naive(blob))


decimals = st.from_regex(r"\A-?[0-9]{1,5}(\.[0-9]{0,20})?\Z").map(str.encode)
floats = st.floats(allow_nan=True, allow_infinity=True)
spellings = st.one_of(
    decimals,
    st.integers(-(10**20), 10**20).map(lambda value: str(value).encode()),
    floats.map(lambda value: repr(value).encode()),
    floats.map(lambda value: f"{value:.14f}".encode()),
    floats.map(lambda value: f"{value:.18e}".encode()),
    st.tuples(st.integers(0, 10**19), st.integers(0, 25)).map(
        lambda pair: (str(pair[0])[: -pair[1] or None] + "." + str(pair[0])[-pair[1] or 99 :]).encode()
    ),
)


@st.composite
def regular_files(draw):
    rows = draw(st.integers(1, 6))
    columns = draw(st.integers(1, 5))
    separator = draw(st.sampled_from([b",", b"\t", b" ", b";", b", ", b" , ", b"  ", b"\t ", b",\t"]))
    newline = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    lead = draw(st.sampled_from([b"", b" ", b"\t"]))
    tail = draw(st.sampled_from([b"", b" ", b"\t"] + ([b",", b", "] if b"," in separator else [])))
    lines = [
        lead + separator.join(draw(st.lists(spellings, min_size=columns, max_size=columns))) + tail for _ in range(rows)
    ]
    return newline.join(lines) + draw(st.sampled_from([b"", newline, newline * 3]))


@settings(max_examples=150, deadline=None)
@given(st.lists(regular_files(), min_size=1, max_size=4))
def test_regular_files_equal_float_bit_for_bit(blobs):
    for array, blob in zip(parse_many(blobs, ["f"] * len(blobs)), blobs, strict=True):
        expected = naive(blob)
        assert array.shape == (len(expected), len(expected[0]))
        assert bits(array) == bits(expected)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**53), st.integers(0, 3), st.integers(0, 18))
def test_numbers_next_to_the_middle_of_two_doubles_round_correctly(integer, wiggle, places):
    # the exact middle of two doubles needs 54 bits; its decimal neighbors are the hard cases of correct rounding
    text = str((2 * integer + 1) * 2**wiggle + draw_sign(integer)).rjust(19, "0")[-18:].rjust(places + 1, "0")
    spelled = (text[: len(text) - places] + "." + text[len(text) - places :]).encode()
    assert bits(parse_numbers(spelled + b",1", where="f")) == bits([float(spelled), 1.0])


@pytest.mark.parametrize("digits", range(13, 20))
@pytest.mark.parametrize("places", [2, 14])
def test_many_numbers_of_many_digits_round_correctly(digits, places):
    # one number in 2,000 lies so near the middle of two doubles that a second rounding would be seen
    generator = np.random.default_rng(digits)
    text = generator.integers(0, 10, (20_000, digits)).astype("U1")
    fields = ["".join(row[: digits - places % digits]) + "." + "".join(row[digits - places % digits :]) for row in text]
    fields[0] = "44.68624967130879"  # few digits among many: once rounded twice
    array = parse_numbers("\n".join(fields).encode(), where="f")
    assert bits(array) == bits([float(field) for field in fields])


def draw_sign(integer):
    return (integer % 3) - 1


PIECES = rb"1 2.5 -3 0 . - + e E5 nan inf , ; x _ ,, 123456789012345678901".split()
pieces = st.sampled_from(
    [*PIECES, b" ", b"\t", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\x0b", b"\x1a"]
)


@settings(max_examples=600, deadline=None)
@given(st.lists(pieces, max_size=25).map(b"".join))
def test_fuzzed_text_is_an_error_or_the_right_value(blob):
    (array,), problems = parse_tables([blob], ["fuzz.txt"])
    if array is None:
        assert [problem[:15] for problem in problems] == ["fuzz.txt, line "]
        return
    # what was accepted must be what the plain program says, and nothing may have been skipped
    if array.size == 0:
        assert not blob.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
        return
    expected = naive(blob.removeprefix(b"\xef\xbb\xbf"))
    assert {len(row) for row in expected} == {array.shape[1]}
    assert bits(array) == bits(expected)
    for forbidden in (b"_", b"x", b"\0", b",,", b"\xff", b"\x0b", b"\x1a"):
        assert forbidden not in blob


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_never_crash(blob):
    tables = parse_tables([blob, b"1,2\n"], ["a", "b"])
    assert tables.arrays[1] is not None
    assert tables.arrays[1].tolist() == [[1, 2]]
    assert len(tables.problems) == (tables.arrays[0] is None)


@settings(max_examples=80, deadline=None)
@given(st.lists(regular_files(), min_size=1, max_size=3), st.lists(pieces, max_size=8).map(b"".join))
def test_parsing_together_equals_parsing_alone(blobs, odd):
    together = parse_tables([*blobs, odd], ["f"] * (len(blobs) + 1))
    alone = [parse_tables([blob], ["f"]) for blob in [*blobs, odd]]
    assert together.problems == [problem for tables in alone for problem in tables.problems]
    for first, second in zip(together.arrays, (tables.arrays[0] for tables in alone), strict=True):
        assert (first is None) == (second is None)
        if first is not None and second is not None:
            assert first.shape == second.shape
            assert bits(first) == bits(second)


@pytest.mark.data
@pytest.mark.parametrize("archive", ["results_uav123.zip", "visevent_results_A.zip", "uav123_gt.zip"])
def test_real_files_equal_float_bit_for_bit(shared_data, archive):
    with zipfile.ZipFile(shared_data / archive) as content:
        names = [name for name in content.namelist() if name.endswith(".txt")][::9]
        blobs = [content.read(name) for name in names]
    for array, blob in zip(parse_many(blobs, names), blobs, strict=True):
        assert bits(array) == bits(naive(blob))
