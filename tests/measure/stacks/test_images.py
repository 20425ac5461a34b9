"""The images of a version: built from its files, each of them once."""

from pathlib import Path
from typing import Any

import pytest

from bench.errors import BaseUnavailableError, BenchError, ConfigError, TargetError
from bench.measure.stacks.images import KEEP_VARIABLE, provide_images
from tests.measure.fake_docker import FakeDocker
from tests.measure.stacks.test_compose import make_stack

MISSING = (1, "", "Error: No such image: x")


@pytest.fixture
def tree(fake: FakeDocker, tmp_path: Path) -> Path:
    """Provide the files of a version whose compose file builds two services."""
    folder = tmp_path / "version"
    folder.mkdir()
    (folder / "compose.yml").write_text("services: {}")
    fake.config = {
        "name": "shop",
        "services": {
            "backend": {"build": {"context": str(folder)}, "image": "ours:latest"},
            "worker": {"build": {"context": str(folder), "target": "worker"}},
            "db": {"image": "db"},
        },
    }
    fake.answers = {"image inspect": MISSING}
    fake.write()
    return folder


def build(tree: Path, notes: list[str] | None = None, **changes: Any) -> dict[str, str]:
    """Return the images of a version."""
    note = (lambda _: None) if notes is None else notes.append
    with provide_images(make_stack(**changes), tree, {}, note) as images:
        return images


def test_a_compose_file_builds_under_names_of_bench(fake: FakeDocker, tree: Path) -> None:
    """No image of yours changes, and the images are removed at the end."""
    notes: list[str] = []
    images = build(tree, notes)
    assert notes == ["building the images of backend, worker"]
    assert images.keys() == {"backend", "worker"}
    assert len(set(images.values())) == 2
    repository = images["backend"].partition(":")[0]
    assert repository.startswith("bench-trial-")
    (call,) = [call for call in fake.calls if "build" in call]
    assert call[:3] == ["compose", "--file", str(tree / "compose.yml")]
    assert call[-3:] == ["build", "backend", "worker"]
    assert fake.was_called("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository)


def test_an_image_that_exists_is_not_built(fake: FakeDocker, tree: Path) -> None:
    """Two versions with the same files have the same names, and so the same image."""
    first = build(tree)
    fake.answers = {}
    fake.write()
    before = len(fake.calls)
    notes: list[str] = []
    assert build(tree, notes) == first
    assert not any("build" in call for call in fake.calls[before:])
    assert notes == ["the files of backend, worker are unchanged, so the image is not built again"]
    (tree / "new.py").write_text("x")
    changed = build(tree)
    assert not set(changed.values()) & set(first.values())


def test_one_image_of_several_services_is_built_once(fake: FakeDocker, tree: Path) -> None:
    """A folder in the stack file stands for a build in the compose file."""
    fake.config["services"] = {"backend": {"image": "x"}, "worker": {"image": "x"}}
    fake.answers = {"image inspect": MISSING, "build": (0, "", "")}
    fake.write()
    services = {"backend": {"build": "."}, "worker": {"build": "."}}
    with pytest.raises(ConfigError, match="built no image"):  # the fake program builds none
        build(tree, services=services)
    (call,) = [call for call in fake.calls if call[0] == "build"]
    assert call[:2] == ["build", "--tag"]
    assert call[-1] == str(tree / ".")


def test_a_command_gets_the_name_of_its_image(fake: FakeDocker, tree: Path) -> None:
    """It runs in the folder of the version."""
    command = ["sh", "-c", 'echo "$BACKEND_IMAGE" > name; pwd >> name']
    services = {"backend": {"build": command, "under_test": "BACKEND_IMAGE"}}
    with pytest.raises(ConfigError, match="built no image with the name in BACKEND_IMAGE"):
        build(tree, services=services)
    name, folder = (tree / "name").read_text().split()
    assert name.startswith("bench-trial-")
    assert Path(folder) == tree
    assert not any("build" in call for call in fake.calls)


def test_the_image_of_a_variable_is_not_built(
    fake: FakeDocker, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable of the version or of the environment; without an image to build there is no version."""
    assert fake.calls == []
    with provide_images(make_stack(), tree, {"BACKEND_IMAGE": "x"}, lambda _: None) as images:
        assert images.keys() == {"worker"}
    monkeypatch.setenv("BACKEND_IMAGE", "mine:1")
    assert build(tree).keys() == {"worker"}
    del fake.config["services"]["worker"]
    fake.write()
    with pytest.raises(BaseUnavailableError, match="BACKEND_IMAGE choose the images") as caught:
        build(tree)
    assert "bench ab STACK+BACKEND_IMAGE=OLD" in (caught.value.hint or "")


def test_a_version_needs_an_image_that_its_files_build(fake: FakeDocker, tree: Path) -> None:
    """Otherwise its containers would not have its files."""
    fake.config["services"] = {"db": {"image": "db"}}
    fake.write()
    with pytest.raises(BaseUnavailableError, match="builds no image") as caught:
        build(tree)
    assert "STACK+VARIABLE=IMAGE" in (caught.value.hint or "")


def test_the_error_of_a_build_ends_with_its_output(fake: FakeDocker, tree: Path) -> None:
    """Its exit code, and its last 30 lines."""
    output = "\n".join(f"step {number}" for number in range(50))
    fake.answers |= {"build backend": (17, output, "ERROR: pip failed")}
    fake.write()
    with pytest.raises(TargetError) as caught:
        build(tree)
    first, *lines = caught.value.message.splitlines()
    assert first == (
        "cannot build the images of backend, worker: ERROR: pip failed (exit code 17); the end of its log:"
    )
    assert (len(lines), lines[0], lines[-1]) == (30, "  step 21", "  ERROR: pip failed")


def test_images_may_be_kept(fake: FakeDocker, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job on a fresh machine then finds them in its cache."""
    monkeypatch.setenv(KEEP_VARIABLE, "1")
    assert build(tree)
    assert not fake.was_called("image", "ls")


def test_images_are_removed_after_an_error(fake: FakeDocker, tree: Path) -> None:
    """An error in the block leaves none."""
    with pytest.raises(BenchError), provide_images(make_stack(), tree, {}, lambda _: None):
        raise TargetError("x")
    assert fake.was_called("image", "ls")
