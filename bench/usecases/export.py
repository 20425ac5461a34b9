"""Write the requests of a stored run for other tools."""

from collections.abc import Callable, Iterator
from pathlib import Path

from bench.render.formats import SAMPLE_FORMATS, find_format
from bench.store import results


def export(
    run: Path | str, form: str = "jsonl", *, on_damage: Callable[[str], object] = lambda _: None
) -> Iterator[str]:
    """Yield the requests of a run as text, in parts.

    Args:
        run: The run's folder, or its result.json.
        form: Name of the format: jsonl or csv.
        on_damage: Receives a sentence if the file of samples is damaged; the requests before it are written.

    Raises:
        ConfigError: The format is unknown.
        StoreError: The requests cannot be read.
    """
    render = find_format(SAMPLE_FORMATS, form)
    home = results.folder_of(Path(run))
    problem = results.open_samples(home).problem
    if problem is not None:
        on_damage(problem)
    return render(lambda: results.requests(home))
