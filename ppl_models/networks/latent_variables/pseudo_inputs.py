"""Where the components of a learnt prior begin; no framework."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.networks.arguments import as_numbers
from ppl_models.networks.start_values import output_bias


def pseudo_inputs(
    size: tuple[int, int],
    examples: ArrayLike | None,
    data_mean: ArrayLike | None,
    likelihood: str,
    seed: int,
) -> NDArray[np.float32]:
    """Pseudo-inputs at rows of data, or about their mean, (K, D): logits where data are binary.

    Args:
        size: K and D.
        examples: the rows, (K, D), or None. Of binary data 0 and 1 become 0.1 and 0.9, where a
            logit still learns.
        data_mean: mean of the training data, (D,); zero, or a probability of a half, when None.
        likelihood: `"bernoulli"` or another.
        seed: seed of the noise about the mean.

    Raises:
        ValueError: if the rows are not such data.
    """
    if examples is not None:
        return _at_rows(size, as_numbers("examples", examples), likelihood)
    centre = output_bias(data_mean, size[1], likelihood)
    spread = 1.0 if likelihood == "bernoulli" else 0.1
    noise = np.random.default_rng((seed, 1)).normal(size=size)
    return (centre + spread * noise).astype(np.float32)


def check_examples(prior: str, examples: ArrayLike | None) -> None:
    """Refuse rows for pseudo-inputs that a prior has not.

    Args:
        prior: the kind.
        examples: the rows, or None.

    Raises:
        ValueError: if there are rows, and the prior is another.
    """
    if examples is not None and prior != "vampprior":
        raise ValueError(
            f"examples are where the pseudo-inputs of prior='vampprior' begin, got prior={prior!r}."
            " Leave them out, or choose that prior."
        )


def _at_rows(
    size: tuple[int, int], rows: NDArray[np.float64], likelihood: str
) -> NDArray[np.float32]:
    if rows.shape != size:
        raise ValueError(
            f"examples must have shape {size}, one row of data per component, got {rows.shape}; "
            "pass as many training rows as components=."
        )
    if not np.isfinite(rows).all():
        raise ValueError("examples has values that are not finite; check the training data.")
    if likelihood != "bernoulli":
        return rows.astype(np.float32)
    if rows.min() < 0 or rows.max() > 1:
        raise ValueError(
            f"examples must lie in [0, 1] for a Bernoulli likelihood, got values from "
            f"{rows.min():.3g} to {rows.max():.3g}; scale the data first."
        )
    kept = np.clip(rows, 0.1, 0.9)
    return (np.log(kept) - np.log1p(-kept)).astype(np.float32)


def mixture_means(size: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """Means of the components of a mixture over the latents, (K, D)."""
    return np.random.default_rng((seed, 2)).normal(size=size).astype(np.float32)
