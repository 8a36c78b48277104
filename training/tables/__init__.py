"""What the printed tables of the four papers say once their arithmetic is followed back.

Every printed figure is a quotient of whole films, so few confusion matrices can be behind a row
of a table. The search looks at all of them, under every reading of the column names.
"""
