"""Every question asked of the database, one named function each, by subject. SQL stands here and nowhere else.

Written with SQLAlchemy Core on the tables of `models.py`. Statements of the hot path are built once, at import.
"""
