"""Whether model and guide agree: on their latents, and on plates, shapes and scales."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from inference.errors import ObjectiveError, PairError
from inference.program.densities import miscounted
from inference.program.layout import Layout
from inference.program.scales import least_of, scale_shape
from inference.program.sites import Plate, Site, without_ones


@dataclass(frozen=True)
class Agreement(Layout):
    """A layout with checks of how model and guide go together.

    Its attributes are those of `Layout`.
    """

    def check_match(self, *, summed: Iterable[str] = ()) -> None:
        """Check that the guide proposes exactly the model's latents, in the same shapes.

        Values count, not where the guide draws them: outside of the model's plates, as a part of
        one long vector, is as good where each value is there, and its log density, once. Objectives
        with weights per datum ask for more: see `check_local`.

        Args:
            summed: latents that the guide may leave to the model, because they are summed over.

        Raises:
            PairError: naming the sites that differ.
        """
        self.check_densities()
        latents = {site.name: site for site in self.latents}
        proposals = {site.name: site for site in self.proposals if not site.auxiliary}
        missing = sorted(set(latents) - set(proposals) - set(summed))
        if missing:
            finite = all(latents[name].family for name in missing)
            beside = any(not site.plates for site in self.proposals)
            summing = " Enumerated() sums over it, with no site in the guide."
            if beside:  # which Enumerated may refuse
                summing += (
                    " So does the library's own TraceEnum_ELBO(), if it is marked with "
                    "infer={'enumerate': 'parallel'}."
                )
            raise PairError(
                f"the guide has no site for the model's latent {_names(missing)}; it would stay at "
                "its prior. Add a sample statement of that name to the guide, or observe it."
                + (summing if finite else "")
            )
        extra = sorted(set(proposals) - set(latents))
        if extra:
            raise PairError(
                f"the guide proposes {_names(extra)}, which the model does not draw. Remove the "
                "statement, or mark it with infer={'is_auxiliary': True}."
            )
        for name, site in latents.items():
            if name in proposals:
                self._check_place(site, proposals[name])

    def _check_place(self, site: Site, proposal: Site) -> None:
        """Check that the guide's values are as many as the model's, and that their scales agree.

        Raises:
            PairError: naming the site.
        """
        ours = {(plate.dim, plate.size) for plate in site.plates}
        theirs = {(plate.dim, plate.size) for plate in proposal.plates}
        if site.event_shape == proposal.event_shape and ours == theirs:
            return
        value = proposal.whole_shape if proposal.value_shape is None else proposal.value_shape
        whole = {site.whole_shape, proposal.whole_shape, without_ones(value)}
        if theirs <= ours and len(whole) == 1:
            self._check_scaled(site, proposal)
            return
        if site.event_shape != proposal.event_shape:
            raise PairError(
                f"site {site.name!r} has event shape {site.event_shape} in the model and "
                f"{proposal.event_shape} in the guide; make them equal with .to_event()."
            )
        if ours != theirs:
            raise PairError(
                f"site {site.name!r} lies in plates {plates_in_words(site.plates)} in the model "
                f"and {plates_in_words(proposal.plates)} in the guide; put both in the same plates."
            )

    def _check_scaled(self, site: Site, proposal: Site) -> None:
        """Check that log q of a draw outside of a subsampled plate is scaled as log p inside.

        A value that the guide computes is drawn elsewhere: its draw may lie in the plate.
        """
        drawn = [each for each in self.proposals if each.auxiliary] if proposal.point else []
        within = {plate.name for each in (proposal, *drawn) for plate in each.plates}
        for plate in site.plates:
            if plate.full_size != plate.size and plate.name not in within:
                raise PairError(
                    f"the model draws {site.name!r} in plate {plate.name!r}, which takes "
                    f"{plate.size} rows of {plate.full_size}, and scales its log density; the "
                    "guide draws it outside and does not. Put both in the same plate."
                )

    def check_densities(self) -> None:
        """Check that no log density counts a value more than once.

        Raises:
            PairError: naming the first site of which one does.
        """
        observed = [site.plates for site in self.observed]
        of_data = frozenset.intersection(*observed) if observed else frozenset[Plate]()
        for part, sites in (("model", self.model), ("guide", self.guide)):
            for site in sites.values():
                if said := miscounted(site, part, of_data):
                    raise PairError(said)

    def check_drawn_by_model(self, objective: str) -> None:
        """Check that the model can draw its latents.

        Raises:
            ObjectiveError: naming the first whose prior is no distribution.
        """
        for site in self.latents:
            if site.flat == "improper":
                raise ObjectiveError(
                    f"{objective} needs draws of the model's latents, but the prior of "
                    f"{site.name!r} is improper (ImproperUniform), and nothing can be drawn from "
                    "it. Give it a distribution, or use ELBO(), which only scores it."
                )

    def check_one_set(self, objective: str, otherwise: str) -> None:
        """Check that the sites which observe data have a plate in common, where they have any.

        Args:
            objective: that needs it; named in the error.
            otherwise: what to do else, as the end of a sentence.

        Raises:
            ObjectiveError: naming a site outside of another's plate.
        """
        placed = [site for site in self.observed if site.plates]
        beside = [site for site in self.observed if not site.plates]
        apart = [site for site in placed[1:] if not site.plates & placed[0].plates]
        if apart:
            one, other = placed[0], apart[0]
            raise ObjectiveError(
                f"{objective} weighs particles per datum, but {one.name!r} is observed in the "
                f"plate {plates_in_words(one.plates)} and {other.name!r} in "
                f"{plates_in_words(other.plates)}: two sets of data, of which no row is one of "
                f"both. Where their rows belong together, put both in one plate; or {otherwise}."
            )
        if placed and beside:
            raise ObjectiveError(
                f"{objective} weighs particles per datum, but {beside[0].name!r} is observed "
                f"outside of the plate {plates_in_words(placed[0].plates)} of "
                f"{placed[0].name!r}, so that its density is of all data at once. Put it inside, "
                f"or {otherwise}. A value that is known, and no datum, needs no sample statement."
            )

    def check_scales(self) -> Self:
        """Check that scales fit their sites, and return the structure.

        Raises:
            PairError: naming the first site whose scale has other rows than its log density, or
                turns it round.
        """
        for site in (*self.model.values(), *self.guide.values()):
            least = least_of(site.scale)
            if not least >= 0:
                raise PairError(
                    f"site {site.name!r} has a scale of {least:g}, which turns its log density "
                    "round, so that training would make it unlikely; pass a scale above 0, or "
                    "leave entries out with mask=."
                )
            density, shape = site.density_shape, scale_shape(site.scale)
            if density is None or not shape:
                continue
            pairs = zip(shape[::-1], density[::-1], strict=False)
            if len(shape) > len(density) or any(one not in (1, size) for one, size in pairs):
                raise PairError(
                    f"site {site.name!r} has a scale of shape {shape} and a log density of shape "
                    f"{density}; give the scale one number for each row of the batch."
                )
        return self


def _names(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def plates_in_words(plates: Iterable[Plate]) -> str:
    """Plates, for a message."""
    ordered = sorted(plates, key=lambda plate: plate.dim)
    named = (f"{plate.name!r} (dim {plate.dim}, size {plate.size})" for plate in ordered)
    return ", ".join(named) or "none"
