"""Networks that several pairs share, once for torch and once for flax.

Beside this file are checks of arguments, start values, and the networks that users build: fully
connected ones, convolutions, critics. Each sub-folder says in its first line what is inside.
"""

from ppl_models._signposts import put_up

put_up()
