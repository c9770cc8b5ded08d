"""A hundred and fifty texts that would do something where they are not shown as text, and a store in which they stand everywhere.

What each would do if it ran: set `window.ran`, run the command `canary`, or ask an address of ours. Sources of the kinds: the
XSS families of OWASP's cheat sheets, Markdown and MathJax as Jupyter renders them, escape sequences of terminals (OSC 8, CSI),
Lumino's command linker, and names that are something to JavaScript or to a template.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlops_jupyter.entities import (
    CellError,
    CellExecution,
    Dataset,
    FileAccess,
    Fingerprint,
    Goal,
    Metric,
    ModelRef,
    NotebookRef,
    Outcome,
    Output,
    Param,
    Read,
    ResultVerdict,
    Run,
    Session,
    Submission,
    VariableVersion,
    Verification,
)
from mlops_jupyter.store import open_store
from tests.unit.store.story import append

_HANDLERS = (
    "<img src=x onerror={}>",
    "<svg onload={}>",
    "<body onpageshow={}>",
    "<details open ontoggle={}>x</details>",
    "<input autofocus onfocus={}>",
    "<video><source onerror={}></video>",
    "<audio src=x onerror={}>",
    "<marquee onstart={}>x</marquee>",
    "<select autofocus onfocus={}>",
    "<iframe onload={}></iframe>",
    '"><img src=x onerror={}>',
    "'><svg onload={}>",
    "<math><mtext></table><img src=x onerror={}>",
    "<svg><animate onbegin={} attributeName=x dur=1s>",
    "</textarea><img src=x onerror={}>",
    "</title><svg onload={}>",
    "<!--><img src=x onerror={}>-->",
    "<xmp></xmp><img src=x onerror={}>",
    "<template></template><img src=x onerror={}>",
    "<a id=x tabindex=1 onfocus={}></a>",
    "--!><svg onload={}>",
    "</style><img src=x onerror={}>",
)
_SCRIPTS = (
    "<script>{}</script>",
    "</script><script>{}</script>",
    "<svg><script>{}</script></svg>",
    "<scr<script>ipt>{}</scr</script>ipt>",
    '<iframe srcdoc="<script>parent.{}</script>"></iframe>',
    '<object data="javascript:{}"></object>',
    '<embed src="javascript:{}">',
    '<a href="javascript:{}">link</a>',
    '<form action="javascript:{}"><button>go</button></form>',
    '<svg><a xlink:href="javascript:{}"><text>x</text></a></svg>',
    "[link](javascript:{})",
    "<javascript:{}>",
    "![x](javascript:{})",
    "[x]: javascript:{}\n[x]",
    "$\\href{{javascript:{}}}{{x}}$",
    "\\[\\require{{html}}\\href{{javascript:{}}}{{x}}\\]",
    "\\(\\class{{x}}{{y}}\\)<script>{}</script>",
    "\x1b]8;;javascript:{}\x07link\x1b]8;;\x07",
    "data:text/html,<script>{}</script>",
    "javascript:{}",
    "';{};//",
    '";{};//',
    "`;{};//",
    "${{{}}}",
    "{{{{{}}}}}",
    "{{%{}%}}",
    "<%={}%>",
    "constructor.constructor('{}')()",
)
_REQUESTS = (
    "<img src={}>",
    "<link rel=stylesheet href={}>",
    "<style>@import url({});</style>",
    "<style>*{{background:url({})}}</style>",
    '<div style="background:url({})">x</div>',
    "<iframe src={}></iframe>",
    "<object data={}></object>",
    "<embed src={}>",
    "<video src={} autoplay></video>",
    "<audio src={} autoplay></audio>",
    '<meta http-equiv=refresh content="0;url={}">',
    "<base href={}>",
    "<svg><image href={} /></svg>",
    "<svg><use href={}#x /></svg>",
    "<svg><feImage href={} /></svg>",
    "<picture><source srcset={}><img></picture>",
    "<script src={}></script>",
    "<link rel=prefetch href={}>",
    "<link rel=preconnect href={}>",
    "![x]({})",
    "<img srcset={}>",
    "<input type=image src={}>",
    "<table background={}>",
    "$\\require{{{}}}$",
    "<math href={}>x</math>",
    "<track src={}>",
    "<portal src={}></portal>",
    "<form action={}><button>go</button></form>",
    "![x][1]\n\n[1]: {}",
    "<svg><style>@import '{}';</style></svg>",
)
_COMMANDS = (
    '<button data-commandlinker-command="canary" data-commandlinker-args="{}">x</button>',
    "<a data-commandlinker-command='canary' data-commandlinker-args='{\"a\": 1}'>x</a>",
    "<img data-commandlinker-command=canary src=x>",
    '<div data-command="canary" class="jp-mod-command">x</div>',
    '<a href="#" data-commandlinker-command="canary">x</a>',
    "[x](command:canary)",
    '<a href="command:canary">x</a>',
    "commandlinker://canary",
    "<input type=button data-commandlinker-command=canary value=x>",
    "<span data-jp-command=canary tabindex=0>x</span>",
)
_NAMES = (
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "hasOwnProperty",
    "__defineGetter__",
    "../../etc/passwd",
    "..\\..\\x",
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b[31mred",
    "\x1b[?1049h",
    "\x1bP+q\x1b\\",
    "\x9b31m",
    "a\x00b",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\ufeffbom",
    "%00",
    "%0d%0aX-Evil: 1",
    "null",
    "undefined",
    "NaN",
    "Infinity",
    "-0",
    "true",
    "[object Object]",
    "{}",
    "[]",
    "&lt;img&gt;",
    "&#60;script&#62;",
    "\\u003cscript\\u003e",
    '"',
    "'",
    "`",
    "\\",
    "<",
    "<!--",
    "]]>",
    "x" * 3000,
    "\u0301" * 200,
    "a\u200bb",
    "\U0001f9ea" * 50,
    "\n\n\n",
    "\t|\t",
    "a" + " " * 500 + "b",
    "%s%n%x",
    "{0.__class__}",
    "$(canary)",
    "; canary",
    "| canary",
    "=1+1",
    "@canary",
    "-canary",
    "+canary",
    "<br>",
    "#{7*7}",
    "\\<b>",
    "<b>bold</b>",
    "<i>it</i>",
)
SEVERAL = 150


def payloads(canary: str) -> list[str]:
    """The texts; `canary` is the address that must never be asked."""
    act = "window.ran=1"
    made = [
        *(text.format(act) for text in _HANDLERS),
        *(text.format(act) for text in _SCRIPTS),
        *(text.format(f"{canary}/{number}") for number, text in enumerate(_REQUESTS)),
        *_COMMANDS,
        *_NAMES,
    ]
    assert len(made) >= SEVERAL, len(made)
    assert len(set(made)) == len(made)
    return made


def plant(store: str, notebook: str, texts: list[str]) -> None:
    """A session of `notebook` in which each text is a cell, a run, a submission; in every field that a person reads."""
    ledger = open_store(store)
    mark = Fingerprint("frame", "a" * 64, type_name="pandas.DataFrame", shape=(3, 1), columns={texts[0]: "b" * 64})
    session = Session(
        "planted",
        "planted",
        "notebook",
        texts[0],
        "planted-experiment",
        1_790_000_000.0,
        ended=1_790_100_000.0,
        state="ended",
        notebook=NotebookRef("planted-id", notebook),
        user=texts[1],
        host=texts[2],
        tags={texts[3]: texts[4]},
        notes=texts[5:9],
    )
    goal = Goal("planted-experiment", 1_790_000_000.0, texts[10], metric=texts[11], at_least=0.5)
    append(ledger, session, goal, *(_cell(n, text, mark) for n, text in enumerate(texts, start=1)), writer="planted")
    ledger.save_runs("planted", [_run(n, text, mark) for n, text in enumerate(texts, start=1)], 1)
    for n, text in enumerate(texts, start=1):
        ledger.put(_verdict(n, text))
    for submission in _submissions(texts):
        ledger.put(submission)
    ledger.close()


def _cell(n: int, text: str, mark: Fingerprint) -> CellExecution:
    outputs = [
        Output("stream", text=text, name="stdout"),
        Output("result", "text/html", text),
        Output("display", "text/markdown", text),
        Output("display", "image/svg+xml", text),
        Output("display", "text/latex", text),
        Output("error", text=text),
    ]
    return CellExecution(
        "planted",
        n,
        text,
        "error" if n % 2 else "ok",
        cell=f"cell-{n}",
        prompt=n,
        started=1_790_000_000.0 + n,
        ended=1_790_000_001.0 + n,
        error=CellError(text, text, text) if n % 2 else None,
        outputs=outputs,
        reads=[Read(text)],
        writes=[VariableVersion(text, "rebound", mark)],
        opaque=[text],
        effects=[text],
        files=[FileAccess(text, "read", mark, text)],
    )


def _run(n: int, text: str, mark: Fingerprint) -> Run:
    return Run(
        f"planted-{n:04}",
        "planted-experiment",
        text,
        "planted",
        "failed" if n % 3 == 0 else "finished",
        1_790_000_000.0 + n,
        name=text,
        change=text,
        ended=1_790_000_002.0 + n,
        user=text,
        params=[Param(text, text), Param("n", n)],
        metrics=[Metric(text, n / 200), Metric("auc", n / 200, series=(0.1, 0.2, n / 200)), Metric("by", 0.5, key=text)],
        models=[ModelRef(f"planted:{n}:1", text, text, n=n)],
        datasets=[Dataset(text, mark, text, "X")],
        tags={text: text},
        cells=[n],
        slice_digest=f"{n:064x}",
        error=text,
    )


def _verdict(n: int, text: str) -> Verification:
    return Verification(
        f"verdict-{n}",
        f"planted-{n:04}",
        "planted",
        text,
        1_790_000_100.0 + n,
        "different",
        [ResultVerdict(text, "different", text, text, text)],
        f"{n:064x}",
        detail=text,
    )


def _submissions(texts: list[str]) -> Iterator[Submission]:
    for n, text in enumerate(texts, start=1):
        yield Submission(
            f"submission{n:05}planted",
            f"{n:064x}",
            "local",
            1_790_000_000.0 + n,
            "failed",
            f"planted-{n:04}",
            {text: text},
            Outcome("failed", text, n, text),
            text,
            text,
            text,
            {text: text},
            {text: text},
        )
