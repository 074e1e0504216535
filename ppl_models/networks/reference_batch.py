"""The fixed batch of noise that virtual batch normalisation refers to; it imports no framework."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REFERENCES = 64  # rows


def reference_batch(latent_dim: int, prior: str, classes: int, seed: int) -> NDArray[np.float32]:
    """Noise as the prior draws it, with one-hot classes beside, each as often.

    It is the same on both engines (Salimans et al. 2016, arXiv:1606.03498).

    Args:
        latent_dim: columns of noise.
        prior: `"normal"` or `"uniform"`, from -1 to 1.
        classes: columns of the classes; 0 for none.
        seed: seed of the noise.

    Returns:
        Shape (REFERENCES, latent_dim + classes).
    """
    random = np.random.default_rng(seed)
    shape = REFERENCES, latent_dim
    noise = random.uniform(-1, 1, shape) if prior == "uniform" else random.normal(size=shape)
    given = np.eye(classes)[np.arange(REFERENCES) % classes] if classes else noise[:, :0]
    return np.concatenate([noise, given], 1).astype(np.float32)
