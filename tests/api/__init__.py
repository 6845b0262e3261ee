"""The server and its five APIs: in one package, so that what its tests share ends with them."""
