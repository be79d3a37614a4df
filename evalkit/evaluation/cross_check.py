"""Scores with a second opinion: the installed toolkit evaluates the same boxes, and must agree with one protocol."""

from evalkit.evaluation.request import Request
from evalkit.evaluation.scored import limited, score_benchmark, told_of
from evalkit.scoring.scores import Scores
from evalkit.scoring.second_opinion import SecondOpinion, second_opinion


def cross_checked(request: Request) -> tuple[list[Scores], list[SecondOpinion]]:
    """Score what is asked for, and have the toolkit evaluate every candidate; whether it agrees is in its opinion.

    Raises:
        EvalkitError: As :func:`evalkit.evaluation.scored.score_request` and
            :func:`evalkit.scoring.second_opinion.second_opinion`.
    """
    scores: list[Scores] = []
    opinions: list[SecondOpinion] = []
    for single in request.each():
        done = score_benchmark(single)
        scores += done.scores
        for candidate in done.candidates:
            with told_of(done.truth, candidate, allow_missing=request.allow_missing):
                opinion = second_opinion(
                    limited(done.truth, candidate)[0],
                    candidate.trajectories,
                    benchmark=done.truth.spec.name,
                    tracker=candidate.tracker,
                    run=candidate.run,
                    allow_missing=request.allow_missing,
                )
            opinions.append(opinion)
    return scores, opinions
