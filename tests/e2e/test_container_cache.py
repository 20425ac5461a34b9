import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".github" / "actions" / "containers.sh"
# Images are lines of a file, and volumes are folders.
DOCKER = """#!/usr/bin/env bash
set -eu
case "$1 $2" in
  "image ls") cat "$ENGINE/images" ;;
  "volume ls") ls "$ENGINE/volumes" ;;
  "volume create") mkdir -p "$ENGINE/volumes/$3" ;;
  "volume inspect") echo "$ENGINE/volumes/${@: -1}" ;;
  "save --output") printf '%s\\n' "${@:4}" > "$3" ;;
  "load --quiet") cat "$4" >> "$ENGINE/images" ;;
  *) exit 9 ;;
esac
"""


class Engine:
    """A machine with a Docker engine, of which the script only lists, saves and loads."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.output = home / "output"
        (home / "bin").mkdir(parents=True)
        (home / "volumes").mkdir()
        self.write("bin/docker", DOCKER)
        (home / "bin/docker").chmod(0o755)
        self.write("bin/sudo", '#!/bin/sh\nexec "$@"\n')
        (home / "bin/sudo").chmod(0o755)
        self.write("images", "ubuntu:24.04\n")
        self.output.touch()

    def write(self, path: str, text: str) -> None:
        """Write a file of the machine."""
        (self.home / path).parent.mkdir(parents=True, exist_ok=True)
        (self.home / path).write_text(text)

    def images(self) -> list[str]:
        """Return the names of its images."""
        return (self.home / "images").read_text().split()

    def call(self, action: str, folder: Path) -> None:
        """Run the script."""
        variables = {
            "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}",
            "ENGINE": str(self.home),
            "GITHUB_OUTPUT": str(self.output),
        }
        command = [str(SCRIPT), action, str(folder)]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def measured(tmp_path: Path) -> Engine:
    """Return a machine on which a measurement pulled an image, built one, and kept a volume with a model."""
    engine = Engine(tmp_path / "first")
    engine.call("load", tmp_path / "kept")
    engine.write("images", "mongo:7.0\nubuntu:24.04\nbench-app-image:0123\n<none>:<none>\n")
    engine.write("volumes/models/blobs/weights", "weights")
    engine.write("volumes/models/id_ed25519", "key")
    engine.write(f"volumes/{'0' * 64}/data", "anonymous")
    return engine


def test_another_runner_has_the_pulled_images_and_the_models(measured: Engine, tmp_path: Path) -> None:
    """It has neither images that bench builds, nor anonymous volumes, nor the key of Ollama itself."""
    measured.call("save", tmp_path / "kept")
    assert measured.output.read_text() == "kept=true\n"
    (tmp_path / "kept" / "images").unlink()
    second = Engine(tmp_path / "second")
    second.call("load", tmp_path / "kept")
    assert second.images() == ["ubuntu:24.04", "mongo:7.0"]
    files = [
        path.relative_to(second.home / "volumes").as_posix() for path in second.home.glob("volumes/**/*")
    ]
    assert sorted(files) == ["models", "models/blobs", "models/blobs/weights"]


def test_a_measurement_without_new_images_keeps_nothing(tmp_path: Path) -> None:
    """An empty cache would hide later images, because a cache is never changed."""
    engine = Engine(tmp_path / "machine")
    engine.call("load", tmp_path / "kept")
    engine.call("save", tmp_path / "kept")
    assert engine.output.read_text() == ""
