"""What strangers can send, from the corpus and mutated: refused or understood, never anything else."""

from __future__ import annotations

import random

import pytest

from tests.faults.conftest import MANY, Faults
from tests.faults.fuzz import TARGETS, Fuzzer, Target

SECONDS = 0.5 if MANY == 1 else 15.0 * MANY


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_corpus(target: Target) -> None:
    corpus = target.corpus()
    assert len(corpus) > 5
    for data in corpus:
        target.run(data)


@pytest.mark.timeout(60 + 2 * SECONDS)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_mutations(target: Target, faults: Faults) -> None:
    fuzzer = Fuzzer(target, random.Random(0 if MANY == 1 else None))
    fuzzer.begin()
    before = len(fuzzer.seen)
    assert before > 20, "the corpus reaches nothing"
    fuzzer.go(SECONDS)
    print(f"{fuzzer.runs:,} inputs, {len(fuzzer.seen)} edges, {before} of them by the corpus")
    faults.injected(f"mutated input: {target.name}", fuzzer.runs)
    faults.checked(fuzzer.runs)  # each was taken, or refused by the one error of its codec


def test_a_target_that_fails_is_seen() -> None:
    def fails(data: bytes) -> None:
        if b"GET" in data and b"\0" in data:
            raise ValueError("a bug")

    http = next(target for target in TARGETS if target.name == "http")
    fuzzer = Fuzzer(Target("http", fails, http.module, http.words), random.Random(1))
    fuzzer.begin()
    with pytest.raises(AssertionError, match="GET"):
        fuzzer.go(20.0)
