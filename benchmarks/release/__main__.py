"""Write the files of a release: `python -m benchmarks.release TAG OWNER/NAME FOLDER`."""

import sys
from pathlib import Path

from benchmarks.release import ReleaseError, check_tag, write_bill_of_materials, write_notes


def main(tag: str, repository: str, folder: str) -> None:
    """Write `notes.md` and the bill of materials into a folder."""
    try:
        version = check_tag(tag, repository)
        notes = write_notes(version)
    except ReleaseError as error:
        sys.exit(f"error: {error}")
    Path(folder, "notes.md").write_text(notes, encoding="utf-8")
    Path(folder, f"chatbench-{version}.cdx.json").write_text(write_bill_of_materials(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
