from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, sync_playwright

from browser.page_case import HORIZON, Visit, shops, table
from cases.bundles import save
from recurra import Forecaster
from recurra.blocks import Branch, Composition, Embedding, Linear, Recurrent
from recurra.serve import ServeConfig, Server


@pytest.fixture(scope="session")
def bundles(tmp_path_factory) -> list[Path]:
    """Two forecasters, a model of codes that can go on by itself, and one of plain numbers."""
    folder = tmp_path_factory.mktemp("bundles")
    torch.manual_seed(0)
    (folder / "units.csv").write_text(table(200))
    options = {
        "hidden_size": 8,
        "epochs": 2,
        "steps_per_epoch": 20,
        "batch_size": 16,
        "horizon": HORIZON,
        "context": 28,
    }
    forecaster = Forecaster(target="units", **options)
    forecaster.fit(folder / "units.csv", progress="none").save(folder / "units")
    (folder / "shops.csv").write_text(shops(120))
    several = Forecaster(target=["units", "visits"], series="shop", cell="lstm", **options)
    several.fit(folder / "shops.csv", progress="none").save(folder / "shops")
    letters = (
        Embedding(categories=(12,), sizes=(8,)),
        Recurrent(cell="lstm", hidden_size=16, num_layers=2),
        Linear(size=12),
    )
    save(
        folder / "letters",
        Composition(inputs={"code": 1}, branches=(Branch(name="next", takes=("code",), blocks=letters),)),
        task="letters",
        seed=0,
        scale=2.0,
    )
    vectors = (Recurrent(cell="gru", hidden_size=10), Linear(size=2))
    save(
        folder / "vectors",
        Composition(inputs={"x": 3}, branches=(Branch(name="out", takes=("x",), blocks=vectors),)),
        task="vectors",
        seed=1,
        scale=2.0,
    )
    return [folder / name for name in ("units", "shops", "letters", "vectors")]


@contextmanager
def serving(bundles: list[Path], **settings) -> Iterator[str]:
    """The address of a server with these bundles, in a thread."""
    server = Server(bundles, ServeConfig(port=0, forget=True, **settings))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield server.address
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def address(bundles) -> Iterator[str]:
    with serving(bundles) as address:
        yield address


# Not for the whole session: its event loop would stand in the way of tests that run one of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("RECURRA_CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def expected() -> list[str]:
    """Parts of what the browser's console may say in a test: a test of an error puts them here."""
    return []


@pytest.fixture
def visit(browser: Browser, address: str, expected: list[str]) -> Iterator[Visit]:
    """Opens the page of a model. At the end: nothing on the console, nothing asked of anybody else."""
    said: list[str] = []
    asked: list[str] = []
    contexts = []

    def open_page(model: str = "units", *, width: int = 1280, at: str = address, **options) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, **{"locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(f"{error}\n{error.stack}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{at}/#model={model}")
        page.wait_for_selector("h1, .banner")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [words for words in said if not any(part in words for part in expected)] == []
    assert [url for url in asked if not url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:"))] == []
