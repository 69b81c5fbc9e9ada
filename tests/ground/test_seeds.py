"""Derived seeds."""

from __future__ import annotations

from itertools import product

from imagewright.seeds import derive_seed, derive_seeds


def test_seeds_are_the_same_in_every_version() -> None:
    assert derive_seed(0) == 893442142816765029
    assert derive_seed(3, "step", 17, "generator") == 1223350288524031675


def test_each_purpose_has_a_seed_of_its_own() -> None:
    purposes = [(), ("step",), ("step", 0), ("step", 1), (0, "step"), ("order", 0), ("step", "0"), (0, 1), (1, 0)]
    seeds = {derive_seed(seed, *purpose) for seed, purpose in product((0, 1, -1), purposes)}
    assert len(seeds) == 3 * len(purposes)


def test_seeds_fit_a_generator() -> None:
    assert all(0 <= derive_seed(seed, "x", number) < 2**63 for seed in (0, 2**62) for number in range(200))


def test_many_seeds_are_those_that_are_derived_one_by_one() -> None:
    numbers = (0, 3, 2**40, 3)
    assert list(derive_seeds(5, "sample", numbers=numbers)) == [derive_seed(5, "sample", each) for each in numbers]
