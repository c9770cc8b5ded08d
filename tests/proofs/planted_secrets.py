"""2,000 secrets, and the cells of a notebook that they are planted in: made from a seed; a known value stands in three places, another once.

Three groups: values that are known (environment, registered), keys in a provider's format, and values that only their name gives
away. A known or provider's value is put where it happens to go; a generic one stands in an assignment of some language.
"""

# ruff: noqa: E501 (tables, one line each)
from __future__ import annotations

import base64
import html
import itertools
import json
import random
import string
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

WORD = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
Make = Callable[[random.Random], str]


def some(alphabet: str, length: int) -> Make:
    return lambda rng: "".join(rng.choices(alphabet, k=length))


def pem(rng: random.Random) -> str:
    body = base64.b64encode(rng.randbytes(rng.choice([160, 320, 610]))).decode()
    kind = rng.choice(["RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "])
    lines = "\n".join(body[at:at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def jwt(rng: random.Random) -> str:
    part = lambda content: base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")  # noqa: E731
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': str(rng.random()), 'iat': 1516239022})}.{some(WORD + '_-', 43)(rng)}"


def b64(size: int) -> Make:
    return lambda rng: base64.b64encode(rng.randbytes(size)).decode()


def fmt(prefix: str, alphabet: str, length: int, suffix: str = "") -> Make:
    return lambda rng: prefix + "".join(rng.choices(alphabet, k=length)) + suffix


PROVIDERS: dict[str, Make] = {
    "aws id": fmt("AKIA", string.ascii_uppercase + "234567", 16),
    "aws session id": fmt("ASIA", string.ascii_uppercase + "234567", 16),
    "github": fmt("ghp_", WORD, 36), "github app": fmt("ghs_", WORD, 36), "github fine": lambda r: f"github_pat_{some(WORD, 22)(r)}_{some(WORD, 59)(r)}",
    "gitlab": fmt("glpat-", WORD + "-_", 20), "gitlab runner": fmt("glrt-", WORD + "_", 20),
    "slack bot": lambda r: f"xoxb-{some(string.digits, 12)(r)}-{some(string.digits, 12)(r)}-{some(WORD, 24)(r)}",
    "slack app": lambda r: f"xapp-1-A{some(string.ascii_uppercase + string.digits, 10)(r)}-{some(string.digits, 13)(r)}-{some(HEX, 64)(r)}",
    "stripe": fmt("sk_live_", WORD, 24), "stripe restricted": fmt("rk_live_", WORD, 24), "stripe webhook": fmt("whsec_", WORD, 32),
    "twilio": fmt("SK", HEX, 32), "sendgrid": lambda r: f"SG.{some(WORD + '_-', 22)(r)}.{some(WORD + '_-', 43)(r)}",
    "npm": fmt("npm_", WORD, 36), "pypi": fmt("pypi-AgEIcHlwaS5vcmc", WORD + "_-", 90), "huggingface": fmt("hf_", string.ascii_letters, 34),
    "openai": fmt("sk-proj-", WORD + "_-", 74), "openai old": lambda r: f"sk-{some(WORD, 20)(r)}T3BlbkFJ{some(WORD, 20)(r)}",
    "anthropic": fmt("sk-ant-api03-", WORD + "_-", 93), "databricks": fmt("dapi", HEX, 32), "google": fmt("AIza", WORD + "_-", 35),
    "google oauth": fmt("GOCSPX-", WORD + "_-", 28), "google token": fmt("ya29.a0", WORD + "_-", 100), "jwt": jwt, "pem": pem,
    "mailgun": fmt("key-", HEX, 32), "mailchimp": fmt("", HEX, 32, "-us14"), "digitalocean": fmt("dop_v1_", HEX, 64), "vault": fmt("hvs.", WORD + "_-", 90),
    "docker": fmt("dckr_pat_", WORD + "_-", 27), "grafana": fmt("glsa_", WORD, 32, "_1a2b3c4d"), "groq": fmt("gsk_", WORD, 52), "replicate": fmt("r8_", WORD, 37),
    "shopify": fmt("shpat_", HEX, 32), "azure secret": lambda r: f"{some(WORD, 3)(r)}8Q~{some(WORD, 34)(r)}", "newrelic": fmt("NRAK-", string.ascii_uppercase + string.digits, 27),
    "telegram": lambda r: f"{some('123456789', 9)(r)}:AA{some(WORD + '_-', 33)(r)}", "supabase": fmt("sbp_", HEX, 40), "langchain": lambda r: f"lsv2_pt_{some(HEX, 32)(r)}_{some(HEX, 10)(r)}",
}
"""Keys whose own form gives them away, wherever they stand."""

IN_CONTEXT: dict[str, tuple[Make, tuple[str, ...]]] = {
    "aws pair": (lambda r: "aB3/" + some(WORD + "/+", 36)(r), ("aws configure set x AKIAIOSFODNN7EXAMPLE {v}", "key AKIAIOSFODNN7EXAMPLE\nsecret {v}\n", "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {v}\n")),
    "azure storage": (b64(64), ("DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={v};EndpointSuffix=core.windows.net",)),
    "azure bus": (b64(32), ("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={v}",)),
    "azure sas": (lambda r: quote(b64(32)(r), safe=""), ("https://acct.blob.core.windows.net/c/f.csv?sv=2022-11-02&sr=b&sp=r&sig={v}",)),
    "slack webhook": (lambda r: f"T{some(string.ascii_uppercase, 8)(r)}/B{some(string.ascii_uppercase, 8)(r)}/{some(WORD, 24)(r)}", ("https://hooks.slack.com/services/{v}",)),
    "database url": (some(WORD + "!$*-_", 14), ("postgresql://app:{v}@db.example.com:5432/sales", "mysql+pymysql://root:{v}@10.0.0.5/x", "mongodb+srv://svc:{v}@cluster0.abcde.mongodb.net/test?retryWrites=true", "redis://:{v}@cache:6379/0", "amqp://guest2:{v}@mq//")),
    "git url": (fmt("", LOWER, 32), ("https://oauth2:{v}@gitlab.example.com/team/repo.git", "https://{v}@github.example.com/team/repo.git", "git+https://x-token:{v}@git.example.com/a/b.git#egg=b")),
    "query": (some(WORD, 28), ("https://api.example.com/v1/data?limit=10&token={v}", "https://api.example.com/q?api_key={v}&x=1", "https://maps.example.com/x?signature={v}&y=2", "https://h.example.com/f?access_token={v}", "https://s3.amazonaws.com/b/k?X-Amz-Algorithm=AWS4&X-Amz-Signature={v}")),
    "bearer": (some(WORD + "-_", 40), ("Authorization: Bearer {v}", "curl -H 'authorization: bearer {v}' https://x.example.com")),
    "basic": (lambda r: base64.b64encode(f"user{r.randrange(9)}:{some(WORD, 12)(r)}".encode()).decode(), ("Authorization: Basic {v}", "{{'Authorization': 'Basic {v}'}}")),
    "gcp key id": (fmt("", HEX, 40), ('{{"type": "service_account", "private_key_id": "{v}", "client_email": "a@b.iam.gserviceaccount.com"}}',)),
    "pip index": (some(WORD, 22), ("pip install --index-url https://build:{v}@packages.example.com/simple pandas", "--extra-index-url https://__token__:{v}@pkgs.example.com/simple")),
}
"""Keys that are known by what stands around them."""

NAMES = ("password", "db_password", "DB_PASSWORD", "passwd", "user_password", "mysql_pwd", "secret", "client_secret", "SECRET_KEY", "secret_key", "api_key", "apiKey",
         "API_KEY", "OPENWEATHER_API_KEY", "apikey", "access_key", "private_key", "auth_token", "access_token", "refresh_token", "ACCESS_TOKEN", "token", "TOKEN", "bot_token",
         "encryption_key", "passphrase", "smtp_password", "redis_password", "admin_password", "credentials", "webhook_secret", "jwt_secret", "x-api-key", "db_pass")
ASSIGNMENTS = (
    "{n} = '{v}'", '{n} = "{v}"', "{n}='{v}'", '{n}: str = "{v}"', "config['{n}'] = '{v}'", "{{'user': 'bob', '{n}': '{v}'}}", '{{"{n}": "{v}", "port": 5432}}', "connect(host='h', {n}='{v}')",
    "os.environ['{n}'] = '{v}'", "os.environ.setdefault('{n}', '{v}')", "os.getenv('{n}', '{v}')", "self.{n} = '{v}'", "{n} = SecretStr('{v}')", "{n} = (\n    '{v}'\n)", "{n} = b'{v}'", "{n} = '''{v}'''",
    "{n}={v}\n", "export {n}={v}\n", "{n}: {v}\n", "  {n}: '{v}'\n", "{n} = {v}\n", "[db]\nuser = bob\n{n} = {v}\n", "--{n}={v}", "tool --{n} {v} --verbose", "--{n} '{v}'", "Server=x;Uid=sa;{n}={v};Timeout=3",
    '{{\\"{n}\\": \\"{v}\\"}}', "&quot;{n}&quot;: &quot;{v}&quot;", "<{n}>{v}</{n}>", "ALTER USER bob IDENTIFIED BY '{v}'", "CREATE ROLE bob WITH LOGIN PASSWORD '{v}'", "SET {n} = '{v}'", "curl -u bob:{v} https://x.example.com",
    "requests.get(url, auth=('bob', '{v}'))", "HTTPBasicAuth('bob', '{v}')", "{n} := '{v}'", "{n} is: {v}", "connecting with {n}={v} to host", "{n} => '{v}'", "keyring.set_password('svc', 'bob', '{v}')", "df[['user', '{n}']] -> '{n}': '{v}'",
)


def password(rng: random.Random) -> str:
    """What people choose and generators make."""
    words = ("sunshine", "dragon", "monkey", "falcon", "winter", "coffee", "purple", "matrix", "hunter", "tiger", "london", "silver")
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(words).capitalize() + str(rng.randrange(10_000, 99_999)) + rng.choice("!?#*")
    if kind == 1:
        return rng.choice(words) + str(rng.randrange(10_000, 99_999))
    if kind == 2:
        return some(HEX, 32)(rng)
    if kind == 3:
        return some(WORD, rng.randrange(12, 40))(rng)
    if kind == 4:
        return some(WORD + "!#%*+-_=.~", 16)(rng)
    if kind == 5:
        return "-".join(some(HEX, size)(rng) for size in (8, 4, 4, 4, 12))
    if kind == 6:
        return base64.urlsafe_b64encode(rng.randbytes(24)).decode()
    return "".join(word.capitalize() for word in rng.sample(words, 3)) + str(rng.randrange(100, 999))


@dataclass
class Plant:
    """One secret, where it was put, and the bytes to look for afterwards."""

    group: str
    kind: str
    place: str
    value: str
    needles: tuple[bytes, ...]


@dataclass
class Notebook:
    """`values`: what the kernel knows before it is tracked, as list `P`. `environ`, `registered`: indices into it."""

    cells: list[str] = field(default_factory=list)
    plants: list[Plant] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    registered: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    module: list[str] = field(default_factory=list)
    diff: list[str] = field(default_factory=list)
    remote: str = ""


SOURCES: dict[str, str] = {
    "source: literal": "x_{i} = {r}", "source: comment": "y_{i} = 1  # {one}", "source: list": "z_{i} = [1, {r}, None]", "source: dict": "d_{i} = {{'a': {r}}}", "source: triple quotes": "t_{i} = '''\nbegin\n{q}\nend\n'''",
    "source: f-string": "f_{i} = f'{{1 + 1}}' f{r}", "source: json text": "j_{i} = {j!r}", "source: bytes": "b_{i} = {r}.encode()", "source: writefile": "%%writefile conf_{i}.txt\n{v}", "source: shell": "!echo {shell} > /dev/null",
    "source: call": "print(len({r}))", "source: bash": "%%bash\necho {shell} > /dev/null", "source: default": "def fun_{i}(a={r}):\n    return a",
}
OUTPUTS: dict[str, str] = {
    "output: print": "print('value', P[{i}], 'end')", "output: stderr": "import sys\nprint(P[{i}], file=sys.stderr)", "output: result": "P[{i}]", "output: list": "[P[{i}], 1]", "output: dict": "{{'a': P[{i}]}}",
    "output: json": "import json\nprint(json.dumps({{'a': P[{i}]}}, indent=1))", "output: html": "from IPython.display import HTML, display\ndisplay(HTML('<b>' + P[{i}] + '</b>'))", "output: markdown": "from IPython.display import Markdown, display\ndisplay(Markdown('**' + P[{i}] + '**'))",
    "output: data frame": "pd.DataFrame({{'n': [1, 2], 'c': ['x', P[{i}]]}})", "output: series": "print(pd.Series([P[{i}]] * 2).to_string())", "output: pieces": "import sys\nfor letter in P[{i}]:\n    _n = sys.stdout.write(letter)\nprint()",
    "output: two pieces": "import sys\n_n = sys.stdout.write('a ' + P[{i}][:7])\n_n = sys.stdout.write(P[{i}][7:] + ' b')", "output: flushed": "print(P[{i}][:5], end='', flush=True)\nprint(P[{i}][5:])", "output: logging": "import logging\nlogging.warning('using %s', P[{i}])",
    "output: warning": "import warnings\nwarnings.warn('with ' + P[{i}])", "output: json mime": "from IPython.display import JSON, display\ndisplay(JSON({{'k': P[{i}]}}))", "output: svg": "from IPython.display import SVG, display\ndisplay(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"><text>' + __import__('html').escape(P[{i}]) + '</text></svg>'))",
    "output: cut": "print('.' * 65_530 + P[{i}])", "error: message": "raise ValueError('cannot log in with ' + P[{i}])", "error: key": "{{}}[P[{i}]]", "error: chain": "try:\n    int(P[{i}])\nexcept ValueError as first:\n    raise RuntimeError('again') from first",
    "error: note": "e_{i} = OSError('x')\ne_{i}.add_note(P[{i}])\nraise e_{i}", "process": "import subprocess\n_r = subprocess.run(['true', '--with', P[{i}]], check=False)", "file": "open('gone-' + P[{i}].replace('/', '_')[:180], 'w').close()", "sql": "import sqlite3\ntry:\n    sqlite3.connect(':memory:').execute(\"select * from t where k = '\" + P[{i}] + \"'\")\nexcept sqlite3.Error as error:\n    print(error)",
    "param": "mlops.log_param('p_{i}', P[{i}])", "params": "mlops.log_params({{'q_{i}': P[{i}]}})", "metric name": "mlops.log_metric(P[{i}], 1.0)", "variable": "v_{i} = P[{i}]", "held": "h_{i} = [P[{i}]]\nh_{i}.append(1)", "run name": "mlops.start_run(P[{i}])", "file path": "open('w-{i}', 'w').write(P[{i}])",
    "interactive error": "from pathlib import Path\nPath('/nonexistent/' + P[{i}][:100]).read_text()",
}
KNOWN_ONLY: dict[str, str] = {
    "spelled: base64": "import base64\nprint(base64.b64encode(P[{i}].encode()).decode())", "spelled: basic header": "import base64\nprint('Authorization: Basic ' + base64.b64encode(('user:' + P[{i}]).encode()).decode())", "spelled: percent": "import urllib.parse\nprint(urllib.parse.quote(P[{i}], safe=''))",
    "spelled: query": "import urllib.parse\nprint(urllib.parse.urlencode({{'q': P[{i}]}}))", "spelled: repr": "print(repr(P[{i}]))", "spelled: json in json": "import json\nprint(json.dumps(json.dumps(P[{i}])))", "spelled: html": "import html\nprint(html.escape(P[{i}]))", "spelled: wrapped": "import textwrap\nprint('\\n'.join(textwrap.wrap(P[{i}], 9, break_on_hyphens=False)))",
    "spelled: literals": "k_{i} = {halves}", "spelled: wrapped source": "w_{i} = '''{wrapped}'''", "spelled: hex": "print(P[{i}].encode().hex())", "spelled: name": "import os\nos.environ['PLAIN_{i}'] = P[{i}]\nprint(os.environ['PLAIN_{i}'])",
}
PROVIDER_ONLY: dict[str, str] = {"spelled: literals": "k_{i} = {halves}", "spelled: wrapped source": "w_{i} = '''{wrapped}'''", "spelled: base64": "import base64\nprint(base64.b64encode(('k: ' + P[{i}]).encode()).decode())"}


def spelled(place: str, value: str) -> tuple[str, ...]:
    """The text by which a value is recognised where it was put there."""
    if place == "spelled: wrapped":
        return ("\\n".join(textwrap.wrap(value, 9, break_on_hyphens=False)[:2]),)
    if place in {"spelled: literals", "spelled: wrapped source"}:
        half = len(value) // 2
        return (f"{value[:half]}\\n{value[half:]}", *((value[:half], value[half:]) if half > 9 else ()))
    if place == "spelled: base64":
        return (base64.b64encode(value.encode()).decode()[:-4], base64.b64encode(("k: " + value).encode()).decode()[4:-4])
    if place == "spelled: basic header":
        return (base64.b64encode(("user:" + value).encode()).decode()[8:-4],)
    if place == "spelled: hex":
        return (value.encode().hex(),)
    return (value, quote(value, safe=""), html.escape(value))


def needles(place: str, value: str) -> tuple[bytes, ...]:
    """The bytes to look for: as put there, and as JSON writes it; of a PEM block its lines."""
    found: set[str] = set()
    for text in spelled(place, value):
        found |= {line for line in text.splitlines() if "-----" not in line} if "\n" in text else {text}
    return tuple(sorted({spelling.encode() for text in found if len(text) >= 6 for spelling in (text, json.dumps(text)[1:-1])}))


def source_of(template: str, i: int, value: str) -> str:
    half = len(value) // 2
    return template.format(
        i=i, v=value, r=repr(value), q=value.replace("\\", "\\\\").replace("'''", ""), one=value.replace("\n", " "), j=json.dumps({"user": "bob", "data": value}),
        shell="'" + value.replace("\n", " ") + "'", halves=f"({value[:half]!r}\n    {value[half:]!r})", wrapped=value[:half] + "\n" + value[half:])


def planted(seed: int, known: int, provider: int, generic: int) -> Notebook:
    """The notebook."""
    rng = random.Random(seed)
    book = Notebook()
    few = _known_values(rng)
    several = [next(few) for _ in range(max(known // 3, 1))]
    for group, count, values, places in (
        ("known", known, itertools.cycle(several), [*SOURCES.items(), *OUTPUTS.items(), *KNOWN_ONLY.items()]),
        ("provider", provider, _provider_values(rng), [*SOURCES.items(), *OUTPUTS.items(), *PROVIDER_ONLY.items()]),
        ("generic", generic, _generic_values(rng), [*SOURCES.items(), *((name, cell) for name, cell in OUTPUTS.items() if name in GENERIC_PLACES)]),
    ):
        for number in range(count):
            kind, value, text = next(values)
            place, template = places[number % len(places)]
            if group == "provider" and place.startswith("spelled") and kind in IN_CONTEXT | {"pem": 0}:
                place, template = "output: print", OUTPUTS["output: print"]
            i = len(book.values)
            book.values.append(text)
            if group != "known" or number >= len(several):
                pass
            elif number % 3:
                book.environ[f"SVC{number}_{rng.choice(['API_KEY', 'TOKEN', 'PASSWORD', 'SECRET', 'DB_PASSWORD', 'ACCESS_KEY'])}"] = value
            else:
                book.registered.append(value)
            book.cells.append(source_of(template, i, text))
            book.plants.append(Plant(group, kind, place, value, needles(place, value)))
    _around(rng, book)
    rng.shuffle(book.cells)
    return book


GENERIC_PLACES = ("output: print", "output: stderr", "error: message", "output: logging", "output: pieces", "param", "output: markdown")


def _around(rng: random.Random, book: Notebook) -> None:
    """Where no cell leads: tags, a module of the user's, git's remote and diff, a table that is shown."""
    def plant(group: str, kind: str, place: str, value: str) -> str:
        book.plants.append(Plant(group, kind, place, value, needles(place, value)))
        return value

    kinds = sorted(PROVIDERS.keys() - {"pem"})
    for number in range(12):
        book.tags[f"tag{number}"] = plant("provider", kinds[number], "tag", PROVIDERS[kinds[number]](rng))
        book.module.append(f"CONST_{number} = {plant('provider', kinds[number], 'module', PROVIDERS[kinds[number]](rng))!r}")
        book.module.append(f"db_password_{number} = {plant('generic', 'password', 'module', password(rng))!r}")
        book.diff.append(f"key{number}: {plant('provider', kinds[-number], 'git diff', PROVIDERS[kinds[-number]](rng))}")
        i = len(book.values)
        book.values.append(plant("generic", "column", "data frame column", password(rng)))
        book.cells.append(f"pd.DataFrame({{'user': ['a', 'bob'], '{NAMES[number]}': [P[{i}], P[{i}]]}})")
    book.tags["api_key"] = plant("generic", "password", "tag", password(rng))
    book.remote = f"https://bot:{plant('provider', 'git url', 'git remote', some(LOWER, 30)(rng))}@git.example.com/a/b.git"


def _known_values(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    special = string.ascii_letters + string.digits + "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~\\"
    while True:
        kind, make = rng.choice([("random", some(WORD, 24)), ("special", some(special, 18)), ("password", password), ("hex", some(HEX, 32)), ("base64", b64(30)), ("unicode", lambda r: "pä$$" + some(WORD, 12)(r) + "é")])
        value = make(rng)
        if value[0] not in "-" and len(set(value)) > 5:
            yield kind, value, value


def _provider_values(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    while True:
        for kind, make in PROVIDERS.items():
            value = make(rng)
            yield kind, value, value
        for kind, (make, contexts) in IN_CONTEXT.items():
            value = make(rng)
            yield kind, value, rng.choice(contexts).format(v=value)


def _generic_values(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    while True:
        for context in ASSIGNMENTS:
            value, name = password(rng), rng.choice(NAMES)
            yield context, value, context.format(n=name, v=value)
