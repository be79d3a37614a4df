"""Where numbers come from: typed, and stored as the text that version 0.1 stored."""

import copy
import json
import pickle

import pytest

from evalkit.provenance import OFFICIAL, Origin, is_dry_run
from evalkit.sample import SampleIdentity
from evalkit.store.manifest import RunIdentity, identity_from_json
from evalkit.store.sealed import Json


def identity(data: str, **others: object) -> RunIdentity:
    return RunIdentity("lasot", "test", data, "ab", "kcf", {}, None, "fp32", 0, 0, None, **others)


def test_identities_keep_the_ids_of_version_0_1() -> None:
    assert identity("official").run_id == identity(OFFICIAL).run_id == "367c924e92b1"
    assert identity("sample:format=1:seed=0:size=64x48:tiny=true").run_id == "ae4e33c1c430"
    assert identity("custom:videos", source="imported").run_id == "505c14b8bbd6"


@pytest.mark.parametrize("text", ["official", "sample:seed=1", "custom:official", "custom:sample:x", "something else"])
def test_a_stored_origin_is_typed_again_and_writes_the_same_text(text: str) -> None:
    stored: dict[str, Json] = json.loads(json.dumps({**_fields(text)}))
    actual = identity_from_json(stored, "run.json").data
    assert (str(actual), json.dumps(actual)) == (text, json.dumps(text))
    assert actual.is_official == (text == "official")
    assert actual.is_sample == text.startswith("sample:")
    for again in (copy.deepcopy(actual), pickle.loads(pickle.dumps(actual))):
        assert again.is_sample == actual.is_sample


def _fields(text: str) -> dict[str, object]:
    made = identity(text)
    return {name: getattr(made, name) for name in RunIdentity.__slots__}


def test_a_sample_says_how_it_was_rendered() -> None:
    sample = SampleIdentity(seed=3, size_wh=(64, 48), tiny=True)
    assert sample.origin == str(sample) == "sample:format=1:seed=3:size=64x48:tiny=true"
    assert sample.origin.is_sample
    assert not Origin.of_custom("sample").is_sample


def test_random_weights_are_a_dry_run() -> None:
    assert [is_dry_run(weights) for weights in ("random", "ab" * 32, None)] == [True, False, False]
