"""Features that do not tell the domain: bits of the classifier, gradients, and what it is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy.special import expit

from inference import fit, valid_objectives
from inference.engines import load_engine
from inference.errors import DataError, ObjectiveError
from inference.objectives import ELBO, DomainAdversarial
from inference.program.program import is_owned
from inference.program.trainer import Settings
from ppl_models import create


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def classifier(engine: str, hidden: int = 6, columns: int = 3) -> Any:
    return create(
        "conditional_network",
        engine=engine,
        data_dim=2,
        condition_dim=columns,
        hidden=(hidden,),
        likelihood="categorical",
        activation="tanh",
    )


def two_domains(rows: int = 60, seed: int = 0) -> tuple[Any, Any, Any]:
    """One-hot labels, unknown in the second domain, inputs, and domains.

    The sign of the first column is the class; in the first domain the second column says it too,
    and louder, while in the second domain it is some number; the third is noise.
    """
    random = np.random.default_rng(seed)
    label, domain = random.integers(0, 2, rows), random.integers(0, 2, rows)
    sign = 2.0 * label - 1
    columns = [sign, np.where(domain == 0, 2 * sign, 1.0), 0.0 * sign]
    inputs = np.stack(columns, 1) + 0.3 * random.normal(size=(rows, 3))
    known = np.eye(2)[label] * (domain == 0)[:, None]
    return known.astype(np.float32), inputs.astype(np.float32), domain


def test_weight_zero_is_the_classifier_to_the_bit(engine: str) -> None:
    x, y, domain = two_domains()
    settings: Any = {"steps": 12, "batch_size": 20, "progress": False}
    plain = fit(classifier(engine), (x, y), objective=ELBO(), **settings)
    same = fit(
        classifier(engine), (x, y, domain), objective=DomainAdversarial(weight=0.0), **settings
    )
    other = fit(classifier(engine), (x, y, domain), objective=DomainAdversarial(), **settings)
    for name, value in plain.parameters.items():
        np.testing.assert_array_equal(value, same.parameters[name])
    np.testing.assert_array_equal(plain.history["loss"], same.history["loss"])
    assert any(not np.array_equal(v, other.parameters[n]) for n, v in plain.parameters.items())


def test_an_unknown_label_is_no_part_of_the_likelihood(engine: str) -> None:
    from inference import log_likelihood

    x, y, _ = two_domains()
    known = x.sum(1) > 0
    pair = classifier(engine)
    whole, part = (
        log_likelihood(pair, data, num_particles=1) for data in ((x, y), (x[known], y[known]))
    )
    np.testing.assert_allclose(whole.per_datum[known], part.per_datum, rtol=1e-6)
    np.testing.assert_array_equal(whole.per_datum[~known], 0)


def _descent(engine: str) -> Any:
    if engine == "pyro":
        import torch

        return torch.optim.SGD
    import optax

    return optax.sgd


def test_features_and_critic_climb_opposite_ways(engine: str) -> None:
    """One step of descent against finite differences in float64, with a critic D = f w + b."""
    x, y, domain = two_domains(10)
    rate, weight = 1e-3, 0.7
    values = {}
    for scale in (0.0, weight):
        objective = DomainAdversarial(weight=scale, hidden=())
        settings = Settings(
            seed=0,
            arrays=(x, y, domain),
            batch_size=10,
            learning_rate=rate,
            optimiser=_descent(engine),
        )
        trainer = load_engine(engine).Trainer(classifier(engine), objective, settings)
        with trainer.running():
            trainer.start((x, y, domain))
            first = {name: np.array(value) for name, value in trainer.values().items()}
            trainer.run(0, 1)
            values[scale] = first, {n: np.array(v) for n, v in trainer.values().items()}
    start, end = values[weight]
    own = {n.strip('[]"').removeprefix("objective.critic.out."): n for n in start if is_owned(n)}
    w, b = (start[own[part]].astype(np.float64) for part in ("weight", "bias"))
    pair = [n for n in start if not is_owned(n)]
    first_layer = next(n for n in pair if start[n].shape in {(6, 3), (3, 6)})
    kernel = start[first_layer].astype(np.float64)
    flipped = kernel.shape == (6, 3)

    def told_apart(kernel: Any, w: Any, b: Any) -> float:
        hidden = np.tanh(y.astype(np.float64) @ (kernel.T if flipped else kernel))
        score = hidden @ w[:, 0] + b[0]
        return 10 * np.log(expit(np.where(domain == 1, score, -score))).mean()

    for array, name, sign in ((kernel, first_layer, -1), (w, own["weight"], 1)):
        plain = values[0.0][1][name] - values[0.0][0][name] if name in values[0.0][0] else 0.0
        moved = end[name] - start[name] - plain
        for index in np.ndindex(array.shape):
            step = np.zeros_like(array)
            step[index] = 1e-6
            args = [
                (kernel + s * step, w, b) if sign < 0 else (kernel, w + s * step, b)
                for s in (1, -1)
            ]
            slope = (told_apart(*args[0]) - told_apart(*args[1])) / 2e-6
            assert moved[index] == pytest.approx(sign * weight * rate * slope, rel=0.01, abs=3e-6)


def test_what_holds_in_one_domain_alone_is_unlearnt() -> None:
    """Without the critic the second domain is classified by the louder column: all as one class."""
    data = two_domains(2000)
    settings: Any = {"steps": 1500, "batch_size": 200, "progress": False, "learning_rate": 0.01}
    _, y, domain = two_domains(1000, seed=1)
    label = (y[:, 0] > 0).astype(int)
    right = {}
    for weight in (0.0, 1.0):
        objective = DomainAdversarial(weight=weight, hidden=(32,), warmup_steps=300)
        run = fit(classifier("numpyro", hidden=8), data, objective=objective, **settings)
        found = run.sample(len(y), y).argmax(1)
        right[weight] = [(found == label)[domain == d].mean() for d in (0, 1)]
    assert right[0.0][0] > 0.98
    assert right[0.0][1] < 0.8
    assert right[1.0][1] > 0.95


def test_what_is_missing_is_said_by_name(engine: str) -> None:
    x, y, domain = two_domains(20)
    with pytest.raises(DataError, match="must have equally many rows"):
        fit(classifier(engine), (x, y, domain[:3]), objective=DomainAdversarial(), steps=1)
    pair = create("vae", engine=engine, data_dim=3, latent_dim=1, hidden=(4,))
    reason = valid_objectives(pair, np.zeros((4, 3), np.float32)).refused["DomainAdversarial"]
    assert "domains, 0 or 1, as the last array" in reason
    with pytest.raises(ObjectiveError, match="no site 'features'; it has 'z', 'x'"):
        fit(
            pair,
            (np.zeros((4, 3), np.float32), domain[:4]),
            objective=DomainAdversarial(),
            steps=1,
            progress=False,
        )
