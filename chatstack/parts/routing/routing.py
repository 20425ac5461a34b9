"""The part around the next one: it chooses the model of each question, and adds the cost of the answer."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from prometheus_client import Counter

from chatstack.chat.events import Ask, Done, Event, Question
from chatstack.intent import triggers
from chatstack.measures import Measures
from chatstack.parts.facts import COST, MODEL, fact_headers
from chatstack.parts.routing.complexity import Complexity
from chatstack.parts.routing.prices import Price


@dataclass(frozen=True, slots=True)
class Routes:
    """The model of each complexity. `None` stands for the backend's usual model."""

    small: str | None = None
    """Model of simple messages."""
    large: str | None = None
    """Model of demanding messages."""
    cloud: str | None = None
    """Model of long messages, which an OpenAI-compatible server has; the large model without one."""

    def local(self, complexity: Complexity, usual: str) -> str:
        """Return the model of the agent for a complexity."""
        chosen = self.small if complexity is Complexity.SIMPLE else self.large
        return chosen or usual


class CostCounts:
    """Counters of answers, their tokens and their cost.

    Args:
        measures: Measures of the backend.
    """

    def __init__(self, measures: Measures) -> None:
        registry = measures.registry
        self._cost = Counter(
            "chatstack_cost",
            "Cost of answers, in the currency of MODEL_PRICES.",
            ["model"],
            registry=registry,
        )
        self._tokens = Counter(
            "chatstack_cost_tokens", "Tokens of answers.", ["model", "direction"], registry=registry
        )
        self._answers = Counter(
            "chatstack_cost_answers", "Complete answers.", ["model", "complexity"], registry=registry
        )
        self._unpriced = Counter(
            "chatstack_cost_unpriced", "Answers whose cost is unknown.", ["model"], registry=registry
        )

    def count(self, model: str, complexity: Complexity, done: Done, cost: float | None) -> None:
        """Count an answer."""
        self._answers.labels(model, complexity.value).inc()
        self._tokens.labels(model, "input").inc(done.prompt_tokens or 0)
        self._tokens.labels(model, "output").inc(done.tokens or 0)
        if cost is None:
            self._unpriced.labels(model).inc()
        else:
            self._cost.labels(model).inc(cost)


class Routing:
    """Chooses the model of each question.

    Args:
        routes: The models.
        classify: Returns the complexity of a message.
        prices: Prices by model.
        counts: Counters.
        ask_cloud: Asks the server of the cloud model; `None` without one.
    """

    def __init__(
        self,
        routes: Routes,
        classify: Callable[[str], Complexity],
        prices: Mapping[str, Price],
        counts: CostCounts,
        ask_cloud: Ask | None = None,
    ) -> None:
        self._routes = routes
        self._classify = classify
        self._prices = prices
        self._counts = counts
        self._ask_cloud = ask_cloud

    def wrap(self, ask: Ask) -> Ask:
        """Return an `Ask` that gives each question to its model."""

        async def routed(question: Question) -> AsyncGenerator[Event, None]:
            complexity = self._classify(question.message)
            chosen, model = self._choose(ask, question, complexity)
            question.headers.update(fact_headers({MODEL: model}))
            async with aclosing(chosen(replace(question, model=model))) as events:
                async for event in events:
                    if not isinstance(event, Done):
                        yield event
                        continue
                    done = self._price(event, model, complexity)
                    question.headers.update(fact_headers(done.details))
                    yield done

        return routed

    def _choose(self, ask: Ask, question: Question, complexity: Complexity) -> tuple[Ask, str]:
        """Return the `Ask` and the model. Only the agent can publish a form, so such a message stays here."""
        cloud = self._routes.cloud
        is_long = complexity is Complexity.LONG
        if is_long and cloud is not None and self._ask_cloud is not None and not triggers(question.message):
            return self._ask_cloud, cloud
        return ask, self._routes.local(complexity, question.model)

    def _price(self, done: Done, model: str, complexity: Complexity) -> Done:
        price = self._prices.get(model)
        cost = None if price is None else price.cost(done)
        self._counts.count(model, complexity, done, cost)
        details = {**done.details, MODEL: model}
        if cost is not None:
            details[COST] = cost
        return replace(done, details=details)
