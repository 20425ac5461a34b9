"""Turns a scenario and its seed into arrivals: pure, so that a load can be printed before it is sent.

In a closed loop the moment of a request depends on the answer before it, so an arrival of a closed loop says
how long the user pauses first. The plan has no end of its own; the stage's duration ends it.
"""

from functools import lru_cache
from random import Random

from bench.core.record import Record
from bench.core.scenario import Brief, Stage


class Arrival(Record):
    """One request to be sent.

    Attributes:
        stage: Index of its stage.
        user: Virtual user, from 0.
        turn: Request of that user in that stage, from 0.
        prompt: Id of the message.
        pause_s: Wait after the user's previous answer; after the start of the stage for turn 0.
    """

    stage: int
    user: int
    turn: int
    prompt: str
    pause_s: float


class RunPlan(Record):
    """Every request of a run, by stage, user and turn.

    Attributes:
        seed: Of the order of messages and the length of pauses.
        stages: The scenario's stages.
        prompts: Ids of the messages.
    """

    seed: int
    stages: tuple[Stage, ...]
    prompts: tuple[str, ...]

    def arrival(self, stage: int, user: int, turn: int) -> Arrival:
        """The request that a user sends at its turn. All start at once: the first turn has no pause."""
        load = self.stages[stage]
        dealt = turn * load.users + user
        deck, card = divmod(dealt, len(self.prompts))
        prompt = _shuffled(self.prompts, f"{self.seed}:{stage}:{deck}")[card]
        pauses = Random(f"{self.seed}:{stage}:{user}:{turn}")
        pause_s = pauses.uniform(*load.pause_s) if turn else 0.0
        return Arrival(stage=stage, user=user, turn=turn, prompt=prompt, pause_s=pause_s)


@lru_cache(maxsize=64)
def _shuffled(prompts: tuple[str, ...], seed: str) -> tuple[str, ...]:
    return tuple(Random(seed).sample(prompts, len(prompts)))


def plan(brief: Brief) -> RunPlan:
    """The plan of a scenario with its messages."""
    prompts = tuple(prompt.id for prompt in brief.prompts)
    return RunPlan(seed=brief.scenario.seed, stages=brief.scenario.stages, prompts=prompts)
