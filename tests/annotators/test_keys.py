"""A key for each cluster, the same on the page and in the terminal; Enter takes what is likeliest."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from activeclust.annotators.keys import COMMANDS, ClusterKeys
from activeclust.annotators.query import STOP, Query
from activeclust.annotators.terminal import Terminal


@pytest.mark.parametrize(
    ("clusters", "keys"),
    [
        (list(range(10)), "0123456789"),
        (["8", "3", "5"], "835"),
        (["3 cats", "cat", "Cow"], "3co"),
        (["zero", "one", "two", "three"], "zotr"),
        (["nun", "sun", "hen"], "12e"),  # n, s, u and h are commands
        ([12, 1, 2], "a12"),  # a number that is no key leaves the digits alone
        (["кот", "собака"], "12"),
    ],
)
def test_a_key_comes_from_the_name(clusters, keys):
    assert "".join(ClusterKeys().of(clusters).values()) == keys


def test_a_key_never_changes_its_meaning():
    keys, clusters, seen = ClusterKeys(), [], {}
    for number in range(60):
        clusters.append(f"cluster {number}")
        found = keys.of(clusters)
        assert seen.items() <= found.items() and len(set(found.values())) == len(found)
        seen = found
    assert len(seen) == 36 - sum(key.isalnum() for key in COMMANDS)
    assert keys.of(["cluster 3"]) == {"cluster 3": seen["cluster 3"]}, "others gone, it stays"
    keys.rename("cluster 3", "zebra")
    assert keys.of(["zebra"]) == {"zebra": seen["cluster 3"]}


def test_the_key_of_a_cluster_that_is_gone_is_given_to_a_new_one_when_no_other_is_left():
    keys = ClusterKeys()
    many = [f"cluster {number}" for number in range(31)]
    first = keys.of(many)[many[0]]
    assert keys.of([*many[1:], "late"])["late"] == first


@pytest.mark.parametrize(("new", "answer"), [(0.1, "cat"), (0.83, STOP)])
def test_enter_takes_no_cluster_that_none_of_these_beats(new, answer):
    screen = io.StringIO()
    terminal = Terminal(Console(file=screen, width=80), io.StringIO("\n"))
    assert terminal(Query(0, "a row", (("cat", 0.17),), new, ("cat",))) == answer
    assert ("n names it" in screen.getvalue()) == (answer is STOP)
