"""Where studies are kept: a database or Optuna's journal file. What is there is looked at before it is touched.

Nothing in these executes anything when it is read: journals are JSON, and the tables hold numbers, words and JSON.
Optuna unpickles the snapshots of a journal, which journal files do not have, and what CMA-ES keeps, which is not used.
"""

import contextlib
import importlib.util
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from baselines.common.errors import TrainingError, UserError
from baselines.storage.files import check_file_writable

_FORMS = "sqlite:///FILE, postgresql://..., mysql://... or journal:FILE"
_JOURNAL = "journal:"
_DRIVERS = {"postgresql": "psycopg2-binary", "mysql": "pymysql", "mariadb": "pymysql"}
_TABLES = {"studies", "trials", "version_info", "alembic_version"}  # some of Optuna's
_PATIENCE = 60  # seconds that a process waits for another one that writes to the same SQLite file


def check_storage(storage: str) -> None:
    """Raise UserError where no study can be kept there, without making or changing anything."""
    if file := _journal_file(storage):
        check_file_writable(file)
        _check_journal(file)
        return
    url = _url(storage)
    if url.get_backend_name() == "sqlite":
        _check_sqlite(storage, url)
    try:
        sqlalchemy.create_engine(url).dispose()  # connects to nothing yet
    except ImportError:
        driver = _DRIVERS.get(url.get_backend_name(), "its driver")
        by_name = f" (the driver {url.get_driver_name()})" if "+" in storage.partition(":")[0] else ""
        raise UserError(f"--storage={_shown(url)} needs {driver}{by_name}: pip install {driver}") from None
    except SQLAlchemyError as error:
        raise UserError(f"--storage={_shown(url)}: {_first_line(error)}") from None


def open_storage(storage: str) -> optuna.storages.BaseStorage:
    """Make it where it is not there yet. Raises UserError."""
    try:
        if file := _journal_file(storage):
            os.makedirs(os.path.dirname(os.path.abspath(file)), exist_ok=True)
            return optuna.storages.JournalStorage(JournalFileBackend(file))
        return _open_database(_url(storage))
    except Exception as error:  # of a database, of its driver, or whatever a damaged file makes of Optuna's reader
        raise UserError(f"cannot use --storage={shown(storage)}: {_first_line(error)}") from None


@contextlib.contextmanager
def storage_errors(name: str, kind: type[Exception] = TrainingError) -> Iterator[None]:
    """A storage that fails, as it may at any time of a study, raises `kind` inside this block."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError, OSError) as error:
        why = _first_line(error)
        raise kind(f"the storage of study {name} fails: {why}; the same command goes on") from None


def _open_database(url: URL) -> optuna.storages.BaseStorage:
    is_file = url.get_backend_name() == "sqlite"
    if is_file:
        os.makedirs(os.path.dirname(os.path.abspath(str(url.database))), exist_ok=True)
    # Optuna fills {SCHEMA_VERSION} in.
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    left = 10
    while True:
        try:
            # Optuna makes no copy of the arguments, and adds to them.
            return optuna.storages.RDBStorage(text, {"connect_args": {"timeout": _PATIENCE}} if is_file else {})
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            # Two processes that begin together make the same tables: the second one finds them there.
            left -= 1
            if not left or not any(word in str(error).lower() for word in ("exist", "duplicate", "unique")):
                raise
            time.sleep(0.2)


def _journal_file(storage: str) -> str | None:
    """Raises UserError for a journal without a name."""
    if not storage.startswith(_JOURNAL):
        return None
    file = storage.removeprefix(_JOURNAL)
    if not file:
        raise UserError(f"--storage={storage}: expected {_FORMS}")
    return os.path.expanduser(file)


def _url(storage: str) -> URL:
    """Raises UserError for what is no address of a database that is known here."""
    try:
        url = make_url(storage)
    except (SQLAlchemyError, ValueError):
        raise UserError(f"--storage: expected {_FORMS}, got '{storage}'") from None
    backend = url.get_backend_name()
    if backend not in ("sqlite", *_DRIVERS):
        raise UserError(f"--storage: expected {_FORMS}, got '{_shown(url)}'")
    if url.drivername == backend and _DRIVERS.get(backend) == "pymysql" and not importlib.util.find_spec("MySQLdb"):
        url = url.set(drivername=f"{backend}+pymysql")
    if backend == "sqlite" and url.database:
        url = url.set(database=os.path.expanduser(url.database))
    return url


def shown(storage: str) -> str:
    """The storage for people: without its password."""
    return storage if _journal_file(storage) else _shown(_url(storage))


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _check_sqlite(storage: str, url: URL) -> None:
    """Raise UserError for a file that is no SQLite database, or one of something else."""
    file, is_plain = url.database, url.drivername in ("sqlite", "sqlite+pysqlite")
    if not file or file == ":memory:" or file.startswith("file:") or not is_plain:
        raise UserError(f"--storage={storage}: expected a file, sqlite:///FILE, which keeps the study")
    check_file_writable(file)
    if not os.path.exists(file):
        return
    if not os.access(file, os.W_OK):
        raise UserError(f"cannot write {file}: it is read-only")
    address = f"{Path(file).absolute().as_uri()}?mode=ro"
    for _ in range(20):
        try:
            with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE)) as database:
                tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.Error as error:
            raise UserError(f"cannot use {file} as --storage: {error}") from None
        if not tables or tables >= _TABLES or "studies" not in tables:
            break
        time.sleep(0.1)  # another process may be making them
    if tables and not tables >= _TABLES:
        raise UserError(f"{file} is a database of something else (tables {', '.join(sorted(tables))[:60]}); choose "
                        "another --storage")  # fmt: skip


def _check_journal(file: str) -> None:
    """Raise UserError for a file that is no journal of Optuna's."""
    if not os.path.exists(file):
        return
    if not os.access(file, os.W_OK):
        raise UserError(f"cannot write {file}: it is read-only")
    try:
        with open(file, "rb") as lines:
            for number, line in enumerate(lines, 1):
                entry = json.loads(line) if line.endswith(b"\n") else None
                if not isinstance(entry, dict) or not {"op_code", "worker_id"} <= entry.keys():
                    raise ValueError(number)
    except (ValueError, RecursionError):
        raise UserError(
            f"{file} is no journal of Optuna's: line {number} is none of its entries; choose another --storage"
        ) from None
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None


def _first_line(error: BaseException) -> str:
    """What a library says, without SQL and links; Optuna's own errors name another one as their cause."""
    if isinstance(error, optuna.exceptions.StorageInternalError) and error.__cause__:
        error = error.__cause__
    return (str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__])[0]
