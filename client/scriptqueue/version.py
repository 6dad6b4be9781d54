"""The version of the product, in its one place: both pyproject.toml, /openapi.json and the changelog follow it.

Knows one text. In the code and not in an installed package's metadata, for the service runs from a checkout as well.
"""

VERSION = "0.2.0"
