"""A whole launch, told step by step: drafted over HTTP, stopped at the gate, approved, and really sent over SMTP."""

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gonogo import workspaces
from gonogo.actor import SCOPES, machine
from gonogo_api import auth, logs
from gonogo_api.app import create_app, open_gate
from gonogo_api.commands.receiving import receiving
from gonogo_api.commands.serving import alone, listening, ready
from gonogo_api.settings import Settings

PEOPLE = 600
NAMES = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Katherine", "Tim")
BODY = """Dear {{ first_name }},

spring is here, and so is our sale: until Sunday everything is {{ discount | default: "ten" }} per cent off.

The Acme team
"""
CAMPAIGN = {
    "name": "Spring sale",
    "template": {"subject": "{{ first_name }}, spring is here", "body": BODY},
    "sender": {"email": "spring@acme.example", "name": "Acme"},
}


def demo(
    serve: Annotated[bool, typer.Option("--serve", help="Keep serving when the launch is over.")] = False,
    folder: Annotated[Path, typer.Option(help="Where database and mails are kept.")] = Path("gonogo-demo"),
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
) -> None:
    """A whole launch on an embedded database, sent over SMTP to a mail server of its own, told step by step."""
    folder.mkdir(parents=True, exist_ok=True)
    mail = folder / "mail"
    with receiving(mail) as relay:
        settings = Settings(database_url=f"sqlite:///{folder / 'gonogo.db'}", smtp_url=f"smtp://127.0.0.1:{relay}")
        with alone(settings), serving(settings, port) as (base, key, server):
            story = Story(Console(highlight=False, soft_wrap=True), base, key)
            tell(story, mail, f"127.0.0.1:{relay}")
            if serve:
                story.console.print(f"\nStill serving at {base}; end with Ctrl-C. Your key: {key}")
                server.join()


@contextmanager
def serving(settings: Settings, port: int) -> Iterator[tuple[str, str, threading.Thread]]:
    """A server on a thread of this process, with a new workspace; its address and a key to it."""
    sock = listening("127.0.0.1", port)
    ready(settings, migrated=True)
    logs.configure("warning")
    gate = open_gate(settings)
    pepper = settings.pepper_bytes()
    with gate.engine.begin() as connection:
        workspace = workspaces.create(gate.call(connection, machine("")), "Acme")
        call = gate.call(connection, machine(workspace))
        person = workspaces.add_member(call, "ada@acme.example", name="Ada", scopes=SCOPES, verified=True)
        key, _ = auth.issue(call, pepper, workspace=workspace, dialect="leadlex", scopes=SCOPES, member=person)
    server = uvicorn.Server(uvicorn.Config(create_app(settings, gate), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{sock.getsockname()[1]}", key, thread
    server.should_exit = True
    thread.join(30)


class Story:
    """Speaks to the server as any client would, and tells what it says."""

    def __init__(self, console: Console, base: str, key: str) -> None:
        self.console, self.base, self.key = console, base, key
        self.chapters = 0

    def chapter(self, title: str) -> None:
        self.chapters += 1
        self.console.print(f"\n[bold cyan]{self.chapters}. {title}[/bold cyan]")

    def say(self, text: str) -> None:
        self.console.print(f"   {text}")

    def call(self, method: str, path: str, body: object = None, *, aloud: bool = True) -> Any:
        """One request; answers what stands under `data`."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - loopback
            answer = json.load(response)
            if aloud:
                self.console.print(f"   [dim]{method} {path} -> {response.status}[/dim]")
        return answer["data"]


def tell(story: Story, mail: Path, relay: str) -> None:
    """The launch, from draft to sent."""
    story.chapter("A campaign is drafted")
    campaign = story.call("POST", "/v1/campaigns", CAMPAIGN)["campaign"]["id"]
    contacts: list[dict[str, object]] = [
        {"email": f"reader{n}@example.com", "first_name": NAMES[n % len(NAMES)], "discount": "twenty"}
        for n in range(PEOPLE)
    ]
    contacts += [{"email": f"no{n}@example.com", "first_name": "No", "consent": False} for n in range(2)]
    added = story.call("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": contacts})
    story.say(f"“Spring sale”, to {added['added']} people, two of whom have not agreed to be written to.")

    story.chapter("It is started, and stops at the gate")
    started = story.call("POST", f"/v1/campaigns/{campaign}/start")
    story.say(f"Status: [bold yellow]{started['status']}[/bold yellow]. More than 100 recipients need a person's yes.")

    story.chapter("Lexi has reviewed it; people decide")
    task = story.call("GET", f"/v1/lexi/tasks/{started['task_id']}")["task"]
    for finding in task["findings"] or [{"severity": "clean", "message": "Nothing to object to."}]:
        story.say(f"Lexi: [bold]{finding['severity']}[/bold]: {finding['message']}")
    need, seal = task["approvals"]["need"], task["seal"]
    people = ", ".join(f"{each['name']} <{each['email']}>" for each in task["may_decide"])
    story.say(f"Rule “{task['rule']}” asks for {need} approval. Who may decide: [bold]{people}[/bold].")
    story.say(f"What would be sent is sealed: {seal[:16]}…")

    story.chapter("Ada approves what she was shown")
    story.call("POST", f"/v1/lexi/tasks/{task['id']}/approve", {"seal": seal})
    story.say(f"The worker of the server sends, over SMTP, to the mail server at {relay}.")
    watch(story, campaign)

    story.chapter("Done")
    story.say(f"The mails:  {mail / 'new'} ({PEOPLE} of this launch, as the mail server got them)")
    story.say(f"The task:   {task['id']}, GET /v1/lexi/tasks/{task['id']}")
    story.say("Every step: GET /v1/campaigns/:id/events")
    for event in story.call("GET", f"/v1/campaigns/{campaign}/events", aloud=False)["events"]:
        story.say(f"   [dim]{event['at'][11:19]}[/dim] {event['event']}: {event['source']} → {event['target']}")
    story.say("Go on with docs/getting-started.md; `gonogo demo --serve` keeps the server up.")


def watch(story: Story, campaign: str) -> None:
    """Show the messages going out, until every one is settled."""
    columns = (TextColumn("   sending"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=story.console) as progress:
        bar = progress.add_task("sending", total=PEOPLE)
        deadline = time.monotonic() + 60
        while not progress.finished:
            stats = story.call("GET", f"/v1/campaigns/{campaign}/stats", aloud=False)
            progress.update(bar, completed=stats["sent"])
            if time.monotonic() > deadline:
                raise TimeoutError(f"the launch did not finish: {stats}")
            time.sleep(0.05)
    while story.call("GET", f"/v1/campaigns/{campaign}", aloud=False)["campaign"]["status"] != "completed":
        time.sleep(0.05)
    story.say("Status: [bold green]completed[/bold green].")
