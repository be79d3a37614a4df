"""One walk over all protocols: complete, explicit, sourced, unique, and used by the benchmarks."""

import dataclasses
import json

import numpy as np
import pytest

from evalkit.benchmarks import BENCHMARKS
from evalkit.commands.listing import protocol_documents
from evalkit.errors import UnknownNameError
from evalkit.report.metrics import METRICS
from evalkit.scoring import grids
from evalkit.scoring.conventions import LongTermProtocol, OpeProtocol, Readout
from evalkit.scoring.lookup import describe_protocol, flat_rules, get_protocol, protocols_for
from evalkit.scoring.protocols import PROTOCOLS, VARIANTS

CONTRACT = [
    *("pytracking", "ostrack", "otb", "lasot-kit", "tnl2k-kit", "pysot", "got10k-toolkit", "trackingnet-devkit"),
    *("swintrack", "visevent-kit", "lasher-kit", "rgbt-toolkit", "vot-longterm-0.5", "vot-longterm-0.9"),
]
EVERY = [*PROTOCOLS.values(), *VARIANTS.values()]


def test_the_ids_are_those_of_the_command_lines_contract():
    assert sorted(PROTOCOLS) == sorted(CONTRACT)
    assert all(protocol.id == name for name, protocol in PROTOCOLS.items())


@pytest.mark.parametrize("kind", [OpeProtocol, LongTermProtocol])
def test_no_rule_has_a_default(kind):
    for field in dataclasses.fields(kind):
        assert field.default is dataclasses.MISSING
        assert field.default_factory is dataclasses.MISSING


@pytest.mark.parametrize("protocol", EVERY, ids=lambda protocol: protocol.id)
def test_every_protocol_is_sourced_and_its_numbers_have_names(protocol):
    source = protocol.source
    assert all(len(text) > 3 for text in (source.toolkit, source.revision, source.files, source.checked))
    assert protocol.version >= 1
    assert protocol.benchmarks
    keys = [reported.key for reported in protocol.reported]
    assert len(set(keys)) == len(keys)
    assert set(keys) <= set(METRICS)


@pytest.mark.parametrize(
    "protocol", [item for item in EVERY if isinstance(item, OpeProtocol)], ids=lambda protocol: protocol.id
)
def test_reported_numbers_point_at_the_threshold_that_their_name_says(protocol):
    curves = protocol.curves()
    expected = {
        "success_rate_50": 0.5,
        "success_rate_75": 0.75,
        "precision_20": 20.0,
        "maximum_precision_20": 20.0,
        "normalized_precision_20": 0.2,
    }
    for reported in protocol.reported:
        if reported.readout is Readout.AT_THRESHOLD:
            threshold = curves[reported.curve].thresholds[reported.position]
            assert threshold == pytest.approx(expected[reported.key], abs=1e-9)
        elif reported.curve:
            assert reported.curve in curves


@pytest.mark.parametrize(
    "grid",
    [
        grids.OVERLAP_PLAIN,
        grids.OVERLAP_TWO_ENDED,
        grids.OVERLAP_TORCH,
        grids.PIXELS,
        grids.HUNDREDTHS,
        grids.HUNDREDTHS_LINSPACE,
        grids.OVERLAP_PERCENT,
        grids.PIXELS_TRACKINGNET,
        grids.NORMALIZED_TRACKINGNET,
    ],
)
def test_grids_rise_in_even_steps(grid):
    steps = np.diff(grid)
    assert (steps > 0).all()
    assert np.ptp(steps) < 1e-12


def test_the_two_ended_grid_is_matlabs():
    below = [k * 0.05 for k in range(10)]
    above = [1 - (20 - k) * 0.05 for k in range(11, 21)]
    assert [*below, 0.5, *above] == list(grids.OVERLAP_TWO_ENDED)
    different = [k for k in range(21) if grids.OVERLAP_PLAIN[k] != grids.OVERLAP_TWO_ENDED[k]]
    assert different == [12, 13, 14, 17, 19]


def test_plain_grids_are_numpys():
    assert list(grids.OVERLAP_PLAIN) == np.linspace(0, 1, 21).tolist()
    assert list(grids.HUNDREDTHS_LINSPACE) == np.linspace(0, 0.5, 51).tolist()
    assert list(grids.OVERLAP_PERCENT) == np.linspace(0, 1, 101).tolist()
    assert list(grids.PIXELS_TRACKINGNET) == np.linspace(0, 50, 21).tolist()
    assert list(grids.NORMALIZED_TRACKINGNET) == np.linspace(0, 0.5, 21).tolist()


def test_every_benchmark_names_protocols_that_fit_it():
    for name, spec in BENCHMARKS.items():
        assert set(spec.protocols) == {"official", "papers"}
        fitting = {protocol.id for protocol in protocols_for(name)}
        assert set(spec.protocols.values()) <= fitting
        papers = {reported.key for reported in get_protocol(spec.protocols["papers"], name).reported}
        assert set(spec.headline) <= papers


def test_protocols_can_be_written_as_json_with_every_rule():
    for name in PROTOCOLS:
        document = json.loads(json.dumps(describe_protocol(name)))
        assert document["id"] == name
        assert document["source.checked"]
        assert set(flat_rules(PROTOCOLS[name])) <= set(document)
    assert describe_protocol("pytracking")["variants"]["uav123"] == {
        "nan_ground_truth": "not scorable",
        "precision.unscorable": "always a hit (error -1)",
    }


def test_an_unknown_id_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'ostrack'"):
        get_protocol("ostrak")


def test_the_list_of_protocols_says_where_a_benchmark_is_treated_differently():
    documents = {document["id"]: document for document in protocol_documents()}
    assert list(documents) == list(PROTOCOLS)
    assert json.loads(json.dumps(list(documents.values())))
    assert documents["pytracking"]["variants"]["lasot"]["absent_flags"] == "frames left out"
    assert documents["ostrack"]["variants"]["uav123"]["precision.unscorable"] == "always a hit (error -1)"
    assert documents["otb"]["variants"] == {}
