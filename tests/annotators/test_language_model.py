"""A language model answers: what is sent, what is taken for an answer, and what happens when it is none.

The client is OpenAI's own, the server one on this machine that speaks the protocol.
"""

from __future__ import annotations

import base64
import io
import json

import jsonschema
import numpy as np
import pytest
from chat_server import Broken, ChatServer, answer, pictures, texts

from activeclust import SKIP, STOP, UNSURE, ActiveLoop, Query
from activeclust.annotators import language_model as module
from activeclust.annotators import llm
from activeclust.errors import AnnotatorFailed, InvalidInput
from activeclust.store.agreement import agreement

openai = pytest.importorskip("openai", reason="the tests speak to the server with OpenAI's client")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(module, "FIRST_WAIT", 0.0)


@pytest.fixture
def serve():
    """``serve(reply)`` gives a running server and OpenAI's client of it."""
    opened = []

    def start(reply, **more):
        server = ChatServer(reply, **more).__enter__()
        client = openai.OpenAI(base_url=server.url, api_key="none", max_retries=0)
        opened.extend([(client.close, ()), (server.__exit__, (None, None, None))])
        return server, client

    yield start
    for close, given in opened:
        close(*given)


def query(item="a text", row=0, clusters=("cat", 7), examples=()):
    return Query(row, item, (), 1.0, tuple(clusters), None, tuple(examples))


# ---------------------------------------------------------------- what is sent


def test_the_prompt_holds_guidelines_clusters_examples_and_the_item(serve):
    server, client = serve(lambda request: answer("cat"))
    ask = llm(
        client, "Which animal?", model="m", clusters={"cat": "purrs", "dog": ""}, examples=[("woof", "dog")]
    )
    assert ask(query("miaow", clusters=("cat", 7), examples=[("purr", "cat"), ("seven", 7)])) == "cat"
    sent = server.requests[0]
    said = texts(sent)
    assert "Which animal?" in said[0] and '- "cat": purrs\n- "dog"\n- "7"' in said[0]
    assert said[1:] == [
        'Example of "dog":', "woof", 'Example of "cat":', "purr", 'Example of "7":', "seven",
        "The item to sort:", "miaow",
    ]  # fmt: skip
    assert sent["model"] == "m" and sent["messages"][0]["role"] == "system"


def test_the_schema_that_is_sent_admits_exactly_what_is_asked_for(serve):
    server, client = serve(lambda request: answer("cat"))
    llm(client, "g", model="m")(query())
    form = server.requests[0]["response_format"]
    assert form["type"] == "json_schema" and form["json_schema"]["strict"] is True
    schema = form["json_schema"]["schema"]
    for good in (answer("cat"), answer("7"), answer(new="dog"), answer(unsure=True)):
        jsonschema.validate(json.loads(good), schema)
    for bad in (answer("cow"), '{"cluster": "cat"}', '{"cluster": null, "new_cluster": 3, "unsure": false}'):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(bad), schema)


def test_examples_are_cut_to_the_number_wanted(serve):
    server, client = serve(lambda request: answer("cat"))
    many = [(f"text {i}", "cat") for i in range(9)]
    llm(client, "g", model="m", max_examples=2)(query(examples=many))
    assert [text for text in texts(server.requests[0]) if text.startswith("text")] == ["text 0", "text 1"]


def test_pictures_go_as_png_in_data_urls_arrays_and_files(serve, tmp_path):
    from PIL import Image

    server, client = serve(lambda request: answer("cat"))
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    file = tmp_path / "a.png"
    Image.fromarray(pixels).save(file)
    ask = llm(client, "g", model="m")
    for item in (pixels, file):
        ask(query(item, row=len(server.requests), examples=[(pixels, "cat")]))
    for sent in server.requests:
        assert len(pictures(sent)) == 2
        for url in pictures(sent):
            head, data = url.split(",")
            assert head == "data:image/png;base64"
            picture = Image.open(io.BytesIO(base64.b64decode(data)))
            assert picture.format == "PNG" and min(picture.size) >= 8
    small = Image.open(io.BytesIO(base64.b64decode(pictures(server.requests[0])[1].split(",")[1])))
    assert small.size == (224, 224)  # tiny pictures are enlarged, pixel by pixel
    shown = np.asarray(small.convert("L"))[14::28, 14::28]
    assert (np.argsort(shown.ravel()) == np.argsort(pixels.ravel())).all()


def test_a_picture_that_cannot_be_read_is_named(serve, tmp_path):
    _, client = serve(lambda request: answer("cat"))
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InvalidInput, match=r"a\.png cannot be read"):
        llm(client, "g", model="m")(query(tmp_path / "a.png"))


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ({"age": 3, "note": "fine"}, "age: 3\nnote: fine"),
        (np.array([1.5, 2.0]), "[1.5, 2.0]"),
        ("x" * 9000, "x" * 8000 + " [... 1,000 more characters]"),
    ],
)
def test_tables_numbers_and_long_texts_are_text(serve, item, shown):
    server, client = serve(lambda request: answer("cat"))
    llm(client, "g", model="m")(query(item))
    assert texts(server.requests[0])[-1] == shown


def test_more_arguments_reach_the_server_and_the_schema_can_be_left_out(serve):
    server, client = serve(lambda request: answer("cat"))
    llm(client, "g", model="m", request={"temperature": 0, "response_format": None})(query())
    assert server.requests[0]["temperature"] == 0 and "response_format" not in server.requests[0]


# ---------------------------------------------------------------- what counts as an answer


@pytest.mark.parametrize(
    ("reply", "means"),
    [(answer("cat"), "cat"), (answer("7"), 7), (answer(new=" dog "), "dog"), (answer(new="cat"), "cat"),
     (answer(unsure=True), UNSURE)],
)  # fmt: skip
def test_answers(serve, reply, means):
    _, client = serve(lambda request: reply)
    given = llm(client, "g", model="m")(query())
    assert given == means and type(given) is type(means)


def test_an_integer_and_a_text_of_the_same_letters_are_told_apart(serve):
    _, client = serve(lambda request: answer('"1"'))
    given = llm(client, "g", model="m")(query(clusters=(1, "1")))
    assert given == "1" and isinstance(given, str)


BAD = [
    "cat", "", "[]", "{}", '{"cluster": "cat"}', answer("cow"), answer("cat", new="dog"), answer(), answer(new=" "),
    answer("cat", unsure=True), '{"cluster": "cat", "new_cluster": null, "unsure": "no"}',
    '{"cluster": "cat", "new_cluster": null, "unsure": false, "why": "x"}', f"```json\n{answer('cat')}\n```",
    '{"cluster": ["cat"], "new_cluster": null, "unsure": false}', answer(new="x" * 201),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_answer_is_sent_back_with_the_complaint(serve, bad):
    server, client = serve(lambda request: bad if len(request["messages"]) == 2 else answer("cat"))
    ask = llm(client, "g", model="m")
    assert ask(query()) == "cat"
    first, again = server.requests
    assert again["messages"][:2] == first["messages"]
    assert again["messages"][2] == {"role": "assistant", "content": bad}
    assert "not a usable answer" in again["messages"][3]["content"]
    assert ask.usage.requests == 2 and ask.usage.answered == 1


@pytest.mark.parametrize("how", [{"reply": "nonsense"}, {"reply": answer("cat"), "finish_reason": "length"},
                                 {"reply": None}])  # fmt: skip
def test_a_row_without_a_usable_answer_is_unsure(serve, how):
    reply = how.pop("reply")
    server, client = serve(lambda request: reply, **how)
    ask = llm(client, "g", model="m", retries=2)
    assert ask(query()) is UNSURE
    assert len(server.requests) == 3 and (ask.usage.unusable, ask.usage.answered) == (1, 0)


def test_a_new_name_is_no_answer_where_clusters_are_fixed(serve):
    server, client = serve(lambda request: answer(new="dog"))
    ask = llm(client, "g", model="m", clusters=["cat"], new_clusters=False, retries=0)
    assert ask(query(clusters=())) is UNSURE
    assert "No new clusters" in texts(server.requests[0])[0]


# ---------------------------------------------------------------- unsure, broken, paid


def test_where_the_model_is_unsure_the_person_is_asked_in_order(serve):
    server, client = serve(
        lambda request: answer(unsure=True) if texts(request)[-1] == "?" else answer("cat")
    )
    people = []

    def person(query):
        people.append(query.row)
        return SKIP if query.row == 3 else "dog"

    ask = llm(client, "g", model="m", fallback=person)
    items = ["a", "?", "b", "?"]
    assert ask([query(item, row=row) for row, item in enumerate(items)]) == ["cat", "dog", "cat", SKIP]
    assert people == [1, 3] and ask.usage.unsure == 2 and ask.usage.answered == 2
    assert len(server.requests) == 4


def test_a_person_who_stops_ends_the_batch(serve):
    _, client = serve(lambda request: answer(unsure=True))
    ask = llm(client, "g", model="m", fallback=lambda query: STOP)
    assert ask([query(row=0), query(row=1)]) == [STOP]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_or_broken_server_is_asked_again(serve, status):
    times = iter([status, status, None])

    def reply(request):
        if broken := next(times):
            raise Broken(broken)
        return answer("cat")

    server, client = serve(reply)
    ask = llm(client, "g", model="m", retries=2)
    assert ask(query()) == "cat" and len(server.requests) == 3 and ask.usage.requests == 1


@pytest.mark.parametrize(("status", "times"), [(401, 1), (400, 1), (500, 2)])
def test_a_server_that_stays_broken_ends_the_run_and_names_the_row(
    serve, blobs, nearest_anchor, status, times
):
    def reply(request):
        raise Broken(status)

    server, client = serve(reply)
    loop = ActiveLoop(
        blobs[0], llm(client, "g", model="m", retries=1), clusterer=nearest_anchor, random_state=0
    )
    with pytest.raises(AnnotatorFailed, match=str(status)):
        loop.run(budget=2)
    assert len(server.requests) == times


def test_tokens_and_cost_are_counted_for_every_request(serve):
    replies = iter(["nonsense", answer("cat"), answer(unsure=True)])
    server, client = serve(lambda request: next(replies))
    ask = llm(client, "g", model="m", prices=(2.0, 8.0))
    ask(query(row=0))
    ask(query(row=1))
    used = ask.usage
    assert (used.requests, used.prompt_tokens, used.completion_tokens, used.uncounted) == (3, 300, 30, 0)
    assert used.cost == pytest.approx((300 * 2 + 30 * 8) / 1e6)
    server.usage, replies = None, iter([answer("cat")])
    ask(query(row=2))
    assert ask.usage.uncounted == 1


def test_a_cost_that_is_reached_stops_the_run_before_the_next_request(serve):
    server, client = serve(lambda request: answer("cat"))
    ask = llm(client, "g", model="m", prices=(10_000.0, 0.0), max_cost=1.5)  # a request costs 1
    assert [ask(query(row=row)) for row in range(3)] == ["cat", "cat", STOP]
    assert len(server.requests) == 2


def test_what_was_paid_for_is_not_asked_again(serve):
    broken = iter([False, True, False])

    def reply(request):
        if next(broken):
            raise Broken(400)
        return answer("cat")

    server, client = serve(reply)
    ask = llm(client, "g", model="m", retries=0, parallel=1)
    queries = [query(row=0), query(row=1)]
    with pytest.raises(openai.BadRequestError):
        ask(queries)
    assert ask(queries) == ["cat", "cat"]
    assert len(server.requests) == 3


def test_a_batch_is_asked_at_the_same_time(serve):
    import threading

    together = threading.Barrier(3, timeout=10)

    def reply(request):
        together.wait()
        return answer(new=texts(request)[-1])

    _, client = serve(reply)
    ask = llm(client, "g", model="m", parallel=3)
    assert ask([query(item, row=row) for row, item in enumerate("abc")]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"guidelines": " "}, "guidelines"), ({"client": object()}, "chat.completions.create"),
     ({"retries": -1}, "retries"),
     ({"parallel": 0}, "parallel"), ({"new_clusters": False}, "needs clusters"), ({"max_cost": 1.0}, "needs prices")],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(changes, says):
    client = changes.pop("client", None) or openai.OpenAI(base_url="http://127.0.0.1:1/v1", api_key="none")
    guidelines = changes.pop("guidelines", "g")
    with pytest.raises(InvalidInput, match=says):
        llm(client, guidelines, **({"model": "m"} | changes))


def test_an_asynchronous_client_is_refused():
    with pytest.raises(InvalidInput, match="synchronous"):
        llm(openai.AsyncOpenAI(base_url="http://127.0.0.1:1/v1", api_key="none"), "g", model="m")


# ---------------------------------------------------------------- in a loop


def test_a_model_answers_a_loop_and_a_person_the_same_rows(serve, blobs, nearest_anchor, tmp_path):
    """A model and a person on the same rows, and how far they agree."""
    X, y = blobs
    names = [f"group {name} {type(name).__name__}" for name in y]

    def reply(request):
        row = int(texts(request)[-1].split()[-1])
        name = names[row]
        return answer(name) if f'- "{name}"' in texts(request)[0] else answer(new=name)

    server, client = serve(reply)
    shared = {
        "items": [f"row {row}" for row in range(len(X))], "store": tmp_path / "a.db", "name": "both",
        "clusterer": nearest_anchor, "random_state": 0, "resume": "auto", "annotators": 2, "batch_size": 4,
    }  # fmt: skip
    model = ActiveLoop(X, llm(client, "Which group?", model="m"), who="model", **shared)
    model.run(budget=16)
    assert all(cluster == names[row] for row, cluster in model.anchors.items())
    assert len(server.requests) == 16
    assert any("Example of" in text for text in texts(server.requests[-1]))
    first = next(iter(model.anchors))
    wrong = {first: "else"}
    person = ActiveLoop(X, lambda query: wrong.get(query.row, names[query.row]), who="eva", **shared)
    while rows := person.stored.unfinished("eva"):
        person.tell(rows[0], wrong.get(rows[0], names[rows[0]]))
    found = agreement(person.stored.votes())
    assert (found.annotators, found.n_rows, found.n_disputed) == (("eva", "model"), 16, 1)
    assert found.observed == pytest.approx(15 / 16)
