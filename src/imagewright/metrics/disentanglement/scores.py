"""The metric `disentanglement`: MIG and DCI of the latents of a model that encodes, on pictures of known factors."""

from __future__ import annotations

from dataclasses import replace

from imagewright.metrics.disentanglement.measures import (
    ADVISED,
    LEAST,
    OUTPUTS,
    check_options,
    encode_pictures,
    measure_disentanglement,
)
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.metrics.pictures.reconstruction import AT_ONCE, choose_rows

TITLES = ("MIG", "DCI disentanglement", "DCI completeness", "DCI informativeness")


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert sample.model is not None
    assert reference is not None
    assert reference.factors is not None
    options = dict(context.options)
    check_options(options)
    rows = choose_rows(len(reference), int(options["pictures"]), context.seed)
    latents = encode_pictures(sample.model, reference.pictures.pictures, rows, AT_ONCE).cpu().numpy()
    found = measure_disentanglement(
        latents, reference.factors.of_rows(rows), trees=int(options["trees"]), seed=context.seed
    )
    notes = found.notes
    if found.pictures < ADVISED:
        notes += (
            f"disentanglement of {found.pictures:,} pictures, where {ADVISED:,} are advised: mutual information is "
            "estimated too large from few.",
        )
    first = found.values[OUTPUTS[0]]
    return found.values | {OUTPUTS[0]: replace(first, notes=notes)}


METRIC = Metric(
    name="disentanglement",
    outputs=tuple(MetricOutput(name, title, "higher") for name, title in zip(OUTPUTS, TITLES, strict=True)),
    needs=frozenset({"model", "reference", "factors"}),
    compute=_compute,
    source="Chen et al. 2018, arXiv:1802.04942; Eastwood & Williams 2018, ICLR",
    summary="whether each latent holds one known factor of the pictures",
    least=LEAST,
    options={"pictures": 5_000, "trees": 10},
)
