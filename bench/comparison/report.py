"""The result of a scenario, as Markdown for people and as JSON for programs."""

from dataclasses import dataclass, field


@dataclass
class Report:
    """A table with the commands and notes that explain it."""

    scenario: str
    title: str
    commands: list[str]
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)
    # Every run, as it was measured.
    runs: list[dict] = field(default_factory=list)

    def markdown(self) -> str:
        """Returns a section of a page."""
        lines = [f"## {self.title}", "", *[f"    {command}" for command in self.commands], "",
                 table_row(self.columns), "|" + "---|" * len(self.columns), *map(table_row, self.rows)]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines) + "\n"


def table_row(cells: list[str]) -> str:
    """Returns a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def count(value: float) -> str:
    """Formats a whole number with separators."""
    return f"{value:,.0f}"


def decimal(value: float) -> str:
    """Formats two decimals: the third is noise."""
    return f"{value:.2f}"
