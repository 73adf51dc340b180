"""What is proven about a pruned model, layer by layer and as a whole, and what was measured.

- *exact*: no number that is left was changed, and what was removed was zero, or nothing used it. For finite inputs the
  function is the same in exact arithmetic.
- *rounding*: weights were removed whose contribution to every unit is at most 2^-24 of the unit's scale, or of the
  scale of the layers that read it (see `pruning.lossless.drop`); or weights were replaced by others that give the same
  function, computed in float64 and rounded to float32 once.
- *budgeted*: weights were chosen by their size, or by samples. Nothing is proven; the measured change is all there is.
- *measured*: weights were rounded to 16 bits when the model was compiled. Nothing is proven either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pruning.compare import Comparison
from pruning.lossless.drop import DropClaim
from pruning.lossless.network_bound import NetworkBound
from pruning.lossless.options import LosslessOptions


class Guarantee(StrEnum):
    """How much is proven, from most to least."""

    EXACT = "exact"
    ROUNDING = "rounding"
    BUDGETED = "budgeted"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class LayerCertificate:
    """What holds for one layer.

    Attributes:
        guarantee: the kind of proof.
        claim: the kind of proof in one sentence.
        row_ratio: largest removed contribution relative to its own unit's scale; 0 where none was removed by the rule.
        tolerance_used: largest share of a unit's tolerance that was spent, at most 1.
        every_input: whether it holds for every finite input, whatever its size.
    """

    guarantee: Guarantee
    claim: str
    row_ratio: float = 0.0
    tolerance_used: float = 0.0
    every_input: bool = True


@dataclass(frozen=True, slots=True)
class Certificate:
    """What holds for the whole model.

    Attributes:
        guarantee: the weakest of the layers'.
        layers: the certificate of each layer, by its path.
        bounds: how far the weights removed by the rule can move each output, before float32 rounding.
        simplification: measured change through the lossless steps alone; this passed the gate.
        measured: measured change against the original model.
        gate: what `simplification` had to stay under.
        assumptions: what the claims rest on, in sentences.
        rolled_back: steps that were undone because the gate did not pass, in sentences.
    """

    guarantee: Guarantee
    layers: Mapping[str, LayerCertificate]
    bounds: tuple[NetworkBound, ...]
    simplification: Comparison
    measured: Comparison
    gate: float
    assumptions: tuple[str, ...]
    rolled_back: tuple[str, ...]


def layer_certificate(
    claim: DropClaim | None, *, budgeted: str, rewritten: bool, options: LosslessOptions
) -> LayerCertificate:
    """Certify one layer.

    Args:
        claim: what the scale-aware rule removed, if anything.
        budgeted: how weights were chosen where nothing is proven of the choice, in a sentence; or nothing.
        rewritten: whether weights that are left were recomputed.
        options: the options, for the assumed magnitude.
    """
    sentences = []
    if budgeted:
        sentences.append(f"{budgeted} Nothing is proven; see what was measured.")
    if claim is not None:
        domain = (
            "every finite input"
            if claim.every_input
            else (f"inputs up to {options.assumed_magnitude:g} in magnitude")
        )
        sentences.append(
            f"{claim.removed:,} small weights were removed. For {domain}, all that they added to a unit is at most "
            f"{claim.used:.1e} of what float32 rounding may add anyway, to that unit or to the layers that use it."
        )
    if rewritten:
        sentences.append(
            "Weights were replaced by others that give the same function, computed in float64 and rounded to float32 once."
        )
    if not sentences:
        sentences.append(
            "No number that is left was changed; what was removed was zero, or nothing used it."
        )
    guarantee = Guarantee.EXACT if not (claim or rewritten) else Guarantee.ROUNDING
    return LayerCertificate(
        Guarantee.BUDGETED if budgeted else guarantee,
        " ".join(sentences),
        claim.row_ratio if claim else 0.0,
        claim.used if claim else 0.0,
        claim.every_input if claim else True,
    )


def with_rounded_weights(certificate: LayerCertificate, weight_type: str) -> LayerCertificate:
    """Certify a layer whose weights are rounded to 16 bits after it was pruned: nothing is proven any more."""
    return LayerCertificate(
        Guarantee.MEASURED,
        f"Its weights are rounded to {weight_type}; nothing is proven about that. Before they are rounded:"
        f" {certificate.claim[0].lower()}{certificate.claim[1:]}",
        certificate.row_ratio,
        certificate.tolerance_used,
        every_input=False,
    )


def weakness(certificate: LayerCertificate) -> int:
    """Return how little is proven, to compare certificates by: 0 is exact."""
    return list(Guarantee).index(certificate.guarantee)
