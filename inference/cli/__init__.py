"""The `ppl-zoo` command: list and show models, train one, score a run, compare, certify.

Frameworks are imported inside the commands that need them, so that `list` and `show` are quick.
"""

from __future__ import annotations

import importlib.metadata
from typing import Annotated

import typer
from rich.table import Table

from inference.cli.certificate import certify
from inference.cli.checking import check_command
from inference.cli.comparison import compare_command, demo, report_command
from inference.cli.datasets import data
from inference.cli.docs import docs_command
from inference.cli.ending import Commands
from inference.cli.evaluation import evaluate
from inference.cli.names import model_name
from inference.cli.objectives import objectives_command
from inference.cli.output import json_option, say_json
from inference.cli.published import reproduce_command, results_command
from inference.cli.scaffold import new
from inference.cli.settings import hyperparameters
from inference.cli.streams import make_usable
from inference.cli.tables import CardText, listing, print_facts
from inference.cli.text import answering, console, plain_warnings
from inference.cli.training import train
from inference.errors import ArgumentError
from ppl_models import info, list_models, list_pretrained, pretrained_info

app = typer.Typer(
    cls=Commands,
    help="Deep generative models in Pyro and NumPyro: list, train, score.",
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the `ppl-zoo` command."""
    make_usable()
    app(prog_name="ppl-zoo")


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        console.print(f"ppl-zoo {importlib.metadata.version('ppl-model-zoo')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_command(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, such as '*vae*'.")] = "*",
    engine: Annotated[str | None, typer.Option(help="Only models on numpyro or pyro.")] = None,
    *,
    as_json: json_option = False,
) -> None:
    """List the models."""
    with answering(ValueError), plain_warnings():
        names = list_models(pattern, engine=engine)
        if not names:
            raise ArgumentError(
                f"no model matches PATTERN {pattern!r}; use * for any letters, as in '*vae*', or "
                "leave it out to see all models."
            )
    if as_json:
        facts = ("name", "family", "engines", "title", "reference", "latents", "exact")
        say_json([{fact: getattr(info(name), fact) for fact in facts} for name in names])
        return
    table = listing("name", "family", "engines", "title")
    for name in names:
        card = info(name)
        table.add_row(name, card.family, ", ".join(card.engines), card.title)
    console.print(table)


@app.command()
def show(name: model_name, *, as_json: json_option = False) -> None:
    """Show a model's card, its hyperparameters, and the weights that it can begin with."""
    with answering(ValueError):
        card = info(name)
    settings = hyperparameters(card, card.engines[0])
    if as_json:
        facts = ("name", "title", "family", "engines", "reference", "latents", "exact", "text")
        say_json(
            {fact: getattr(card, fact) for fact in facts}
            | {"hyperparameters": {key: vars(each) for key, each in settings.items()}}
            | {"pretrained": [vars(pretrained_info(n)) for n in list_pretrained(model=name)]}
        )
        return
    latents = [f"{site} ({', '.join(map(str, shape))})" for site, shape in card.latents.items()]
    print_facts(
        {
            "name": card.name,
            "title": card.title,
            "family": card.family,
            "engines": ", ".join(card.engines),
            "reference": card.reference,
            "latents": ", ".join(latents) or "none",
            "exact evidence": "yes" if card.exact else "no",
        }
    )
    console.print(CardText(card.text))
    table = listing("hyperparameter", "default", "meaning")
    for key, parameter in settings.items():
        table.add_row(key, parameter.default, parameter.meaning)
    console.print(table)
    console.print(weights_table(name))


def weights_table(model: str) -> Table | str:
    """The weights of a model, each with its score and what that was measured on."""
    names = list_pretrained(model=model)
    if not names:
        return "No weights are shipped for this model."
    table = listing("pretrained", "objective", "score", "measured by", "on", "size", "licence")
    for weights in map(pretrained_info, names):
        found = weights.result
        table.add_row(
            weights.name,
            weights.objective,
            f"{found['value']:.2f} ± {found['standard_error']:.2f} {found['unit']}",
            f"{found['estimator']}, {found['rows']:,} rows",
            found["data_id"],
            f"{weights.size / 1e6:.2f} MB",
            weights.licence,
        )
    return table


# In the order of `ppl-zoo --help`.
app.command()(train)
app.command()(evaluate)
app.command("compare")(compare_command)
app.command("report")(report_command)
app.command()(demo)
app.command()(new)
app.command("reproduce")(reproduce_command)
app.command("results")(results_command)
app.command("check")(check_command)
app.command("objectives")(objectives_command)
app.command()(certify)
app.command("docs")(docs_command)
app.add_typer(data, name="data")
