"""Pictures of runs: learning curve, samples, reconstructions, what lies between latents."""

from inference.figures.curves import learning_curve
from inference.figures.drawing import drawing_steps
from inference.figures.interpolation import arithmetic, interpolations
from inference.figures.machines import chains, filters, free_energies
from inference.figures.pictures import (
    Picture,
    image_shape,
    latent_manifold,
    latent_scatter,
    overview,
    reconstructions,
    sample_rows,
    samples,
)
from inference.figures.temperatures import temperatures

__all__ = [
    "Picture",
    "arithmetic",
    "chains",
    "drawing_steps",
    "filters",
    "free_energies",
    "image_shape",
    "interpolations",
    "latent_manifold",
    "latent_scatter",
    "learning_curve",
    "overview",
    "reconstructions",
    "sample_rows",
    "samples",
    "temperatures",
]
