"""`python -m conformance`: write docs/dialects.md anew."""

import sys

from conformance.page import PAGE, page, recorded, unproven

tapes = recorded()
if missing := unproven(tapes):
    sys.exit("\n".join(missing))
PAGE.write_text(page(tapes), encoding="utf-8")
