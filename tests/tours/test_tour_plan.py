"""The plan of a tour: parts by what the pictures have, and minutes that add up."""

from __future__ import annotations

import itertools

import pytest

from imagewright import catalogue
from imagewright.errors import DataError
from imagewright.model_choice import recommend_models
from imagewright.tours.plan import (
    ADVERSARIAL,
    LEAST_OF_FIRST,
    LEAST_SECONDS,
    TourTraits,
    all_parts,
    choose_parts,
    few_notes,
    held_out_count,
    minutes_for,
    minutes_in_place,
    preferred_gan,
    scored_pictures,
    share_minutes,
    short_notes,
    short_options,
    training_minutes,
)


def names(traits: TourTraits, minutes: float = 60.0, accelerator: bool = False) -> list[str]:
    return [part.name for part in choose_parts(all_parts(traits, "dcgan"), minutes, accelerator=accelerator)]


def test_plain_pictures_have_the_line_of_methods() -> None:
    assert names(TourTraits(500)) == ["set", "pca", "autoencoder", "vae", "dcgan", "vae_gan"]


def test_classes_pairs_and_two_sets_add_their_methods() -> None:
    assert names(TourTraits(500, per_class=(200, 300)))[-1] == "cgan"
    assert names(TourTraits(500, "pairs"))[-1] == "pix2pix"
    assert names(TourTraits(500, "two sets"))[-1] == "cut"


def test_a_translation_is_left_out_of_a_tour_in_which_it_shows_smears() -> None:
    """Observed at 32 pixels on a CPU: CUT of flowers after 56 and 125 images, pix2pix of facades after 100."""
    for arrangement, least in (("pairs", 4), ("two sets", 11)):
        traits = TourTraits(500, arrangement)  # type: ignore[arg-type]
        (translation,) = (part for part in all_parts(traits, "dcgan") if part.kind == "translation")
        assert minutes_for(all_parts(traits, "dcgan"), translation, accelerator=False) == least
        assert translation.name not in names(traits, least - 1)
        assert translation.name in names(traits, 20)
        assert names(traits, 2) == names(TourTraits(500), 2)  # the time goes to what can be learned


@pytest.mark.parametrize("per_class", [(), (500,), (497, 3), tuple([4] * 101)])
def test_too_few_of_a_class_and_too_many_classes_are_no_condition(per_class: tuple[int, ...]) -> None:
    assert "cgan" not in names(TourTraits(500, per_class=per_class))


def test_fewer_than_eight_pictures_are_refused_with_both_numbers() -> None:
    with pytest.raises(DataError, match=r"8 pictures.*there are 7"):
        all_parts(TourTraits(7), "dcgan")
    assert all_parts(TourTraits(8), "dcgan")


def test_few_minutes_leave_out_what_shows_nothing_in_them_and_give_the_rest_more() -> None:
    traits = TourTraits(500, per_class=(200, 300))
    assert names(traits, 2) == ["set", "pca", "autoencoder", "vae"]
    assert names(traits, 20) == ["set", "pca", "autoencoder", "vae", "dcgan", "vae_gan", "cgan"]
    parts = choose_parts(all_parts(traits, "dcgan"), 2, accelerator=False)
    assert share_minutes(parts, 2)["vae"] > 2 * share_minutes(all_parts(traits, "dcgan"), 2)["vae"]


@pytest.mark.parametrize("minutes", [2, 3, 4, 6, 8, 20])
def test_networks_for_new_pictures_have_the_time_that_train_auto_gives_them(minutes: float) -> None:
    parts = choose_parts(all_parts(TourTraits(500, per_class=(200, 300)), "dcgan"), minutes, accelerator=False)
    shares = share_minutes(parts, minutes)
    found = {part.name: training_minutes(shares[part.name]) for part in parts if part.name in ADVERSARIAL}
    assert bool(found) == (minutes >= 3)
    for trained in found.values():
        (first, *_) = recommend_models("pictures", 500, accelerator=False, minutes=trained)
        assert first.model == "dcgan"


def test_a_gpu_has_time_for_them_sooner() -> None:
    assert "dcgan" not in names(TourTraits(500), 2)
    assert "dcgan" in names(TourTraits(500), 2, accelerator=True)


def test_the_minutes_that_a_part_needs_are_the_least_in_which_it_is_there() -> None:
    traits = TourTraits(500, "pairs", (200, 300))
    parts = all_parts(traits, "dcgan")
    needed = {part.name: minutes_for(parts, part, accelerator=False) for part in parts}
    assert needed["vae"] == 1
    assert needed["pix2pix"] > 1
    for name, minutes in needed.items():
        assert name in names(traits, minutes)
        assert minutes == 1 or name not in names(traits, minutes - 1)


def test_trainings_too_short_for_new_pictures_have_small_networks_that_exist() -> None:
    for model in ("autoencoder", "vae"):
        small = short_options(model, 0.5, accelerator=False)
        config = catalogue.model_class(model).Config(size=(64, 64), channels=3, **small)
        usual = catalogue.model_class(model).Config(size=(64, 64), channels=3)
        assert config.width < usual.width
        assert short_options(model, 1.0, accelerator=False) == short_options(model, 0.5, accelerator=True) == {}
    assert short_options("pix2pix", 0.5, accelerator=False) == {}


def test_of_few_pictures_a_tour_says_what_train_auto_says() -> None:
    (said,) = few_notes(TourTraits(60), accelerator=False)
    assert "60 pictures are few" in said
    assert "200" in said
    assert few_notes(TourTraits(500), accelerator=False) == few_notes(TourTraits(60), accelerator=True) == []


@pytest.mark.parametrize("per_class", [(), (90, 90), (15, 15), (30, 30), (14,) * 13])
def test_a_tour_calls_pictures_few_where_train_auto_takes_no_network(per_class: tuple[int, ...]) -> None:
    count, classes = sum(per_class) or 180, len(per_class)
    (first, *_) = recommend_models("classes" if classes else "pictures", count, classes, accelerator=False)
    assert bool(few_notes(TourTraits(count, per_class=per_class), accelerator=False)) == (first.model == "pca")


def test_a_tour_that_takes_longer_than_its_minutes_says_so() -> None:
    (said,) = short_notes(0.2)
    assert "0.2 minutes are less than a tour takes" in said
    assert short_notes(0.5) == []


@pytest.mark.parametrize("minutes", [0.2, 1.0, 2.0, 6.0, 20.0, 600.0])
def test_minutes_add_up_and_each_training_has_enough(minutes: float) -> None:
    parts = choose_parts(all_parts(TourTraits(500, "pairs", (200, 300)), "dcgan"), minutes, accelerator=False)
    shares = share_minutes(parts, minutes)
    assert list(shares) == [part.name for part in parts]
    assert sum(shares.values()) == pytest.approx(minutes)
    assert all(60 * shares[part.name] >= LEAST_SECONDS for part in parts if part.rank)
    assert {"set", "pca", "vae"} <= shares.keys()


def test_more_minutes_never_leave_out_more() -> None:
    traits = TourTraits(500, "pairs", (200, 300))
    chosen = [set(names(traits, minutes / 4)) for minutes in range(1, 40)]
    assert all(few <= more for few, more in itertools.pairwise(chosen))
    assert chosen[-1] == {part.name for part in all_parts(traits, "dcgan")}


def test_time_that_a_part_did_not_need_goes_to_the_others() -> None:
    parts = all_parts(TourTraits(500), "dcgan")
    planned = share_minutes(parts, 10)
    left = share_minutes(parts, 10, {"set": 6.0})
    assert "set" not in left
    assert sum(left.values()) == pytest.approx(10 - 0.1)
    assert left["vae"] > planned["vae"]


def test_a_part_that_took_all_the_time_leaves_half_to_each() -> None:
    parts = all_parts(TourTraits(500), "dcgan")
    left = share_minutes(parts, 2, {"set": 500.0})
    planned = share_minutes(parts, 2)
    assert left == {name: max(min(LEAST_SECONDS / 60, planned[name]), LEAST_OF_FIRST * planned[name]) for name in left}
    assert 60 * left["dcgan"] > LEAST_SECONDS


def test_what_earlier_models_took_besides_their_training_is_left_to_later_ones() -> None:
    assert training_minutes(4.0) == training_minutes(4.0, 0.5) == 3.0
    assert training_minutes(4.0, 0.75) == 2.5
    assert training_minutes(4.0, 3.5) == 2.0
    assert training_minutes(4.0, 0.1) == pytest.approx(3.6)


def test_a_part_is_left_out_if_earlier_ones_left_too_little_time() -> None:
    parts = {part.name: part for part in all_parts(TourTraits(500), "dcgan")}
    left = [parts["autoencoder"], parts["vae"]]

    def needed(name: str, seconds: float, accelerator: bool = False) -> int | None:
        return minutes_in_place(parts[name], left, 2, {"set": seconds}, accelerator=accelerator)

    assert needed("autoencoder", 20) is None
    assert needed("autoencoder", 59) is None  # 30.5 of its 40 seconds are left
    assert needed("autoencoder", 62) == 3  # of which 62 and 40 for each are 142
    assert needed("autoencoder", 200) == 5
    assert needed("autoencoder", 62, accelerator=True) is None
    assert needed("vae", 500) is None  # without which there is no tour


def test_held_out_pictures_and_scored_samples_are_bounded() -> None:
    assert [held_out_count(count) for count in (399, 400, 1_797, 100_000)] == [0, 80, 359, 1_000]
    counts = [scored_pictures(minutes, 5, 5_000, 20.0) for minutes in (0.1, 20, 60, 600)]
    assert counts == [64, 360, 1_000, 1_000]
    assert scored_pictures(20, 5, 12, 20.0) == 12


def test_the_adversarial_model_follows_from_machine_and_time() -> None:
    assert preferred_gan(5_000, accelerator=False, minutes=60) == "dcgan"
    assert preferred_gan(5_000, accelerator=True, minutes=5) == "dcgan"
    assert preferred_gan(5_000, accelerator=True, minutes=60) == "r3gan"
    assert preferred_gan(500, accelerator=True, minutes=60) == "stylegan2"
