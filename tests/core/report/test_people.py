from bench.core.report.people import FileChange, list_people

FILES = {"prefill": ["model/"], "decode": ["model/decode.py", "./shared"], "agent": ["."]}


def test_people_are_found_by_the_files_of_a_tier() -> None:
    """A file belongs to each tier that names it or a folder above it; each person is named once."""
    changes = [
        FileChange("model/decode.py", "tess"),
        FileChange("model/prefill.py", "sam"),
        FileChange("model/decode.py", "tess"),
        FileChange("shared/cache.py", "kim"),
    ]
    assert list_people(changes, FILES) == {
        "prefill": ("tess", "sam"),
        "decode": ("tess", "kim"),
        "agent": ("tess", "sam", "kim"),
    }


def test_a_similar_name_is_another_file() -> None:
    """`model` does not contain `models/x`, and a tier without a change is left out."""
    assert list_people([FileChange("models/x.py", "tess")], {"prefill": ["model"]}) == {}
