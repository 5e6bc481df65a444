"""Conditions over the columns of a table, as a person types them: ``volume_um3 > 50``.

Nothing is ever run as Python: the text is parsed to a syntax tree, and only the few
kinds of nodes below are understood.
"""

from __future__ import annotations

import ast
import difflib
import functools
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError

__all__ = ["FUNCTIONS", "column_array", "evaluate", "matching"]

_LONGEST = 5_000

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "abs": np.abs,
    "log": np.log,
    "sqrt": np.sqrt,
    "isnan": np.isnan,
}
"""What may be called in an expression; ``log`` is the natural logarithm."""

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Pow: np.power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_INSTEAD = {ast.BitAnd: "and", ast.BitOr: "or", ast.Invert: "not"}


def matching(text: str, table: pd.DataFrame | Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which rows of a table fulfil a condition.

    Parameters
    ----------
    text : str
        Condition such as ``volume_um3 > 50 and not touches_border``; see `evaluate`.
    table : DataFrame, or mapping of str to (n,) array
        Table whose column names the condition may use; see `column_array` for the arrays.

    Returns
    -------
    (n,) array of bool

    Raises
    ------
    InputError
        If the text cannot be understood, or gives something else than yes or no.
    """
    columns = _LazyColumns(table) if isinstance(table, pd.DataFrame) else table
    n = len(table) if isinstance(table, pd.DataFrame) else len(next(iter(table.values()), ()))
    found = evaluate(text, columns)
    if found.dtype.kind != "b":
        what = "numbers" if found.dtype.kind in "iuf" else "text"
        raise InputError(
            f"“{text.strip()}” gives {what}; a condition is needed, "
            f"such as “{_example(list(columns))}”."
        )
    return np.array(np.broadcast_to(found, (n,)))


def evaluate(text: str, columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Value of an expression over columns of equal length.

    Understood are column names, numbers, texts in quotes, ``True``, ``False``, the
    comparisons (also chained, ``1 < x < 5``), ``and``, ``or``, ``not``, ``+ - * / **``,
    brackets, ``abs log sqrt isnan``, ``x in (1, 2)`` and ``"cut" in note``.

    Parameters
    ----------
    text : str
        The expression.
    columns : mapping of str to (n,) array
        Arrays of numbers, of bool, or of str (dtype object).

    Returns
    -------
    (n,) array, or () array where no column is used
        Comparisons and logic give bool. Arithmetic is done in float64. As in numpy, a
        comparison with NaN is False (``!=`` True).

    Raises
    ------
    InputError
        If the text cannot be understood; says which part, and which columns there are.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise InputError(f"The expression is {len(text)} characters long; {_LONGEST} are allowed.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd literals; the tree is all we want
            tree = ast.parse(text, mode="eval").body
        with np.errstate(all="ignore"):
            return np.asarray(_value(tree, columns))
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(_unreadable(text, error, columns)) from error


def column_array(series: pd.Series[Any]) -> NDArray[Any]:
    """A column as an array of numbers, of bool, or of str (dtype object; missing is "").

    Missing numbers are NaN; an integer column with missing values becomes float64.
    """
    kind = pd.api.types.infer_dtype(series, skipna=True)
    if series.dtype.kind == "b" and not series.hasnans:
        return series.to_numpy(dtype=np.bool_)
    if series.dtype.kind in "iu" and not series.hasnans:
        return series.to_numpy()
    if kind in ("floating", "integer", "mixed-integer-float", "boolean", "decimal"):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if kind == "empty" and series.dtype.kind == "f":
        return series.to_numpy(dtype=np.float64)
    return series.astype(object).where(series.notna(), "").map(str).to_numpy(dtype=object)


class _LazyColumns(Mapping[str, NDArray[Any]]):
    """Columns of a table, turned into arrays only where an expression uses them."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def __getitem__(self, name: str) -> NDArray[Any]:
        return column_array(self._table[name])

    def __iter__(self) -> Any:
        return iter(map(str, self._table.columns))

    def __len__(self) -> int:
        return self._table.shape[1]


def _value(node: ast.AST, columns: Mapping[str, NDArray[Any]]) -> Any:
    match node:
        case ast.Constant(value=bool() | float() | str() as constant):
            return constant
        case ast.Constant(value=int() as constant):
            return constant if abs(constant) < 2**63 else float(constant)
        case ast.Name(id=name):
            return _column(name, columns)
        case ast.BoolOp(op=op, values=parts):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return functools.reduce(join, [_condition(part, columns) for part in parts])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(_condition(operand, columns))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as constant)):
            return -constant
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return np.negative(_number(operand, columns))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _number(operand, columns)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _ARITHMETIC[type(op)](_number(left, columns), _number(right, columns))
        case ast.Compare(left=left, ops=ops, comparators=rights):
            sides = [left, *rights]
            return functools.reduce(
                np.logical_and,
                [_compare(*trio, columns) for trio in zip(sides, ops, rights, strict=False)],
            )
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](_number(argument, columns))
    raise InputError(_not_understood(node))


def _column(name: str, columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    if name in columns:
        return columns[name]
    names = list(columns)
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise InputError(f"There is no column “{name}”.{hint} Columns: {', '.join(names)}.")


def _kind(value: Any) -> str:
    kind = np.asarray(value).dtype.kind
    return "condition" if kind == "b" else "number" if kind in "iuf" else "text"


def _number(node: ast.AST, columns: Mapping[str, NDArray[Any]]) -> Any:
    value = _value(node, columns)
    if _kind(value) == "text":
        raise InputError(f"“{ast.unparse(node)}” is text; a number is needed there.")
    return np.asarray(value, dtype=np.float64)


def _condition(node: ast.AST, columns: Mapping[str, NDArray[Any]]) -> Any:
    value = _value(node, columns)
    if _kind(value) != "condition":
        part = ast.unparse(node)
        raise InputError(
            f"“{part}” is a {_kind(value)}; “and”, “or” and “not” join conditions, "
            f"such as “{part} > 0”."
        )
    return value


def _compare(
    left: ast.AST, op: ast.cmpop, right: ast.AST, columns: Mapping[str, NDArray[Any]]
) -> Any:
    if isinstance(op, ast.In | ast.NotIn):
        found = _contained(left, right, columns)
        return found if isinstance(op, ast.In) else np.logical_not(found)
    if type(op) not in _COMPARISONS:
        raise InputError("“is” is not understood; compare with == or !=.")
    a, b = _value(left, columns), _value(right, columns)
    if (_kind(a) == "text") != (_kind(b) == "text"):
        raise InputError(
            f"“{ast.unparse(left)}” is a {_kind(a)} and “{ast.unparse(right)}” a {_kind(b)}; "
            "they cannot be compared."
        )
    if _kind(a) == "text":  # numpy compares its own fixed-width strings, not mixed ones
        a, b = np.asarray(a, dtype=object), np.asarray(b, dtype=object)
    return np.asarray(_COMPARISONS[type(op)](a, b), dtype=np.bool_)


def _contained(left: ast.AST, right: ast.AST, columns: Mapping[str, NDArray[Any]]) -> Any:
    value = _value(left, columns)
    if isinstance(right, ast.Tuple | ast.List | ast.Set):
        members = [_value(member, columns) for member in right.elts]
        if any(np.ndim(member) for member in members):
            raise InputError(f"“{ast.unparse(right)}”: list numbers or texts there, no columns.")
        texts = {_kind(member) == "text" for member in members}
        if texts - {_kind(value) == "text"}:
            raise InputError(
                f"“{ast.unparse(left)}” is a {_kind(value)}; "
                "the list after “in” must hold the same."
            )
        if _kind(value) == "text":
            wanted = set(members)
            return _each(lambda text: text in wanted, value)
        return np.isin(value, np.array(members))
    container = _value(right, columns)
    if _kind(value) != "text" or np.ndim(value) or _kind(container) != "text":
        raise InputError(
            f"“{ast.unparse(right)}” cannot stand after “in”: "
            'write a list, “label in (1, 2)”, or a text in a column, “"cut" in note”.'
        )
    return _each(lambda text: value in text, container)


def _each(test: Callable[[str], bool], texts: Any) -> Any:
    array = np.asarray(texts, dtype=object)
    return np.fromiter(map(test, array.ravel()), np.bool_, array.size).reshape(array.shape)


def _not_understood(node: ast.AST) -> str:
    part = ast.unparse(node)
    instead = _INSTEAD.get(type(getattr(node, "op", None)))  # type: ignore[arg-type]
    if instead:
        return f"“{part}”: write “{instead}” there."
    if isinstance(node, ast.Call):
        return f"“{part}” is not understood; the functions are {', '.join(FUNCTIONS)} of one value."
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return f"“{part}” is a list; it may only stand after “in” (numbers have a decimal point)."
    return f"“{part}” is not understood in a condition."


def _unreadable(text: str, error: Exception, columns: Iterable[str]) -> str:
    if not text:
        return f"The condition is empty; write one such as “{_example(list(columns))}”."
    if isinstance(error, RecursionError | MemoryError):
        return "The condition is nested too deeply; write it in fewer parts."
    hint = ""
    if re.search(r"(?<![=!<>])=(?!=)", text):
        hint = " Compare with ==, not =."
    elif word := re.search(r"\b(AND|OR|NOT|IN)\b", text):
        hint = f" Write “{word[0].lower()}” in small letters."
    place = ""
    if isinstance(error, SyntaxError) and error.offset and error.offset <= len(text):
        place = f" at “{text[error.offset - 1 :][:20]}”"
    return (
        f"“{text}” cannot be read{place}.{hint} "
        f"Write a condition such as “{_example(list(columns))}”."
    )


def _example(names: list[str]) -> str:
    usual = [name for name in ("volume_um3", "area_um2", "mean") if name in names]
    return f"{[*usual, *names, 'x'][0]} > 50"
