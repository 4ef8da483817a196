"""An annotator that asks a language model, and a person if the model is unsure."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from activeclust.annotators.calling import AnnotatorCaller
from activeclust.annotators.prompt import BadReply, messages, read_reply, schema, texts_of
from activeclust.annotators.query import STOP, UNSURE, Answer, Cluster, Query
from activeclust.errors import InvalidInput

BUSY = (
    408,
    409,
    425,
    429,
)  #: HTTP statuses, besides those from 500 on, after which the same request may succeed
FIRST_WAIT, LONGEST_WAIT = 0.5, 20.0  #: seconds between attempts, doubled each time


@dataclass(frozen=True)
class Usage:
    """Number of requests to a language model, of tokens and of answers, and the cost.

    Attributes
    ----------
    requests : int
        Requests with a reply, usable or not.
    prompt_tokens, completion_tokens : int
        As the server counted them.
    uncounted : int
        Requests whose reply had no token counts; if there are any, ``cost`` is too low.
    cost : float or None
        In the currency of ``prices``; None where no prices were given.
    answered, unsure, unusable : int
        Rows that the model put into a cluster, was unsure about, and gave no usable answer for.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0
    cost: float | None = None
    answered: int = 0
    unsure: int = 0
    unusable: int = 0


def llm(
    client: Any,
    guidelines: str,
    *,
    model: str,
    clusters: Sequence[Cluster] | Mapping[Cluster, str] = (),
    new_clusters: bool = True,
    examples: Sequence[tuple[Any, Cluster]] = (),
    max_examples: int = 12,
    fallback: Callable[..., Any] | None = None,
    retries: int = 2,
    parallel: int = 4,
    prices: tuple[float, float] | None = None,
    max_cost: float | None = None,
    request: Mapping[str, Any] | None = None,
) -> LanguageModel:
    """An annotator that asks a language model.

    The prompt holds the guidelines, the known clusters, answered rows as examples (the nearest ones, from
    :attr:`Query.examples`) and the row: texts and tables as text, pictures as PNG in ``data:`` URLs. The reply must be
    a JSON object of a fixed schema, which is sent as ``response_format``. Any other reply is sent back with the reason,
    ``retries`` times; then the row counts as unsure.

    Parameters
    ----------
    client : object
        An OpenAI client or one with the same ``client.chat.completions.create(model=, messages=, response_format=)``;
        a synchronous one. The client decides where requests go: activeclust opens no connection of its own.
    guidelines : str
        What the clusters are about, as you would explain it to a colleague.
    model : str
        The model's name at that server.
    clusters : sequence of clusters, or mapping from cluster to description
        Initial clusters. Those named later in the run are added automatically.
    new_clusters : bool
        Whether the model may name a new cluster.
    examples : sequence of (item, cluster)
        Shown in every prompt, before those of the run.
    max_examples : int
        Maximum number of examples in a prompt.
    fallback : callable Query -> answer, optional
        An annotator, usually a person (``activeclust.annotators.terminal.Terminal()``), who is asked where the model is
        unsure. Without one the answer is ``UNSURE``, and the row is withdrawn.
    retries : int
        How often an unusable reply is sent back, and how often a request is sent again after a busy or broken server
        (statuses 408, 409, 425, 429 and from 500 on, and connections that break).
    parallel : int
        Number of simultaneous requests, if the loop's ``batch_size`` is larger than one.
    prices : (float, float), optional
        Price of a million prompt tokens and of a million completion tokens, for :attr:`Usage.cost`.
    max_cost : float, optional
        Limit of the cost; the run is stopped before the next request once it is reached. Needs ``prices``.
    request : mapping, optional
        More arguments of ``create``, such as ``{"temperature": 0, "seed": 1}``. ``{"response_format": None}`` sends no
        schema, for servers that refuse it.

    Returns
    -------
    LanguageModel
        Pass it to ``ActiveLoop`` as the annotator. Its ``usage`` is a :class:`Usage`.

    Raises
    ------
    InvalidInput
        If arguments cannot be used.

    Examples
    --------
    Any object with the protocol's ``create`` works; this one always gives the same answer:

    >>> from types import SimpleNamespace as Box
    >>> said = '{"cluster": "spam", "new_cluster": null, "unsure": false}'
    >>> reply = Box(choices=[Box(message=Box(content=said), finish_reason="stop")],
    ...             usage=Box(prompt_tokens=90, completion_tokens=10))
    >>> client = Box(chat=Box(completions=Box(create=lambda **request: reply)))
    >>> ask = llm(client, "Is it spam?", model="any", clusters=["spam", "ham"], prices=(1.0, 4.0))
    >>> ask(Query(0, "You have won!", (), 1.0, ()))
    'spam'
    >>> round(ask.usage.cost, 6)
    0.00013
    """
    return LanguageModel(
        client, guidelines, model=model, clusters=clusters, new_clusters=new_clusters, examples=examples,
        max_examples=max_examples, fallback=fallback, retries=retries, parallel=parallel, prices=prices,
        max_cost=max_cost, request=request,
    )  # fmt: skip


class LanguageModel:
    """The annotator that :func:`llm` returns; see there for its parameters.

    Attributes
    ----------
    usage : Usage
        Requests, tokens and cost so far.
    """

    answers_batches = True

    def __init__(
        self,
        client: Any,
        guidelines: str,
        *,
        model: str,
        clusters: Sequence[Cluster] | Mapping[Cluster, str],
        new_clusters: bool,
        examples: Sequence[tuple[Any, Cluster]],
        max_examples: int,
        fallback: Callable[..., Any] | None,
        retries: int,
        parallel: int,
        prices: tuple[float, float] | None,
        max_cost: float | None,
        request: Mapping[str, Any] | None,
    ) -> None:
        create = getattr(getattr(getattr(client, "chat", None), "completions", None), "create", None)
        if not callable(create):
            raise InvalidInput(
                "client is an OpenAI client, or an object with the same client.chat.completions.create(...); got "
                f"{type(client).__name__}."
            )
        if inspect.iscoroutinefunction(inspect.unwrap(create)):
            raise InvalidInput(
                "client is an asynchronous client; pass the synchronous one (OpenAI, not AsyncOpenAI)."
            )
        if not isinstance(guidelines, str) or not guidelines.strip():
            raise InvalidInput("guidelines is a text that says what the clusters are about; got none.")
        for name, value, least in (
            ("retries", retries, 0),
            ("parallel", parallel, 1),
            ("max_examples", max_examples, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InvalidInput(f"{name} is an integer of at least {least}, got {value!r}.")
        if not new_clusters and not clusters:
            raise InvalidInput("new_clusters=False needs clusters: without any, no row could be answered.")
        if max_cost is not None and prices is None:
            raise InvalidInput(
                "max_cost needs prices=(of a million prompt tokens, of a million completion tokens)."
            )
        self._create: Callable[..., Any] = create
        self.guidelines, self.model, self.new_clusters = guidelines, model, new_clusters
        self.descriptions: dict[Cluster, str] = (
            dict(clusters) if isinstance(clusters, Mapping) else dict.fromkeys(clusters, "")
        )
        self.examples, self.max_examples = tuple(examples), max_examples
        self.retries, self.parallel = retries, parallel
        self.prices, self.max_cost = prices, max_cost
        self.request = dict(request or {})
        self._fallback = None if fallback is None else AnnotatorCaller(fallback)
        self.usage = Usage(cost=None if prices is None else 0.0)
        self._kept: dict[tuple[int, tuple[str, ...]], Answer] = {}  # already paid for: not asked again
        self._lock = threading.Lock()

    def __call__(self, queries: list[Query] | Query) -> Any:
        """Answers to a list of queries, or the answer to one."""
        if isinstance(queries, Query):
            return self([queries])[0]
        answers: list[Answer] = []
        with ThreadPoolExecutor(max_workers=min(self.parallel, len(queries))) as pool:
            asked = list(pool.map(self._answer, queries))
        for query, answer in zip(queries, asked, strict=True):
            answers.append(
                self._of_person(query) if answer is UNSURE and self._fallback is not None else answer
            )
            if answers[-1] is STOP:
                break
        return answers

    def __enter__(self) -> LanguageModel:
        return self

    def __exit__(self, *given: object) -> None:
        if self._fallback is not None:
            self._fallback.__exit__(*given)

    # ---------------------------------------------------------------- one row

    def _of_person(self, query: Query) -> Answer:
        assert self._fallback is not None
        return next(iter(self._fallback.ask([query])))

    def _answer(self, query: Query) -> Answer:
        clusters = list(dict.fromkeys([*self.descriptions, *query.clusters]))
        texts = texts_of(clusters)
        key = (query.row, tuple(texts))
        if key in self._kept:
            return self._kept[key]
        if self.max_cost is not None and (self.usage.cost or 0.0) >= self.max_cost:
            return STOP
        answer = self._ask(query, texts)
        with self._lock:
            self._kept[key] = answer
        return answer

    def _ask(self, query: Query, texts: dict[str, Cluster]) -> Answer:
        shown = [*self.examples, *query.examples][: self.max_examples]
        said = messages(query, self.guidelines, texts, self.descriptions, shown, self.new_clusters)
        wanted = {"name": "answer", "strict": True, "schema": schema(list(texts), self.new_clusters)}
        given = {"response_format": {"type": "json_schema", "json_schema": wanted}} | self.request
        given = {name: value for name, value in given.items() if value is not None}
        for _ in range(self.retries + 1):
            reply = self._send({"model": self.model, "messages": said} | given)
            content = _content(reply)
            try:
                answer = read_reply(content, texts, self.new_clusters)
            except BadReply as error:
                complaint = f"That is not a usable answer: {error}. Reply with the JSON object alone."
                said = [
                    *said,
                    {"role": "assistant", "content": content or ""},
                    {"role": "user", "content": complaint},
                ]
                continue
            self._count(unsure=1) if answer is UNSURE else self._count(answered=1)
            return answer
        self._count(unusable=1)
        return UNSURE

    def _send(self, request: dict[str, Any]) -> Any:
        wait = FIRST_WAIT
        for left in range(self.retries, -1, -1):
            try:
                reply = self._create(**request)
                break
            except Exception as error:
                status = getattr(error, "status_code", None)
                again = isinstance(error, OSError) or (
                    isinstance(status, int) and (status in BUSY or status >= 500)
                )
                if not again or not left:
                    raise
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        usage = getattr(reply, "usage", None)
        prompt, completion = (getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens"))
        if isinstance(prompt, int) and isinstance(completion, int):
            self._count(requests=1, prompt_tokens=prompt, completion_tokens=completion)
        else:
            self._count(requests=1, uncounted=1)
        return reply

    def _count(self, **more: int) -> None:
        with self._lock:
            usage = replace(self.usage, **{name: getattr(self.usage, name) + n for name, n in more.items()})
            if self.prices is not None:
                tokens = (usage.prompt_tokens, usage.completion_tokens)
                cost = sum(n * price for n, price in zip(tokens, self.prices, strict=True)) / 1e6
                usage = replace(usage, cost=cost)
            self.usage = usage


def _content(reply: Any) -> str | None:
    """The text of a reply; None if it was refused, cut off, or empty."""
    choices = getattr(reply, "choices", None)
    if not choices or getattr(choices[0], "finish_reason", "stop") not in ("stop", None):
        return None
    content = getattr(choices[0].message, "content", None)
    return content if isinstance(content, str) else None
