"""`python -m gonogo_api` is the command `gonogo`."""

from gonogo_api.cli import main

main()
