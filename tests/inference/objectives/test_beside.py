"""What an objective looks at by itself is checked before it is learnt from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES

from inference import Unpaired, fit
from inference.errors import DataError
from inference.objectives import CycleConsistent, DomainAdversarial, SemiSupervisedAdversarial
from ppl_models import create

ROWS = 12
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 2)).astype(np.float32)
MARKS = np.arange(ROWS) % 2


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def pair(engine: str, objective: Any) -> Any:
    if isinstance(objective, CycleConsistent):
        return create("cycle_gan", engine=engine, data_dim=2, other_dim=2, hidden=())
    return create("ppca", engine=engine, data_dim=2, latent_dim=1)


def tried(engine: str, objective: Any, data: Any, **settings: Any) -> Any:
    given: dict[str, Any] = {"objective": objective, "steps": 1, "progress": False, **settings}
    return fit(pair(engine, objective), data, **given)


SEMI = SemiSupervisedAdversarial(3, hidden=(3,))
DOMAIN = DomainAdversarial(hidden=(3,))
CYCLE = CycleConsistent(hidden=(3,))

BAD: dict[str, tuple[Any, Any, str]] = {
    "a class that is none": (SEMI, 0 * MARKS + 7, r"from -1 to 2 .* 12 of 12 .* row 0: 7\."),
    "a class below -1": (SEMI, MARKS - 2, r"6 of 12 rows are not, the first is row 0: -2"),
    "half a class": (SEMI, MARKS + 0.5 * MARKS, r"first is row 1: 1\.5"),
    "classes one-hot": (SEMI, np.eye(3)[MARKS], r"shape \(N,\), got \(12, 3\).*argmax"),
    "no class": (SEMI, np.full(ROWS, np.nan), r"row 0: nan"),
    "domains from 1": (DOMAIN, MARKS + 1, r"a whole number from 0 to 1 .* the first is row 1: 2"),
    "no domain": (DOMAIN, np.where(MARKS, np.nan, 0), r"the first is row 1: nan"),
    "domains one-hot": (DOMAIN, np.eye(2)[MARKS], r"shape \(N,\), got \(12, 2\).*argmax"),
    "no rows": (DOMAIN, np.zeros((ROWS, 0)), r"ends with an array of shape \(12, 0\)"),
    "no class known": (SEMI, 0 * MARKS - 1, r"all classes in the data are -1.*Adversarial\(\)"),
    "one domain alone": (DOMAIN, 0 * MARKS + 1, r"all rows .* of domain 1.*weight=0"),
    "one number": (DOMAIN, np.float32(1), r"ends with an array of shape \(\)"),
    "y with NaN": (CYCLE, np.where(MARKS[:, None], np.nan, X), r"finite .* row 1: \[nan nan\]"),
    "y too narrow": (CYCLE, X[:, :1], r"guide draws 'y', shape \('M', 2\), got \('M', 1\)"),
    "y too wide": (CYCLE, np.tile(X, 2), r"got \('M', 4\)"),
    "y without columns": (CYCLE, X[:, 0], r"got \('M',\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_last_array_is_refused(engine: str, case: str) -> None:
    objective, bad, message = BAD[case]
    with pytest.raises(DataError, match=message):
        tried(engine, objective, (X, bad))
    if objective is CYCLE:
        with pytest.raises(DataError, match=message):
            tried(engine, objective, Unpaired(X, bad))


def test_validation_data_are_checked_too(engine: str) -> None:
    with pytest.raises(DataError, match="valid must end with classes"):
        tried(engine, SEMI, (X, MARKS), valid=(X, MARKS + 2))
    with pytest.raises(DataError, match=r"valid must end with what .*2 arrays or more"):
        tried(engine, SEMI, (X, MARKS), valid=(X,))


def test_right_marks_of_any_type_and_shape_train_alike(engine: str) -> None:
    losses = [
        tried(engine, objective, (X, marks)).history["loss"]
        for objective, given in (
            (SEMI, (MARKS - 1, MARKS[:, None] - 1, (MARKS - 1.0).astype(np.float32))),
            (SemiSupervisedAdversarial(2, hidden=(3,)), (MARKS, MARKS > 0, MARKS.astype(np.int8))),
        )
        for marks in given
    ]
    for same in (losses[:3], losses[3:]):
        np.testing.assert_array_equal(same[0], same[1])
        np.testing.assert_array_equal(same[0], same[2])


def test_an_unpaired_domain_may_be_smaller_than_a_batch(engine: str) -> None:
    run = tried(engine, CYCLE, Unpaired(X, X[:5]), steps=4)
    assert np.isfinite(run.history["loss"]).all()
