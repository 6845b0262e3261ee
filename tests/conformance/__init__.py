"""The five originals, line by line, each with the exchange over live HTTP that shows that it holds here."""
