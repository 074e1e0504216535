"""Ways of learning: one estimator family a file, each usable as `loss=` in both engines' SVI."""

from inference.objectives._objective import Objective
from inference.objectives.adversarial import Adversarial
from inference.objectives.antithetic import ARM, DisARM
from inference.objectives.concrete import Concrete
from inference.objectives.contrastive import CD
from inference.objectives.control_variates import REBAR, RELAX
from inference.objectives.cycle_consistent import CycleConsistent
from inference.objectives.denoising import Denoising
from inference.objectives.divergences import ChiSquare, TailAdaptive
from inference.objectives.domain_adversarial import DomainAdversarial
from inference.objectives.doubly_reparameterised import STL, DReG
from inference.objectives.elbo import ELBO
from inference.objectives.enumerated import Enumerated
from inference.objectives.exposure import ScheduledSampling
from inference.objectives.f_divergences import JensenShannon, TotalVariation
from inference.objectives.iwae import CIWAE, IWAE, MIWAE, PIWAE
from inference.objectives.mmd import MMD, InfoVAE
from inference.objectives.multi_prediction import MultiPrediction
from inference.objectives.muprop import MuProp
from inference.objectives.noise_contrastive import NCE
from inference.objectives.nvil import NVIL
from inference.objectives.order_agnostic import OrderAgnostic
from inference.objectives.professor_forcing import ProfessorForcing
from inference.objectives.pseudo_likelihood import PseudoLikelihood
from inference.objectives.registry import enlist, parse_objective
from inference.objectives.renyi import Renyi
from inference.objectives.roulette import SUMO
from inference.objectives.score_function import RLOO, VIMCO
from inference.objectives.score_matching import ScoreMatching
from inference.objectives.semi_supervised import SemiSupervisedAdversarial
from inference.objectives.spelling import describe_objective
from inference.objectives.thermodynamic import TVO
from inference.objectives.up_down import UpDown
from inference.objectives.validity import Validity, valid_objectives
from inference.objectives.wake_sleep import RWS, WakeSleep

# In the order in which they are named to users. A new one has a line here and one in `__all__`.
enlist(
    Objective,
    (
        ELBO,
        IWAE,
        MIWAE,
        PIWAE,
        CIWAE,
        STL,
        DReG,
        Renyi,
        TailAdaptive,
        ChiSquare,
        NVIL,
        RLOO,
        VIMCO,
        Concrete,
        REBAR,
        RELAX,
        MuProp,
        ARM,
        DisARM,
        RWS,
        WakeSleep,
        TVO,
        SUMO,
        JensenShannon,
        TotalVariation,
        Enumerated,
        InfoVAE,
        MMD,
        Adversarial,
        SemiSupervisedAdversarial,
        DomainAdversarial,
        CycleConsistent,
        CD,
        ScheduledSampling,
        ProfessorForcing,
        OrderAgnostic,
        PseudoLikelihood,
        NCE,
        ScoreMatching,
        UpDown,
        MultiPrediction,
        Denoising,
    ),
)

__all__ = [
    "ARM",
    "CD",
    "CIWAE",
    "ELBO",
    "IWAE",
    "MIWAE",
    "MMD",
    "NCE",
    "NVIL",
    "PIWAE",
    "REBAR",
    "RELAX",
    "RLOO",
    "RWS",
    "STL",
    "SUMO",
    "TVO",
    "VIMCO",
    "Adversarial",
    "ChiSquare",
    "Concrete",
    "CycleConsistent",
    "DReG",
    "Denoising",
    "DisARM",
    "DomainAdversarial",
    "Enumerated",
    "InfoVAE",
    "JensenShannon",
    "MuProp",
    "MultiPrediction",
    "Objective",
    "OrderAgnostic",
    "ProfessorForcing",
    "PseudoLikelihood",
    "Renyi",
    "ScheduledSampling",
    "ScoreMatching",
    "SemiSupervisedAdversarial",
    "TailAdaptive",
    "TotalVariation",
    "UpDown",
    "Validity",
    "WakeSleep",
    "describe_objective",
    "parse_objective",
    "valid_objectives",
]
