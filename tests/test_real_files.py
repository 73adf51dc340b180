"""The table of published files."""

from dataclasses import replace

from benchmarks.real_files import RealFile, read_list, table

ONE = RealFile("owner/name", "a.h5", "0123456789", "2.4.0", "Sequential, Dense")


def test_files_that_were_not_tried_are_not_in_the_table() -> None:
    tried = replace(ONE, path="b.h5", result="equal", detail="Keras 3, 1.0e-07 of the scale")
    lines = table([ONE, tried, replace(tried, path="c.h5", result="refused", detail="why")])
    assert lines[0] == "2 files were tried: 1 equal, 1 refused."
    assert [line.split(" | ")[0] for line in lines[4:]] == [
        "| owner/name: b.h5",
        "| owner/name: c.h5",
    ]


def test_the_list_says_where_each_file_is() -> None:
    files = read_list()
    assert len(files) >= 50
    for file in files:
        assert file.repository.count("/") == 1
        assert file.result in {"", "equal", "differs", "refused", "read"}
        assert "|" not in file.detail
