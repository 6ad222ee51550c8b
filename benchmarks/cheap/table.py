"""Figures as a table of text."""

from __future__ import annotations


def show(title: str, rows: dict[str, dict[str, float]], digits: int) -> None:
    """Print a table; a row has the columns that it has."""
    if not rows:
        return
    columns: list[str] = []
    for row in rows.values():
        columns += [name for name in row if name not in columns]
    first = max(len(name) for name in rows)
    print(f"\n{title}")
    print(" " * first, *(f"{column:>{max(9, len(column))}}" for column in columns), sep="  ")
    for name, row in rows.items():
        cells = [f"{row[column]:.{digits}f}" if column in row else "" for column in columns]
        widths = [max(9, len(column)) for column in columns]
        print(f"{name:<{first}}", *(f"{cell:>{width}}" for cell, width in zip(cells, widths)), sep="  ")
