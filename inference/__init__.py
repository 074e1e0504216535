"""How generative models learn, and how well: objectives, training, evaluation, on both engines.

The public names are said in `__init__.pyi`. They are imported when they are first used, so that the
command line starts quickly.
"""

from importlib.metadata import version

from inference.names import attach
from inference.signposts import put_up

put_up()
__version__ = version("ppl-model-zoo")
__getattr__, __dir__, __all__ = attach(__name__, __file__)
