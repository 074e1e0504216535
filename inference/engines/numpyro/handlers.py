"""Handlers that decide the values of a program's latent sites."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from jax import Array, lax
from numpyro.contrib.control_flow.cond import cond_wrapper
from numpyro.distributions import Unit
from numpyro.handlers import replay, scale, uncondition
from numpyro.primitives import _PYRO_STACK, Messenger, prng_key

from inference.engines.numpyro.discrete import family, relaxed_draw, unmasked
from inference.program.program import Relaxation


class Steer(Messenger):
    """Gives latent sites fixed values, relaxed draws or detached draws.

    It has to be the outermost handler, outside of `trace`, to see distributions as plates have
    expanded them and to hand its values to all others.

    Sites named in `whole` count without their mask: a sum over the values of a masked site would
    count it once for each value, where its density is to integrate to one.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        values: Mapping[str, Array] | None = None,
        detach: bool = False,
        relax: Relaxation | None = None,
        whole: Collection[str] = (),
    ) -> None:
        super().__init__(fn)
        self.values, self.detach, self.relax = values or {}, detach, relax
        self.whole = whole

    def process_message(self, msg: Any) -> None:
        """Choose the value of a latent site."""
        if msg["type"] == "control_flow":
            # A scan has drawn before anybody outside sees a site; it hands values on to its steps.
            steps = msg["kwargs"]["substitute_stack"]
            if self.detach or self.relax is not None:
                steps.append(("substitute", self._drawn_inside))
            if self.values:
                steps.append(("substitute", dict(self.values)))
        if msg["type"] != "sample":
            return
        msg["scales"] = tuple(each.scale for each in _PYRO_STACK if isinstance(each, scale))
        if msg["is_observed"]:
            return
        msg["soft"] = self._is_relaxed(msg)
        if msg["name"] in self.whole:
            msg["fn"] = unmasked(msg["fn"])
        if msg["name"] in self.values:
            msg["value"], msg["intermediates"] = self.values[msg["name"]], []
        elif msg["soft"] and msg["value"] is None:
            msg["value"] = self._relaxed(msg)

    def _drawn_inside(self, site: Mapping[str, Any]) -> Any:
        """What a latent site has in a scan or a branch, which goes on with it; None: its own.

        Cut or relaxed outside only, a draw would be one value to its density and another to the
        step that follows.
        """
        drawn = site["type"] == "sample" and not site["is_observed"] and site["value"] is None
        if not drawn or site["name"] in self.values:
            return None
        if self._is_relaxed(site):
            return self._relaxed(site)
        key, shape = site["kwargs"]["rng_key"], site["kwargs"]["sample_shape"]
        value = site["fn"](rng_key=key, sample_shape=shape)
        return lax.stop_gradient(value) if self.detach else value

    def _is_relaxed(self, site: Mapping[str, Any]) -> bool:
        return self.relax is not None and family(site["fn"])[0] in ("bernoulli", "one-hot")

    def _relaxed(self, site: Mapping[str, Any]) -> Array:
        assert self.relax is not None
        key = site["kwargs"]["rng_key"]
        return relaxed_draw(site["fn"], key, self.relax.temperature, hard=self.relax.hard)

    def postprocess_message(self, msg: Any) -> None:
        """Cut the gradient of a latent site's value."""
        if self.detach and msg["type"] == "sample" and not msg["is_observed"]:
            # Where a flow's draw came from is not kept: at a fixed value it depends on the flow.
            msg["value"], msg["intermediates"] = lax.stop_gradient(msg["value"]), []


class Replay(replay):
    """NumPyro's `replay`, which its `cond` knows nothing of.

    There a branch computes with a draw of its own while the site is scored at the replayed one.
    """

    def process_message(self, msg: Any) -> None:
        """Hand the values on to the branches."""
        if msg["type"] != "control_flow" or msg["fn"] is not cond_wrapper:
            super().process_message(msg)
            return
        sites: Any = self.trace
        drawn = {
            name: site["value"]
            for name, site in sites.items()
            if site["type"] == "sample" and not site["is_observed"]
        }
        msg["kwargs"]["substitute_stack"].append(("substitute", drawn))


class Blind(uncondition):
    """NumPyro's `uncondition`, which its `scan` and `cond` know nothing of.

    There a step goes on with the data, while the site is drawn anew outside of the scan.
    """

    def process_message(self, msg: Any) -> None:
        """Draw what is observed where it is observed."""
        if msg["type"] == "control_flow":
            msg["kwargs"]["substitute_stack"].append(("substitute", _in_place_of_data))
        elif msg["type"] == "sample" and msg.get("_control_flow_done"):
            msg["is_observed"] &= isinstance(msg["fn"], Unit)
        else:
            super().process_message(msg)


def _in_place_of_data(site: Mapping[str, Any]) -> Any:
    """A draw of an observed site; None of others, and of a factor, which draws nothing."""
    if site["type"] != "sample" or not site["is_observed"] or isinstance(site["fn"], Unit):
        return None
    return site["fn"](rng_key=prng_key(), sample_shape=site["kwargs"]["sample_shape"])
