"""The package's objectives, one a line, in the order in which they are named to users.

`inference` and `inference.objectives` take their names from here, and so do parsing, refusals, the
certificate and the command line.
"""

# ruff: isort: skip_file
from inference.objectives.elbo import ELBO as ELBO
from inference.objectives.iwae import IWAE as IWAE
from inference.objectives.iwae import MIWAE as MIWAE
from inference.objectives.iwae import PIWAE as PIWAE
from inference.objectives.iwae import CIWAE as CIWAE
from inference.objectives.doubly_reparameterised import STL as STL
from inference.objectives.doubly_reparameterised import DReG as DReG
from inference.objectives.renyi import Renyi as Renyi
from inference.objectives.divergences import TailAdaptive as TailAdaptive
from inference.objectives.divergences import ChiSquare as ChiSquare
from inference.objectives.nvil import NVIL as NVIL
from inference.objectives.score_function import RLOO as RLOO
from inference.objectives.score_function import VIMCO as VIMCO
from inference.objectives.concrete import Concrete as Concrete
from inference.objectives.control_variates import REBAR as REBAR
from inference.objectives.control_variates import RELAX as RELAX
from inference.objectives.muprop import MuProp as MuProp
from inference.objectives.antithetic import ARM as ARM
from inference.objectives.antithetic import DisARM as DisARM
from inference.objectives.wake_sleep import RWS as RWS
from inference.objectives.wake_sleep import WakeSleep as WakeSleep
from inference.objectives.thermodynamic import TVO as TVO
from inference.objectives.roulette import SUMO as SUMO
from inference.objectives.f_divergences import JensenShannon as JensenShannon
from inference.objectives.f_divergences import TotalVariation as TotalVariation
from inference.objectives.enumerated import Enumerated as Enumerated
from inference.objectives.mmd import InfoVAE as InfoVAE
from inference.objectives.mmd import MMD as MMD
from inference.objectives.adversarial import Adversarial as Adversarial
from inference.objectives.semi_supervised import (
    SemiSupervisedAdversarial as SemiSupervisedAdversarial,
)
from inference.objectives.domain_adversarial import DomainAdversarial as DomainAdversarial
from inference.objectives.cycle_consistent import CycleConsistent as CycleConsistent
from inference.objectives.contrastive import CD as CD
from inference.objectives.exposure import ScheduledSampling as ScheduledSampling
from inference.objectives.professor_forcing import ProfessorForcing as ProfessorForcing
from inference.objectives.order_agnostic import OrderAgnostic as OrderAgnostic
from inference.objectives.pseudo_likelihood import PseudoLikelihood as PseudoLikelihood
from inference.objectives.noise_contrastive import NCE as NCE
from inference.objectives.score_matching import ScoreMatching as ScoreMatching
from inference.objectives.up_down import UpDown as UpDown
from inference.objectives.multi_prediction import MultiPrediction as MultiPrediction
from inference.objectives.denoising import Denoising as Denoising
