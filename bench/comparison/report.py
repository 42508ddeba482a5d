"""What a scenario found, as Markdown for people and as JSON for programs."""

from dataclasses import dataclass, field


@dataclass
class Report:
    """One table, with what has to be known to read it."""

    scenario: str
    title: str
    commands: list[str]
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)
    # Every run, as it was measured.
    runs: list[dict] = field(default_factory=list)

    def markdown(self) -> str:
        """A section of a page."""
        lines = [f"## {self.title}", "", *[f"    {command}" for command in self.commands], "",
                 table_row(self.columns), "|" + "---|" * len(self.columns), *map(table_row, self.rows)]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines) + "\n"


def table_row(cells: list[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def count(value: float) -> str:
    """A whole number that can be read."""
    return f"{value:,.0f}"


def decimal(value: float) -> str:
    """Two digits: the third is noise."""
    return f"{value:.2f}"
