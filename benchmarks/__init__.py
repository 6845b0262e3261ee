"""What the library costs, each figure beside the least that the same work could cost, measured in the same run.

`python -m benchmarks` runs them all, `python -m benchmarks decide launch` some. A figure alone says more about the
machine than about us; a ratio between two programs that took turns on it, in one run, can be compared.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # for `support`: the PostgreSQL that the tests start
