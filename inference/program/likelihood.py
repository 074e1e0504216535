"""Whether log p and log q of a pair make a likelihood, and weights of each datum."""

from __future__ import annotations

import math
from dataclasses import dataclass

from inference.errors import ObjectiveError
from inference.program.agreement import Agreement, plates_in_words
from inference.program.sites import LATENTS, Plate

UNNORMALISED = (
    "CD(), PseudoLikelihood(), NCE() and, of real data, ScoreMatching() learn such a density as it "
    "is, and log_likelihood scores it with method='ais' or 'raise'; log_partition(pair) is the "
    "constant."
)
WITHOUT_KERNEL = (
    "PseudoLikelihood(), NCE() and, of real data, ScoreMatching() learn such a density of data, "
    "and Denoising() a chain of corrupted copies. As the distribution has no kernel, "
    "transition(value, key), nothing estimates log p(x); parzen_log_likelihood and "
    "sample_quality compare what run.sample(size) draws with data."
)


@dataclass(frozen=True)
class Likelihood(Agreement):
    """A layout with checks of what bounds and estimates of the likelihood ask of it.

    Its attributes are those of `Layout`.
    """

    def check_same_in_all_draws(self, draws: int = 1, objective: str = "") -> None:
        """Check that draws that are compared with each other have the same sites.

        Args:
            draws: how many of them there are.
            objective: its name, where it compares, relaxes or dreams draws, however many it takes.

        Raises:
            ObjectiveError: naming the sites that only some draws have.
        """
        if self.varying and (draws > 1 or objective):
            what, remedy = f"{draws} draws per datum", "Take one draw, num_particles=1"
            if objective:
                what, remedy = f"draws under {objective}", "Use ELBO() or NVIL()"
            raise ObjectiveError(
                f"{', '.join(map(repr, sorted(self.varying)))} is drawn in some draws of the guide "
                f"and not in others, or in another size, but {what} are compared site by site. "
                f"{remedy}, or draw every site each time, with a mask where it does not count."
            )

    def check_observed(self, *, likelihood: bool = True) -> None:
        """Check that the model observes something, each value once, and that it has a likelihood.

        Args:
            likelihood: whether a value of log p(x) or a bound on it is wanted. Without it, a
                density that is known up to a constant is enough.

        Raises:
            PairError: naming a site that counts a value more than once.
            ObjectiveError: if it does not, or a site's density is not normalised, naming it.
        """
        self.check_densities()
        if likelihood:
            self._check_normalised()
        if all(site.factor == () for site in self.observed):
            raise ObjectiveError(
                "the model observes no site, so it has no likelihood to maximise. Pass the data to "
                "a sample statement with obs=."
            )

    def _check_normalised(self) -> None:
        """Check that p(x, z) and q(z | x) are densities, not densities times an unknown constant.

        A factor is none where its value changes with the parameters, the latents or the data; as a
        constant it only weighs the rows. What is marked as for training only is no part of the
        likelihood. Factors of a guide are left alone: autoguides write their Jacobians so.
        """
        for site in (*self.model.values(), *self.guide.values()):
            if site.normalised or site.training_only:
                continue
            will_do = (
                "Objectives that compare draws in place of likelihoods, MMD and Adversarial, take "
                "such a model if it draws data; the library's own losses, such as Trace_ELBO(), "
                "take it in any case."
            )
            if site.factor is None:
                raise ObjectiveError(
                    f"the distribution of site {site.name!r} says normalised = False: its log_prob "
                    "is known up to a constant, which the parameters may change, so that nothing "
                    "made of it is a likelihood or a bound on one. "
                    f"{UNNORMALISED if site.kernel else f'{WITHOUT_KERNEL} {will_do}'}"
                )
            raise ObjectiveError(
                f"the model's factor {site.name!r} changes with {' and '.join(site.factor)}, so "
                "that the model's density need not integrate to one, and nothing made of it is a "
                "likelihood or a bound on one. If it is the log density of data or latents, write "
                "it as a distribution with this log_prob in a sample statement. If it only steers "
                "training, write sample(name, Unit(...), obs=..., infer={'training_only': True}). "
                f"{will_do}"
            )

    def check_local(self, objective: str) -> None:
        """Check that every latent belongs to one datum, so that values per datum make sense.

        Raises:
            ObjectiveError: naming the first latent outside the plates of the data.
        """
        data_plates = self._data_plates
        if data_plates and not self.shared_plates:
            for site in self.weighed:
                proposal = self.guide.get(site.name, site)
                if site.plates >= data_plates and not proposal.plates >= data_plates:
                    raise ObjectiveError(
                        f"{objective} weighs particles per datum, but the guide draws "
                        f"{site.name!r} for all data at once, outside of their plate "
                        f"{plates_in_words(data_plates)}. Use ELBO(), NVIL() or "
                        "RLOO(num_particles), or a guide that draws it in the plate, such as "
                        "AutoNormal."
                    )
            outside = [s for s in self.weighed if not s.plates >= data_plates]
            raise ObjectiveError(
                f"{objective} weighs particles per datum, but latent {outside[0].name!r} lies "
                f"outside the data's plate {plates_in_words(data_plates)}. Put it inside, or "
                f"{self._without_weights}."
            )
        if data_plates:
            self._check_unpacked(objective)
            return
        for site in self.weighed:
            if math.prod(site.batch_shape) > 1:
                self.check_one_set(objective, self._without_weights)
                raise ObjectiveError(
                    f"{objective} weighs particles per datum, but site {site.name!r} has batch "
                    f"shape {site.batch_shape} and the data lie in no plate. Open a "
                    "plate('data', len(x)) around the sites of one datum, or "
                    f"{self._without_weights}."
                )

    @property
    def _data_plates(self) -> frozenset[Plate]:
        data = self.observed or self.latents  # a generator has no data of its own
        return frozenset.intersection(*(site.plates for site in data)) if data else frozenset()

    @property
    def _without_weights(self) -> str:
        """What trains a pair that has no weights per datum, as the end of "..., or"."""
        left = [site.name for site in self.latents if site.name not in self.guide]
        if not left:
            return "use ELBO(), which needs no weights"
        return (
            f"draw {', '.join(map(repr, left))} in the guide, too, and use ELBO(), which needs no "
            "weights. As it is the library's own TraceEnum_ELBO(), as objective=, sums over what "
            "is marked with infer={'enumerate': 'parallel'}"
        )

    def check_datum(self, objective: str) -> None:
        """Check that a plate says what a datum is, where there are several rows.

        Without one a bound of several draws would weigh all rows as one datum. Each is a bound on
        log p of all of them, but a looser one where rows are independent, and one that depends on
        how many come at a time. A plate of one row says that it is meant.

        Raises:
            ObjectiveError: if there is none.
        """
        if self.rows > 1 and not any(site.plates for site in self.observed):
            raise ObjectiveError(
                f"{objective} weighs particles per datum, and no plate says what a datum is: all "
                f"{self.rows} rows would be weighed as one. Put the data in plate('data', len(x)) "
                "around the sites of one datum; or, if all rows are one, such as a series, in "
                "plate('data', 1). ELBO(), which needs no weights, takes the pair as it is."
            )

    def check_takes_all(self, what: str) -> None:
        """Check that no plate of the data takes a part of the rows that it is given.

        Others in each run, they have no place among the rows of the data.

        Raises:
            ObjectiveError: naming the plate.
        """
        for plate in self.shared_plates:
            if plate.size not in (plate.full_size, self.rows):
                raise ObjectiveError(
                    f"{what} is about all rows that it is given, but plate {plate.name!r} takes "
                    f"{plate.size} of {plate.full_size} rows itself. Pass it the size of the batch "
                    "and no subsample_size, and let fit choose the rows; or "
                    "subsample_size=len(x), of minibatches."
                )

    def _check_unpacked(self, objective: str) -> None:
        """Check that latents in the data's plate are not parts of a draw outside of it."""
        points = [site for site in self.weighed if site.point and site.name in self.guide]
        drawn = [site for site in self.proposals if site.auxiliary]
        if points and drawn and all(site.name in self.outside for site in drawn):
            raise ObjectiveError(
                f"{objective} weighs particles per datum, but the guide computes "
                f"{points[0].name!r} of {drawn[0].name!r}, which it draws for all data at once. "
                "Use ELBO(), NVIL() or RLOO(num_particles), or a guide that draws it in the "
                "plate, such as AutoNormal."
            )

    def check_outside(self, objective: str) -> None:
        """Check that the latents that no weight is of have a pathwise gradient.

        Raises:
            ObjectiveError: naming the first that has none.
        """
        for site in self.proposals:
            if site.name in self.outside and not site.reparameterised:
                raise ObjectiveError(
                    f"{objective} draws the global latent {site.name!r} once and differentiates "
                    "through the draw, but it is not reparameterised. Use RLOO(num_particles) or "
                    "ELBO(), which score it."
                )

    def check_weights(self, objective: str) -> None:
        """Check for importance weights per datum: local latents, and scales outside the logarithm.

        Raises:
            ObjectiveError: naming the first latent, plate or site that does not fit.
        """
        self.check_local(objective)
        shared = set(self.shared_plates)
        for site in self.weighed:
            for plate in site.plates - shared:
                if plate.full_size != plate.size:
                    raise ObjectiveError(
                        f"{objective} takes a logarithm per datum, but plate {plate.name!r} around "
                        f"site {site.name!r} subsamples within a datum, so that its scale would be "
                        "inside. Do not subsample that plate, or use ELBO()."
                    )
        odd = self.odd_among(site for site in self.weighed if not site.observed)
        if odd is not None:
            raise ObjectiveError(
                f"{objective} weighs draws of the guide's, which a scale stays outside of, but "
                f"site {odd[0]!r} {odd[1]}. Put the latents of a datum, in model and guide, under "
                "the same scale, or use ELBO(), which takes any."
            )

    def check_apart(self, what: str) -> None:
        """Check that no latent ties data together that are to be scored one by one.

        Raises:
            ObjectiveError: naming the first that all data share, and what can be asked of the pair.
        """
        if self.shared_plates:
            return
        tied = [site.name for site in self.weighed if not site.plates >= self._data_plates]
        if tied:
            plates = ", ".join(sorted(repr(plate.name) for plate in self._data_plates))
            raise ObjectiveError(
                f"{what} scores one datum at a time, but latent {tied[0]!r}, outside of the data's "
                f"plate {plates}, is one that all data share. Of such a pair to_arviz(pair, x) has "
                "draws of the latents, what they predict, and the log-likelihood given them; "
                "posterior_error(pair, chains) compares the guide with the chains of NUTS; and the "
                "bound is the loss that fit reports, with its sign turned."
            )

    def check_likelihood(self, what: str) -> None:
        """Check for a likelihood per datum: weights, and no site that counts more than others.

        Raises:
            ObjectiveError: naming the first latent, plate or site that does not fit.
        """
        self.check_apart(what)
        self.check_weights(what)
        self._check_proper(what)
        if self.odd_scale is not None:
            name, why = self.odd_scale
            raise ObjectiveError(
                f"{what} is about the likelihood of a datum, and leaves out a scale that all of "
                f"its sites share, but site {name!r} {why}. Take the scale out of the program, or "
                "put all sites of a datum, in model and guide, under it."
            )

    def _check_proper(self, what: str) -> None:
        """Check that no latent has a density of one everywhere, beside a guide that has another.

        Unless a site that observes what is made of latents gives it one, as `SplitReparam` does.
        """
        for site in self.observed:
            made = (LATENTS,) if site.made_of is None else site.made_of
            if site.argument is None and site.factor is None and LATENTS in made:
                return
        for site in self.weighed:
            guide = self.guide.get(site.name)
            if site.flat and not site.observed and not (guide is not None and guide.flat):
                kind = "improper" if site.flat == "improper" else "masked away"
                raise ObjectiveError(
                    f"{what} is about the likelihood of a datum, but the prior of latent "
                    f"{site.name!r} is {kind}: over all its values it has no integral, and p(x) "
                    "none over x. Give it a distribution; ELBO() trains the pair as it is."
                )
