"""Unpaired domains: their order, the losses in numpy, and a linear map that is found again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES

from inference import Unpaired, fit, valid_objectives
from inference.engines import load_engine
from inference.errors import DataError, ObjectiveError
from inference.objectives import ELBO, CycleConsistent
from inference.program.trainer import Settings
from ppl_models import create

ROTATION = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def domains(rows: int, others: int, seed: int = 0) -> Unpaired:
    """y uniform on a rectangle of sides 4 and 2, and R y of other rows of that kind."""
    random = np.random.default_rng(seed)
    first, second = (random.uniform(-1, 1, (n, 2)) * [2.0, 1.0] for n in (rows, others))
    x = first @ ROTATION.T
    return Unpaired(x.astype(np.float32), second.astype(np.float32))


def pair(engine: str, **settings: Any) -> Any:
    return create("cycle_gan", engine=engine, data_dim=2, other_dim=2, hidden=(), **settings)


def maps(run: Any) -> tuple[Any, Any]:
    """The two linear maps: G of y and F of x, as matrices."""
    unit = np.eye(2, dtype=np.float32)
    to_x = run.decode(y=unit) - run.decode(y=0 * unit)
    to_y = run.latents(unit)["y"] - run.latents(0 * unit)["y"]
    return to_x.T, to_y.T


def test_a_rotation_is_found_up_to_the_symmetries_of_the_rectangle() -> None:
    """x = R y for y uniform on a rectangle: the laws leave open the four changes of signs.

    Of the seeds 1, 2 and 3 two come that near; from seed 2 the maps stay at a reflection of one
    another's, which linear maps do not leave without being singular on their way.
    """
    objective = CycleConsistent("non-saturating", hidden=(32, 32), cycle=1.0, critic_steps=4)
    run = fit(
        pair("numpyro", seed=3),
        domains(4000, 3000),
        objective=objective,
        steps=5000,
        batch_size=200,
        learning_rate=1e-2,
        optimizer="adam:b1=0.5",
        schedule="cosine",
        progress=False,
    )
    to_x, to_y = maps(run)
    signs = [np.diag([a, b]) for a in (1, -1) for b in (1, -1)]
    away = [abs(to_x - ROTATION @ h).max() for h in signs]
    assert min(away) < 0.1
    assert sorted(away)[1] > 0.5  # it is one of the four, not something between
    np.testing.assert_allclose(to_x @ to_y, np.eye(2), atol=0.1)


def test_rows_are_shuffled_apart(engine: str) -> None:
    """Each row of x once an epoch, those of y as evenly as they go, in orders that do not match."""
    x, y = np.arange(40, dtype=np.float32), np.arange(12, dtype=np.float32)
    arrays = x[:, None] + np.zeros((1, 2), np.float32), y[:, None] + np.zeros((1, 2), np.float32)
    settings = Settings(seed=3, arrays=arrays, batch_size=8, apart=True)
    seen = np.array([_batch(engine, settings, step) for step in range(10)])
    assert seen.shape == (10, 2, 8)
    for epoch in (seen[:5], seen[5:]):
        np.testing.assert_array_equal(np.sort(epoch[:, 0].ravel()), x)
        counts = np.bincount(epoch[:, 1].ravel().astype(int), minlength=12)
        assert set(counts) <= {3, 4}
    assert not np.array_equal(seen[:5, 0], seen[5:, 0])
    assert not np.array_equal(seen[:5, 1], seen[5:, 1])
    same = Settings(seed=3, arrays=(arrays[0], arrays[0]), batch_size=8)
    together = np.array(_batch(engine, same, 2))
    np.testing.assert_array_equal(together[0], together[1])


def _batch(engine: str, settings: Settings, step: int) -> Any:
    """The first columns of a step's rows."""
    if engine == "pyro":
        import torch

        from inference.engines.pyro.minibatches import Minibatches as OfPyro

        data = tuple(torch.from_numpy(array) for array in settings.arrays)
        rows = OfPyro(settings, data, torch.device("cpu")).of(step)
    else:
        from inference.engines.numpyro.minibatches import Minibatches

        batches = Minibatches(settings)
        rows = batches.of(step, batches.first_order(step), settings.arrays, batches.keys)[1]
    return [np.asarray(part)[:, 0] for part in rows]


def test_the_maps_loss_in_numpy(engine: str) -> None:
    """One step of plain descent of the maps against finite differences in float64."""
    both, rate = domains(10, 10), 1e-4
    x, y = (np.asarray(rows, dtype=np.float64) for rows in (both.x, both.y))
    objective = CycleConsistent("hinge", hidden=(), cycle=2.0, identity=0.5)
    before, after, critics = _maps_step(engine, objective, both, rate)

    def loss(to_x: Any, to_y: Any) -> float:
        made_x, made_y = y @ to_x, x @ to_y
        played = -(made_x @ critics[0]).mean() - (made_y @ critics[1]).mean()
        cycles = abs(x - made_y @ to_x).sum(1).mean() + abs(y - made_x @ to_y).sum(1).mean()
        same = abs(x - x @ to_x).sum(1).mean() + abs(y - y @ to_y).sum(1).mean()
        return 10 * (played + 2.0 * cycles + 0.5 * same)

    for place in (0, 1):
        for index in np.ndindex(2, 2):
            step = np.zeros((2, 2))
            step[index] = 1e-6
            moved = [[m + s * step * (place == k) for k, m in enumerate(before)] for s in (1, -1)]
            slope = (loss(*moved[0]) - loss(*moved[1])) / 2e-6
            found = after[place][index] - before[place][index]
            assert found == pytest.approx(-rate * slope, rel=0.02, abs=2e-5)


def _maps_step(engine: str, objective: Any, both: Unpaired, rate: float) -> Any:
    """Both maps before and after their first step, and the critics' weights at that time."""
    if engine == "pyro":
        import torch

        descent: Any = torch.optim.SGD
    else:
        import optax

        descent = optax.sgd
    arrays = np.asarray(both.x), np.asarray(both.y)
    settings = Settings(seed=0, arrays=arrays, batch_size=10, learning_rate=rate, optimiser=descent)
    trainer = load_engine(engine).Trainer(pair(engine, noise_scale=1e-6), objective, settings)
    with trainer.running():
        trainer.start(arrays)
        trainer.run(0, 1)
        before = {n: np.array(v, dtype=np.float64) for n, v in trainer.values().items()}
        trainer.run(1, 2)
        after = {n: np.array(v, dtype=np.float64) for n, v in trainer.values().items()}

    def matrices(values: Any) -> list[Any]:
        found = []
        for which in ("to_x", "to_y"):
            (kernel,) = (v for n, v in values.items() if which in n and v.shape == (2, 2))
            found.append(kernel.T if engine == "pyro" else kernel)
        return found

    critics = [
        next(v for n, v in before.items() if f"{which}.out.weight" in n)[:, 0]
        for which in ("critic_x", "critic_y")
    ]
    return matrices(before), matrices(after), critics


def test_a_run_resumes_and_takes_validation_data(engine: str, tmp_path: Any) -> None:
    settings: Any = {
        "objective": CycleConsistent(hidden=(4,)),
        "batch_size": 20,
        "progress": False,
        "valid": domains(12, 9, seed=1),
    }
    data = domains(60, 35)
    whole = fit(pair(engine), data, steps=7, **settings)
    fit(pair(engine), data, steps=4, out=tmp_path / "run", **settings)
    again = fit(pair(engine), data, steps=7, out=tmp_path / "run", resume=True, **settings)
    for name, value in whole.parameters.items():
        np.testing.assert_array_equal(value, again.parameters[name])
    assert np.isfinite(whole.history["valid_bound"]).all()


def test_what_does_not_go_together_is_refused(engine: str) -> None:
    with pytest.raises(DataError, match="data is Unpaired"):
        fit(pair(engine), domains(10, 10), objective=ELBO(), steps=1, progress=False)
    with pytest.raises(ValueError, match="of scores alone"):
        CycleConsistent("feature-matching")
    with pytest.raises(ValueError, match="critics whose slope is bounded"):
        CycleConsistent("wasserstein")
    with pytest.raises(ValueError, match="critics whose slope is bounded"):
        CycleConsistent("wasserstein", critic_x=object())
    assert CycleConsistent("wasserstein", critic_x=object(), critic_y=object()).loss.name
    with pytest.raises(ValueError, match="critic_y must be 'mlp' or a network"):
        CycleConsistent(critic_y="linear")
    wider = create("cycle_gan", engine=engine, data_dim=2, other_dim=3, hidden=())
    both, identity = Unpaired(np.ones((4, 2)), np.ones((4, 3))), CycleConsistent(identity=1.0)
    with pytest.raises(DataError, match=r"identity=1 keeps rows.*equally many columns"):
        fit(wider, both, objective=identity, steps=1, progress=False)
    reason = valid_objectives(pair(engine), domains(4, 4).x).refused["CycleConsistent"]
    assert "rows of the other domain, y, as the last array" in reason


@pytest.mark.parametrize("settings", [{"critic_steps": 2}, {"critic_learning_rate": 0.1}])
def test_settings_of_turns_are_refused_where_nobody_takes_turns(settings: Any) -> None:
    import jax
    import optax
    from numpyro.infer import SVI

    both, objective = domains(6, 6), CycleConsistent(hidden=(3,), **settings)
    which = pair("numpyro")
    svi = SVI(*objective.attach(which.model, which.guide), optax.adam(0.01), loss=objective)
    with pytest.raises(ObjectiveError, match="under a plain SVI leave out critic_steps and critic"):
        svi.init(jax.random.PRNGKey(0), both.x, both.y)
