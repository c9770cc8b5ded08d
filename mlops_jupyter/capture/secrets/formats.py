"""Formats by which providers' keys are recognised, each behind the plain substrings without which it cannot match.

Sources: the providers' own pages on secret scanning, and the rules of gitleaks and detect-secrets where those agree.
"""

# ruff: noqa: E501 (patterns, one to a line)
from __future__ import annotations

import base64
import binascii
import functools
import re
from typing import NamedTuple

from mlops_jupyter.capture.secrets.spans import Span
from mlops_jupyter.capture.secrets.words import is_placeholder, looks_random


class Format(NamedTuple):
    """`hints`: one of them stands in every text that `pattern` matches, `inside` the match or at its very beginning.

    The secret is group 1, else the whole match.
    """

    kind: str
    hints: tuple[str, ...]
    pattern: str
    inside: bool = False


_BODY = r"[A-Za-z0-9+/=\s\\\"'+,:()\-|│>#]"
_PEM = (
    rf"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:{_BODY}{{4,20000}}?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    rf"|(?=(?:\\[nrt]|[\s\"'+\\,(]|[A-Z][A-Za-z-]+: [^\n]*)*[A-Za-z0-9+/=]{{24}}){_BODY}{{24,20000}})"
)
FORMATS = (
    Format("pem", ("-----BEGIN",), _PEM),
    Format("aws", ("AKIA", "ASIA", "ABIA", "ACCA"), r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}(?![A-Za-z0-9])"),
    Format("github", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36,}"),
    Format("mlops", ("mlops_",), r"(?<![A-Za-z0-9_])mlops_[a-z2-7]{52}(?![A-Za-z0-9])"),
    Format("github", ("github_pat_",), r"github_pat_[A-Za-z0-9_]{50,}"),
    Format("gitlab", ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glft-", "gloas-", "glagent-"),
           r"(?<![A-Za-z0-9])gl(?:pat|dt|rt|ptt|cbt|soat|ft|oas|agent)-[A-Za-z0-9_.-]{20,}"),
    Format("slack", ("xox",), r"(?<![A-Za-z0-9])xox[abeoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}"),
    Format("slack", ("xapp-",), r"(?<![A-Za-z0-9])xapp-\d-[A-Za-z0-9-]{10,}"),
    Format("webhook", ("hooks.slack.com",), r"hooks\.slack\.com\\?/(?:services|workflows|triggers)\\?/([A-Za-z0-9_/\\-]{20,})"),
    Format("webhook", ("/api/webhooks/", "\\/webhooks\\/"), r"discord(?:app)?\.com\\?/api\\?/webhooks\\?/([0-9]{10,}\\?/[A-Za-z0-9_-]{30,})",
           inside=True),
    Format("webhook", ("webhook.office.com",), r"webhook\.office\.com\\?/webhookb2\\?/([A-Za-z0-9@/\\-]{36,})"),
    Format("anthropic", ("sk-ant-",), r"(?<![A-Za-z0-9])sk-ant-[A-Za-z0-9_-]{20,}"),
    Format("openai", ("sk-",), r"(?<![A-Za-z0-9])sk-(?:(?:proj|svcacct|admin|or-v1|None|lf|live|test)-[A-Za-z0-9_-]{20,}"
                               r"|(?=[A-Za-z0-9_-]{0,60}[0-9])(?=[A-Za-z0-9_-]{0,60}[A-Z])[A-Za-z0-9_-]{20,}|[a-z0-9]{32,})"),
    Format("google", ("AIza",), r"(?<![A-Za-z0-9])AIza[0-9A-Za-z_-]{35}"),
    Format("google", ("GOCSPX-",), r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    Format("google", ("ya29.",), r"(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{20,}"),
    Format("stripe", ("k_live_", "k_test_"), r"(?<![A-Za-z0-9])[rsp]k_(?:live|test)_[0-9A-Za-z]{16,}", inside=True),
    Format("stripe", ("whsec_",), r"whsec_[A-Za-z0-9+/=]{24,}"),
    Format("twilio", ("SK", "AC"), r"(?<![A-Za-z0-9])(?:SK|AC)(?=[a-f]*[0-9])[0-9a-f]{32}(?![0-9a-zA-Z])"),
    Format("sendgrid", ("SG.",), r"(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    Format("mailgun", ("key-",), r"(?<![A-Za-z0-9-])key-[0-9a-f]{32}(?![0-9a-zA-Z])"),
    Format("mailchimp", ("-us",), r"(?<![A-Za-z0-9])[0-9a-f]{32}-us[0-9]{1,2}(?![0-9a-zA-Z])", inside=True),
    Format("npm", ("npm_",), r"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}"),
    Format("pypi", ("pypi-",), r"(?<![A-Za-z0-9])pypi-[A-Za-z0-9_-]{50,}"),
    Format("huggingface", ("hf_", "api_org_"), r"(?<![A-Za-z0-9_])(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    Format("databricks", ("dapi",), r"(?<![A-Za-z0-9])dapi[0-9a-f]{32}(?:-[0-9])?(?![0-9a-zA-Z])"),
    Format("azure", ("Q~",), r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}", inside=True),
    Format("azure", ("AccountKey", "SharedAccessKey", "accountkey", "sharedaccesskey"),
           r"(?i:AccountKey|SharedAccessKey)\s*=\s*([A-Za-z0-9+/%]{20,}(?:=|%3D){0,2})"),
    Format("azure", ("SharedAccessSignature",), r"SharedAccessSignature\s*[= ]\s*(s[a-z]{1,2}=[^\s;\"'<>]{16,})"),
    Format("shopify", ("shp",), r"(?<![A-Za-z0-9])shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    Format("digitalocean", ("_v1_",), r"(?<![A-Za-z0-9])do[opr]_v1_[0-9a-f]{64}", inside=True),
    Format("vault", ("hvs.", "hvb.", "hvr."), r"(?<![A-Za-z0-9])hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    Format("terraform", (".atlasv1.",), r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}", inside=True),
    Format("docker", ("dckr_",), r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    Format("grafana", ("glc_", "glsa_"), r"(?<![A-Za-z0-9])gl(?:c|sa)_[A-Za-z0-9+/=_]{30,}"),
    Format("groq", ("gsk_",), r"(?<![A-Za-z0-9])gsk_[A-Za-z0-9]{40,}"),
    Format("xai", ("xai-",), r"(?<![A-Za-z0-9])xai-[A-Za-z0-9_]{40,}"),
    Format("perplexity", ("pplx-",), r"(?<![A-Za-z0-9])pplx-[A-Za-z0-9]{32,}"),
    Format("replicate", ("r8_",), r"(?<![A-Za-z0-9])r8_[A-Za-z0-9]{30,}"),
    Format("langchain", ("lsv2_",), r"lsv2_(?:pt|sk)_[0-9a-f_]{32,}"),
    Format("pinecone", ("pcsk_",), r"pcsk_[A-Za-z0-9_]{40,}"),
    Format("linear", ("lin_api_",), r"lin_api_[A-Za-z0-9]{30,}"),
    Format("notion", ("ntn_",), r"(?<![A-Za-z0-9])ntn_[A-Za-z0-9]{40,}"),
    Format("atlassian", ("ATATT3", "ATCTT3", "ATBB"), r"(?<![A-Za-z0-9])(?:AT[AC]TT3[A-Za-z0-9_=-]{60,}|ATBB[A-Za-z0-9]{32})"),
    Format("planetscale", ("pscale_",), r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{30,}"),
    Format("prefect", ("pnu_", "pnb_"), r"(?<![A-Za-z0-9])pn[ub]_[A-Za-z0-9]{36}"),
    Format("dbt", ("dbtc_", "dbtu_", "dbts_"), r"(?<![A-Za-z0-9])dbt[cus]_[A-Za-z0-9_=-]{30,}"),
    Format("supabase", ("sbp_",), r"(?<![A-Za-z0-9])sbp_[0-9a-f]{40}"),
    Format("figma", ("figd_",), r"figd_[A-Za-z0-9_-]{30,}"),
    Format("doppler", ("dp.",), r"(?<![A-Za-z0-9])dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{40,}"),
    Format("sentry", ("sntry",), r"sntry[su]_[A-Za-z0-9+/=_]{40,}"),
    Format("newrelic", ("NRAK-",), r"NRAK-[A-Z0-9]{27}"),
    Format("postman", ("PMAK-",), r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Format("square", ("sq0",), r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,}"),
    Format("rubygems", ("rubygems_",), r"rubygems_[0-9a-f]{48}"),
    Format("artifactory", ("AKCp", "cmVmd"), r"(?<![A-Za-z0-9])(?:AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{40,})"),
    Format("telegram", (":AA",), r"(?<![0-9A-Za-z])[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", inside=True),
    Format("age", ("AGE-SECRET-KEY-",), r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    Format("jwt", ("eyJ",), r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{4,})?"),
    Format("bearer", ("earer", "EARER"), r"(?i:\bbearer) +(?=[A-Za-z._~+/-]*[0-9A-Z])([A-Za-z0-9._~+/-]{16,}=*)", inside=True),
    Format("bearer", ("earer",), r"\b[Bb]earer +([A-Za-z0-9._~+/-]{20,}=*)", inside=True),
)
_OF_HINT: dict[str, list[Format]] = {}
_APART = {"earer": [one for one in FORMATS if "earer" in one.hints], "EARER": [one for one in FORMATS if "EARER" in one.hints]}
"""A word and, after a space, the secret."""
for _format in FORMATS:
    for _hint in _format.hints:
        if _hint not in _APART:
            _OF_HINT.setdefault(_hint, []).append(_format)
_BASIC = re.compile(r"\b[Bb]asic[ :]+([A-Za-z0-9+/_-]{8,}={0,2})")
_USERINFO = re.compile(
    r":(?:\\?/){1,2}(?:([^\s/:@'\"<>\\()\[\],;]*:(?!\d{1,5}(?:[/\s'\"?#,]|$))[^\s'\"<>@]*[^\s'\"<>]*)|([A-Za-z0-9_.~-]{16,}))@(?=[\w\[{])")
_USER_OPTION = re.compile(r"(?:^|\s)(?:-u|--user|--proxy-user)[ =]\s*['\"]?[^\s:'\"]+:([^\s'\"]{4,})")
_PARAMETER = (
    r"(?i:(?:[a-z_]*(?:token|secret|password|passwd|pwd|signature)|sig|api_?key|apikey|key|auth|code|jwt|access_key"
    r"|subscription-key|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|awsaccesskeyid)"
    r"(?:=|%3D)([^&\s'\"<>#;\\]{6,}))"
)
_QUERY = re.compile(rf"[?&;]{_PARAMETER}")
_QUERY_ENCODED = re.compile(rf"(?:\\u0026|%26|%3F){_PARAMETER}")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_-])")
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{24,}={0,2}")
_MOST_DECODED = 20_000
"""Longer texts are not searched for base64: they hold pictures."""


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def hints_in(text: str) -> list[str]:
    """The hints that stand in the text, in words long enough for a key or the first part of a broken one."""
    shortest = 9 if len(text) < _MOST_DECODED else 15
    words = "\n".join([word for word in text.split() if len(word) > shortest])
    found = [hint for hint in _OF_HINT if hint in words] if words else []
    return [*found, *[hint for hint in _APART if hint in text]] if "earer" in text or "EARER" in text else found


def find(text: str, hints: list[str] | None = None) -> list[Span]:
    """Where the formats match. `hints`: those in the text, where they are known already."""
    found: list[Span] = []
    for hint in hints_in(text) if hints is None else hints:
        for one in _OF_HINT.get(hint) or _APART[hint]:
            pattern = _compiled(one.pattern)
            if one.inside:
                found += [_span(one.kind, match) for match in pattern.finditer(text)]
                continue
            at = text.find(hint)
            while at >= 0:
                if (match := pattern.match(text, at)) is not None:
                    found.append(_span(one.kind, match))
                at = text.find(hint, at + 1)
    if any(span.kind == "aws" for span in found):
        found += [Span(match.start(), match.end(), "aws", match[0]) for match in _AWS_SECRET.finditer(text) if _is_aws(match[0])]
    if "@" in text and (":/" in text or ":\\/" in text):
        found += _userinfo(text)
    if "=" in text and ("?" in text or "&" in text):
        found += [_span("url", match) for match in _QUERY.finditer(text) if _is_parameter(match)]
    if "%3D" in text or "u0026" in text:
        found += [_span("url", match) for match in _QUERY_ENCODED.finditer(text) if _is_parameter(match)]
    if " -u" in text or "-user" in text:
        found += [_span("literal", match) for match in _USER_OPTION.finditer(text) if not is_placeholder(match[1])]
    if "asic" in text:
        found += [_span("basic", match) for match in _BASIC.finditer(text) if ":" in _decoded(match[1])]
    return found


def _span(kind: str, match: re.Match[str]) -> Span:
    group = 1 if match.re.groups and match[1] is not None else 0
    return Span(match.start(group), match.end(group), kind, match[group])


def _userinfo(text: str) -> list[Span]:
    found: list[Span] = []
    for match in _USERINFO.finditer(text):
        if match[2] is not None:
            if looks_random(match[2]):
                found.append(Span(match.start(2), match.end(2), "url", match[2]))
            continue
        user, _, password = match[1].partition(":")
        if not is_placeholder(password) and "{" not in password and (password != user or len(password) >= 8):
            found.append(Span(match.start(1), match.end(1), "url", match[1]))
    return found


def _is_parameter(match: re.Match[str]) -> bool:
    value = match[1]
    if is_placeholder(value) or "{" in value:
        return False
    strong = re.search(r"token|secret|passw|pwd|sig|api|credential", match[0][: match.start(1) - match.start()], re.IGNORECASE)
    return looks_random(value) or (strong is not None and not value.isalpha() and not value.replace("_", "").isalpha())


def _is_aws(value: str) -> bool:
    return any(map(str.isupper, value)) and any(map(str.islower, value)) and any(map(str.isdigit, value))


def _decoded(token: str) -> str:
    """What base64 stands for, "" if it is none or no plain text."""
    core = token.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        text = base64.b64decode(core + "=" * (-len(core) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return text if text.isprintable() or "\n" in text else ""


def find_encoded(text: str) -> list[Span]:
    """Base64 whose content holds a format."""
    if len(text) > _MOST_DECODED:
        return []
    return [Span(match.start(), match.end(), "base64", match[0]) for match in _ENCODED.finditer(text)
            if match[0][:1].isalpha() and (plain := _decoded(match[0])) and find(plain)]

